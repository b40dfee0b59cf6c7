"""Which order the reports of a contested tracking number belong to (rules.md 6).

The slow path of report matching, which also finds the orders of reports that name an order id but
no merchant. It is worked off from the recheck queue, one number of a merchant or order id after the
other, and from nothing but what is stored: the answer does not depend on the order in which orders
and reports came.
"""

from collections.abc import Iterable, Mapping, Sequence

from processors.intake.tracking_snapshot import IDLE, attachable
from rules.order.carrier_reports import is_younger, meaning_on_leg, numbers_of, within_reach
from rules.order.facts import CarrierReport, OrderFacts
from rules.order.folding import APPLIED, MOST_REPORTS, fold_report
from schemas.carriers import CodeTable, Meaning
from schemas.ids import Micros
from store.carriers import awaiting_order, tracking, unknown_codes
from store.carriers.awaiting_order import Waiting
from store.carriers.codes import Code
from store.carriers.tracking import (
    AMBIGUOUS,
    ANY_MERCHANT,
    CROWDED,
    MOST_MERCHANTS,
    TAKEN,
    NumberKey,
    StoredReport,
    TrackingRow,
)
from store.orders import orders
from store.orders.orders import OrderKey, OrderRow
from store.postgres.interning import InternedStrings
from store.postgres.session import Cursor
from store.streams import parked_records
from store.streams.parked_records import Wait
from store.streams.recheck import RecheckKind


def reassign_reports(
    cursor: Cursor,
    asked: Mapping[NumberKey, Micros],
    words: InternedStrings,
    codes: CodeTable,
    now: Micros,
) -> list[tuple[OrderRow, Micros]]:
    """Decides again to which orders the reports of some numbers belong.

    `asked` are numbers with their merchant, each with the time of the event that asks. Answers the
    orders that it changed, locked, to be settled and written, each with the time of its cause.

    ANY_MERCHANT means every merchant whose orders named the number. There, a key that begins with
    `awaiting_order.ORDER_KEY_PREFIX` names an order id that reports without a merchant name. Locks
    all that it needs: the caller must hold no order yet, and lock none after. Raises NotInterned.
    """
    prefix = awaiting_order.ORDER_KEY_PREFIX
    order_ids = sorted({key[len(prefix) :] for key, _ in asked if key.startswith(prefix)})
    numbers = {key: at for key, at in asked.items() if not key[0].startswith(prefix)}
    rows = _lock_numbers(cursor, numbers)
    awaited = awaiting_order.lock(cursor, order_ids) if order_ids else []
    waiting = _as_many_as_kept(cursor, awaited, words)
    owners = awaiting_order.owners(cursor, order_ids) if order_ids else {}
    for row in rows.values():
        _learn_meanings(row, words, codes)
    shared = [row for row in rows.values() if row.merchant_no != ANY_MERCHANT]
    claimants = {key for row in shared for key in _concerned(row, rows)}
    # Orders are locked after tracking rows, everywhere: other orders of locking would deadlock.
    wanted = claimants.union(*owners.values())
    locked = orders.lock(cursor, sorted(wanted), words)
    causes: dict[OrderKey, Micros] = {}
    waits: dict[Wait, list[str | None]] = {}
    for row in shared:
        lone = rows.get((row.number, ANY_MERCHANT))
        for key in _share_out(row, lone, locked, words, waits):
            causes[key] = max(causes.get(key, 0), numbers[row.key])
    _give_reasons(cursor, waits)
    tracking.write(cursor, rows.values(), now)
    for key in _hand_over(cursor, waiting, owners, locked, words):
        causes[key] = max(causes.get(key, 0), asked[prefix + key[1], ANY_MERCHANT])
    for key in {key for keys in owners.values() for key in keys}:
        if key in locked and _look_up_again(locked[key].facts, codes):
            causes.setdefault(key, asked[prefix + key[1], ANY_MERCHANT])
    return [(locked[key], causes[key]) for key in sorted(causes)]


