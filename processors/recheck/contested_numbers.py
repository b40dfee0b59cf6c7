"""Which order the reports of a contested tracking number belong to (rules.md 6).

The slow path of report matching, which also finds the orders of reports that name an order id but
no merchant. It is worked off from the recheck queue, one number or order id after the other, and
from nothing but what is stored: the answer does not depend on the order in which orders and reports
came.
"""

from collections.abc import Iterable, Mapping, Sequence

from processors.intake.tracking_snapshot import IDLE, attachable, fact
from rules.order.carrier_reports import meaning_on_leg, numbers_of, within_reach
from rules.order.facts import CarrierReport, OrderFacts
from rules.order.folding import fold_report
from schemas.carriers import CodeTable, Meaning
from schemas.ids import Micros
from store.carriers import awaiting_order, tracking, unknown_codes
from store.carriers.awaiting_order import Waiting
from store.carriers.tracking import AMBIGUOUS, CROWDED, StoredReport, TrackingRow
from store.orders import orders
from store.orders.orders import OrderKey, OrderRow
from store.postgres.interning import InternedStrings
from store.postgres.session import Cursor


def reassign_reports(
    cursor: Cursor, numbers: Sequence[bytes], words: InternedStrings, codes: CodeTable, now: Micros
) -> list[OrderRow]:
    """Decides again to which orders the reports of some numbers belong.

    Answers the orders that it changed, locked, to be settled and written.

    A key that begins with `awaiting_order.ORDER_KEY_PREFIX` names an order id for which reports
    without a merchant wait. Locks all that it needs: the caller must hold no order yet, and lock
    none after. Raises NotInterned.
    """
    prefix = awaiting_order.ORDER_KEY_PREFIX
    order_ids = sorted({key[len(prefix) :] for key in numbers if key.startswith(prefix)})
    rows = tracking.lock(cursor, sorted({key for key in numbers if not key.startswith(prefix)}))
    waiting = awaiting_order.lock(cursor, order_ids) if order_ids else []
    owners = awaiting_order.owners(cursor, order_ids) if order_ids else {}
    only_owner = {order_id: next(iter(keys)) for order_id, keys in owners.items() if len(keys) == 1}
    claimants = {key for row in rows.values() for key in row.claims}
    # Orders are locked after tracking rows, everywhere: other orders of locking would deadlock.
    locked = orders.lock(cursor, sorted(claimants | set(only_owner.values())), words)
    changed: set[OrderKey] = set()
    for row in rows.values():
        changed |= _share_out(row, locked, words, codes)
    tracking.write(cursor, rows.values(), now)
    changed |= _hand_over(cursor, waiting, only_owner, locked, words)
    for key in only_owner.values():
        if key in locked and _look_up_again(locked[key].facts, codes):
            changed.add(key)
    return [locked[key] for key in sorted(changed)]


def apply_new_codes(rows: Iterable[OrderRow], codes: CodeTable) -> None:
    """Resolves codes of locked orders that were unknown when their reports came.

    Replaces `facts.reports` only where one is known now.
    """
    for row in rows:
        if row.facts.reports:
            _look_up_again(row.facts, codes)


def purge_reports(
    cursor: Cursor, now: Micros, words: InternedStrings, limit: int
) -> dict[str, int]:
    """Forgets reports for which no order came in 180 days (rules.md 6); how many of each kind."""
    unmatched = tracking.purge(cursor, now, limit)
    waiting = awaiting_order.purge(cursor, now, limit)
    purged: list[tuple[bytes, StoredReport]] = []
    for number, key, meaning in unmatched:
        purged += [(number, report) for report in tracking.unpack_reports([(key, meaning)], words)]
    forgotten = {
        ((*_line(report.service), report.code), number)
        for number, report in purged
        if report.meaning is Meaning.UNKNOWN
    }
    for order_id, packed in waiting:
        named = awaiting_order.report_of(packed, words)
        if named.meaning is Meaning.UNKNOWN:
            key = awaiting_order.ORDER_KEY_PREFIX + order_id
            forgotten.add(((*_line(named.service), named.code), key))
    unknown_codes.forget_reports(cursor, forgotten)
    return {"unmatched": len(unmatched), "awaiting_order": len(waiting)}


def ask_for_known_codes(cursor: Cursor, codes: CodeTable) -> None:
    """Asks for a recheck of reports whose codes were unknown when they came and are known now."""
    for carrier, service, code in unknown_codes.codes(cursor):
        if codes.look_up(carrier, service, code, None)[0] is not Meaning.UNKNOWN:
            unknown_codes.ask(cursor, (carrier, service, code))


def _line(service: str) -> tuple[str, str]:
    """Carrier and service."""
    carrier, _, line = service.partition("/")
    return carrier, line


def _share_out(
    row: TrackingRow, locked: Mapping[OrderKey, OrderRow], words: InternedStrings, codes: CodeTable
) -> set[OrderKey]:
    """Gives every report of a number to the only order that it can mean.

    Answers the orders whose reports changed.
    """
    _learn_meanings(row, words, codes)
    shares: dict[OrderKey, list[CarrierReport]] = {key: [] for key in row.claims}
    ambiguous = bool(row.flags & CROWDED and row.packed)
    if len(row.claims) == 1:
        # Whether it is still the order's number, and how old the report is, the rules check.
        shares = {key: attachable(row, key[0], words) for key in row.claims}
    elif not row.flags & CROWDED:
        ambiguous |= _share_among_several(row, locked, words, shares)
    flags = row.flags & ~AMBIGUOUS | (AMBIGUOUS if ambiguous else 0)
    if flags != row.flags:
        row.flags, row.changed = flags, True
    return {
        key
        for key, share in shares.items()
        if key in locked and _replace_reports(locked[key].facts, row.number, share)
    }


def _share_among_several(
    row: TrackingRow,
    locked: Mapping[OrderKey, OrderRow],
    words: InternedStrings,
    shares: Mapping[OrderKey, list[CarrierReport]],
) -> bool:
    """Adds the reports to the shares of their orders; whether some could mean several orders."""
    ambiguous = False
    naming = [
        key for key in row.claims if key in locked and row.number in numbers_of(locked[key].facts)
    ]
    for report in tracking.unpack_reports(row.reports.items(), words):
        candidates = [key for key in naming if _may_mean(report, key, locked[key].facts)]
        if len(candidates) > 1:
            ambiguous = True
        elif candidates and report.meaning not in IDLE:
            shares[candidates[0]].append(fact(report, row.number))
    return ambiguous


def _may_mean(report: StoredReport, key: OrderKey, facts: OrderFacts) -> bool:
    created = facts.record.created_at if facts.record is not None else None
    return report.merchant_no in (0, key[0]) and within_reach(created, report.at)


def _replace_reports(facts: OrderFacts, number: bytes, share: Iterable[CarrierReport]) -> bool:
    """Makes these the order's reports of the number; False when they were already."""
    before = facts.reports
    facts.reports = tuple([report for report in before if report.named or report.number != number])
    for report in share:
        fold_report(facts, report)
    return facts.reports != before


def _learn_meanings(row: TrackingRow, words: InternedStrings, codes: CodeTable) -> None:
    """Resolves the codes of stored reports that were unknown when they came."""
    before = row.reports
    if Meaning.UNKNOWN not in before.values():
        return
    resolved: dict[bytes, int] = {}
    unpacked = tracking.unpack_reports(before.items(), words)
    for key, report in zip(before, unpacked, strict=True):
        meaning, code = _known_now(
            report.meaning, report.service, report.code, codes, return_leg=report.return_leg
        )
        if meaning is report.meaning:
            resolved[key] = meaning
            continue
        service, spelled = words.number(report.service), words.number(code)
        # The code may be spelled differently now, and is part of the report's identity.
        identity = tracking.identity(
            report.at, report.merchant_no, service, spelled, report.return_leg
        )
        resolved[identity] = meaning
    if resolved != before:
        row.replace(resolved)


def _look_up_again(facts: OrderFacts, codes: CodeTable) -> bool:
    """Resolves codes of the order's reports that were unknown; whether any is known now."""
    resolved = []
    for report in facts.reports:
        meaning, code = _known_now(
            report.meaning, report.service, report.code, codes, return_leg=report.return_leg
        )
        if meaning is not report.meaning:
            resolved.append(report._replace(meaning=meaning, code=code))
        else:
            resolved.append(report)
    if resolved == list(facts.reports):
        return False
    facts.reports = ()
    for report in resolved:
        fold_report(facts, report)
    return True


def _known_now(
    meaning: Meaning, service: str, code: str, codes: CodeTable, *, return_leg: bool
) -> tuple[Meaning, str]:
    """Meaning and spelling of a code; a meaning that was known before stays."""
    if meaning is not Meaning.UNKNOWN:
        return meaning, code
    resolved, spelled = codes.look_up(*_line(service), code, None)
    if resolved is Meaning.UNKNOWN:
        return meaning, code
    return meaning_on_leg(resolved, return_leg), spelled


def _hand_over(
    cursor: Cursor,
    waiting: Sequence[Waiting],
    only_owner: Mapping[bytes, OrderKey],
    locked: Mapping[OrderKey, OrderRow],
    words: InternedStrings,
) -> set[OrderKey]:
    """Gives reports that waited for an order id to its order, when exactly one merchant has it.

    Answers the orders that got any.
    """
    taken = []
    for entry in waiting:
        order_id, packed = entry
        key = only_owner.get(order_id)
        if key is not None and key in locked:
            fold_report(locked[key].facts, awaiting_order.report_of(packed, words))
            taken.append(entry)
    awaiting_order.taken(cursor, taken)
    return {only_owner[order_id] for order_id, _ in taken}