def _lock_numbers(cursor: Cursor, numbers: dict[NumberKey, Micros]) -> dict[NumberKey, TrackingRow]:
    """The rows of numbers to look at again, and with each that of the reports without a merchant.

    For a number of ANY_MERCHANT, all merchants whose orders named it join `numbers`; very many are
    left to rows of the queue of their own.
    """
    spread = sorted(number for number, merchant_no in numbers if merchant_no == ANY_MERCHANT)
    found: dict[bytes, list[NumberKey]] = {}
    if spread:
        for key in tracking.claimed_by(cursor, spread):
            found.setdefault(key[0], []).append(key)
    for number, keys in found.items():
        at = numbers[number, ANY_MERCHANT]
        if len(keys) > MOST_MERCHANTS:
            tracking.ask_each(cursor, number, at)
        else:
            numbers |= {key: max(at, numbers.get(key, at)) for key in keys}
    lone = {(number, ANY_MERCHANT) for number, _ in numbers}
    rows = tracking.lock(cursor, sorted(lone | numbers.keys()))
    for number in found:
        if (number, ANY_MERCHANT) in rows:
            rows[number, ANY_MERCHANT].set_flag(TAKEN)
    return rows


def _concerned(row: TrackingRow, rows: Mapping[NumberKey, TrackingRow]) -> list[OrderKey]:
    """The orders to look at: none where only one is meant and nothing was reported that decides."""
    kept = [row, rows.get((row.number, ANY_MERCHANT))]
    if len(row.claims) == 1 and all(
        meaning in IDLE for each in kept if each is not None for meaning in each.reports.values()
    ):
        return []
    return row.order_keys


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
    forgotten: set[tuple[Code, int, int, bytes]] = set()
    for (number, merchant_no), packed, meaning in unmatched:
        (report,) = tracking.unpack_reports([(packed, meaning)], words)
        if report.meaning is Meaning.UNKNOWN:
            code = (*_line(report.service), report.code)
            forgotten.add((code, RecheckKind.NUMBER, merchant_no, number))
    for order_id, packed in waiting:
        named = awaiting_order.report_of(packed, words)
        if named.meaning is Meaning.UNKNOWN:
            key = awaiting_order.ORDER_KEY_PREFIX + order_id
            code = (*_line(named.service), named.code)
            forgotten.add((code, RecheckKind.NUMBER, ANY_MERCHANT, key))
    unknown_codes.forget_reports(cursor, forgotten)
    parked_records.purge(cursor, now, limit)
    return {"unmatched": len(unmatched), "awaiting_order": len(waiting)}


def ask_for_known_codes(cursor: Cursor, codes: CodeTable) -> None:
    """Asks for a recheck of reports whose codes were unknown when they came and are known now."""
    unknown_codes.ask(
        cursor,
        [
            (carrier, service, code)
            for carrier, service, code in unknown_codes.codes(cursor)
            if codes.look_up(carrier, service, code, None)[0] is not Meaning.UNKNOWN
        ],
    )


def _line(service: str) -> tuple[str, str]:
    """Carrier and service."""
    carrier, _, line = service.partition("/")
    return carrier, line


def _share_out(
    row: TrackingRow,
    lone: TrackingRow | None,
    locked: Mapping[OrderKey, OrderRow],
    words: InternedStrings,
    waits: dict[Wait, list[str | None]],
) -> set[OrderKey]:
    """Gives every report of a number to the order that it means, or to all of the one box.

    Answers the orders whose reports changed. Adds to `waits` why reports wait in this merchant, or
    that they do not.
    """
    shares: dict[OrderKey, list[CarrierReport]] = {key: [] for key in row.order_keys}
    only = row.only_claim
    if only is not None:
        # Whether it is still the order's number, and how old the report is, the rules check.
        shares[row.merchant_no, only[0]] = attachable(row, lone, only[1], words)
    naming = [
        key
        for key in row.order_keys
        if key not in locked or row.number in numbers_of(locked[key].facts)
    ]
    ambiguous = False
    for kept in (row, lone):
        if kept is None:
            continue
        for report in tracking.unpack_reports(kept.reports.items(), words):
            meant = [key for key in naming if _may_mean(report, row, key, locked.get(key))]
            reason = _reason(row, [locked[key].facts for key in meant if key in locked], meant)
            if reason is None and only is None and report.meaning not in IDLE:
                for key in meant:
                    shares[key].append(report.as_fact(row.number))
            waits.setdefault((*kept.key, report.at), []).append(reason)
            ambiguous |= reason == parked_records.AMBIGUOUS
    row.set_flag(AMBIGUOUS, on=ambiguous)
    return {
        key
        for key, share in shares.items()
        if key in locked and _replace_reports(locked[key].facts, row.number, share)
    }


def _reason(row: TrackingRow, facts: Sequence[OrderFacts], meant: Sequence[OrderKey]) -> str | None:
    """Why a report waits that may mean these orders; None when it counts for them."""
    if row.flags & CROWDED:
        return parked_records.AMBIGUOUS
    if not meant:
        return parked_records.OUT_OF_REACH
    return None if len(meant) == 1 or _is_one_box(facts) else parked_records.AMBIGUOUS


def _may_mean(
    report: StoredReport, row: TrackingRow, key: OrderKey, order: OrderRow | None
) -> bool:
    """Whether the report may mean an order; one not in hand is judged by its claim alone."""
    if not within_reach(row.claims[key[1]], report.at):
        return False
    return order is None or not is_younger(order.facts.record, report.at)


def _is_one_box(orders_meant: Sequence[OrderFacts]) -> bool:
    """Whether the orders travel together: they are all of one member (D18)."""
    members = {facts.record.member if facts.record is not None else None for facts in orders_meant}
    return len(members) == 1 and None not in members


def _give_reasons(cursor: Cursor, waits: Mapping[Wait, Sequence[str | None]]) -> None:
    """Records of reports that count in some merchant are parked no more, the others say why."""
    parked_records.settled(cursor, [wait for wait, reasons in waits.items() if None in reasons])
    parked_records.give_reasons(
        cursor,
        [
            (wait, min(filter(None, reasons)))
            for wait, reasons in waits.items()
            if None not in reasons
        ],
    )


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
        identity = tracking.identity(report.at, service, spelled, report.return_leg)
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


def _as_many_as_kept(
    cursor: Cursor, waiting: Sequence[Waiting], words: InternedStrings
) -> Sequence[Waiting]:
    """What waits for orders, as far as an order keeps it; of too many the rest is forgotten.

    Without it a carrier that is polled would make each of its reports dearer than the one before.
    """
    by_order: dict[bytes, dict[CarrierReport, bytes]] = {}
    for order_id, packed in waiting:
        by_order.setdefault(order_id, {})[awaiting_order.report_of(packed, words)] = packed
    dropped: set[Waiting] = set()
    settled: set[Wait] = set()
    for order_id, reports in by_order.items():
        if len(reports) <= MOST_REPORTS:
            continue
        kept = OrderFacts()
        for report in reports:
            fold_report(kept, report)
        gone = reports.keys() - set(kept.reports)
        dropped |= {(order_id, reports[report]) for report in gone}
        key, still = awaiting_order.ORDER_KEY_PREFIX + order_id, {one.at for one in kept.reports}
        settled |= {(key, ANY_MERCHANT, one.at) for one in gone if one.at not in still}
    awaiting_order.drop(cursor, dropped)
    parked_records.settled(cursor, settled)
    return [one for one in waiting if one not in dropped] if dropped else waiting


def _hand_over(
    cursor: Cursor,
    waiting: Sequence[Waiting],
    owners: Mapping[bytes, Iterable[OrderKey]],
    locked: Mapping[OrderKey, OrderRow],
    words: InternedStrings,
) -> set[OrderKey]:
    """Gives reports that name an order id to every merchant's order that has it.

    Answers the orders that got any that they had not.
    """
    changed: set[OrderKey] = set()
    settled: set[Wait] = set()
    for order_id, packed in waiting:
        report = awaiting_order.report_of(packed, words)
        for key in owners[order_id]:
            if key in locked:
                settled.add((awaiting_order.ORDER_KEY_PREFIX + order_id, ANY_MERCHANT, report.at))
                if fold_report(locked[key].facts, report) is APPLIED:
                    changed.add(key)
    awaiting_order.taken(cursor, sorted({order_id for order_id, _ in waiting if owners[order_id]}))
    parked_records.settled(cursor, settled)
    return changed
