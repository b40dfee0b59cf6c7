"""The slow path of joining: whose the reports of a contested number are, and whom reports without a merchant mean (SPEC 6).

Worked off from the recheck queue, one number or order id after the other, from nothing but what is
stored: the answer does not depend on the order in which orders and reports came.
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
    """Shares out the reports of some numbers anew.

    The orders that it changed, locked, to be settled and written.

    A key that begins with `awaiting.ASKED` names an order id for which reports without a merchant
    wait. Locks all that it needs: the caller must hold no order yet, and lock none after. Raises
    UnknownWord.
    """
    asked = sorted(
        {
            key[len(awaiting_order.ORDER_KEY_PREFIX) :]
            for key in numbers
            if key.startswith(awaiting_order.ORDER_KEY_PREFIX)
        }
    )
    rows = tracking.lock(
        cursor,
        sorted({key for key in numbers if not key.startswith(awaiting_order.ORDER_KEY_PREFIX)}),
    )
    waiting = awaiting_order.lock(cursor, asked) if asked else []
    owners = awaiting_order.owners(cursor, asked) if asked else {}
    only = {order_id: next(iter(keys)) for order_id, keys in owners.items() if len(keys) == 1}
    claimants = {key for row in rows.values() for key in row.claims}
    found = orders.lock(cursor, sorted(claimants | set(only.values())), words)
    changed: set[OrderKey] = set()
    for row in rows.values():
        changed |= _share_out(row, found, words, codes)
    tracking.write(cursor, rows.values(), now)
    changed |= _hand_over(cursor, waiting, only, found, words)
    changed.update(
        key for key in only.values() if key in found and _look_up_again(found[key].facts, codes)
    )
    return [found[key] for key in sorted(changed)]


def apply_new_codes(
    cursor: Cursor, rows: Mapping[OrderKey, OrderRow], words: InternedStrings, codes: CodeTable
) -> None:
    """Looks up again what locked orders were told in codes that nobody knew.

    `facts.reports` is a new tuple where it tells.
    """
    del cursor, words
    for row in rows.values():
        if row.facts.reports:
            _look_up_again(row.facts, codes)


def purge_reports(
    cursor: Cursor, now: Micros, words: InternedStrings, limit: int
) -> dict[str, int]:
    """Forgets reports for which no order came in 180 days (SPEC 6); how many of each kind."""
    unmatched, waiting = (
        tracking.purge(cursor, now, limit),
        awaiting_order.purge(cursor, now, limit),
    )
    places = [
        (number, one)
        for number, key, meaning in unmatched
        for one in tracking.unpack_reports([(key, meaning)], words)
    ]
    gone = [
        (number, one.service, one.code) for number, one in places if one.meaning is Meaning.UNKNOWN
    ]
    for order_id, packed in waiting:
        report = awaiting_order.report_of(packed, words)
        if report.meaning is Meaning.UNKNOWN:
            gone.append((awaiting_order.ORDER_KEY_PREFIX + order_id, report.service, report.code))
    unknown_codes.forget_reports(
        cursor, {((*_line(service), code), key) for key, service, code in gone}
    )
    return {"unmatched": len(unmatched), "awaiting_order": len(waiting)}


def ask_for_known_codes(cursor: Cursor, codes: CodeTable) -> None:
    """Asks to look again at reports whose codes were unknown when they came, and stand in the tables by now."""
    for carrier, service, code in unknown_codes.codes(cursor):
        if codes.look_up(carrier, service, code, None)[0] is not Meaning.UNKNOWN:
            unknown_codes.ask(cursor, (carrier, service, code))


def _line(service: str) -> tuple[str, str]:
    """Carrier and service."""
    carrier, _, line = service.partition("/")
    return carrier, line


def _share_out(
    row: TrackingRow, found: Mapping[OrderKey, OrderRow], words: InternedStrings, codes: CodeTable
) -> set[OrderKey]:
    """Gives every report of a number to the order that alone can be meant.

    The orders whose reports changed.
    """
    _learn_meanings(row, words, codes)
    shares: dict[OrderKey, list[CarrierReport]] = {key: [] for key in row.claims}
    ambiguous = bool(row.flags & CROWDED and row.packed)
    if len(row.claims) == 1:
        # Whether it is still the order's number, and how old the report is, the rules see for
        # themselves.
        shares = {key: attachable(row, key[0], words) for key in row.claims}
    elif not row.flags & CROWDED:
        now_named = [
            key for key in row.claims if key in found and row.number in numbers_of(found[key].facts)
        ]
        for report in tracking.unpack_reports(row.reports.items(), words):
            meant = [key for key in now_named if _may_mean(report, key, found[key].facts)]
            if len(meant) > 1:
                ambiguous = True
            elif meant and report.meaning not in IDLE:
                shares[meant[0]].append(fact(report, row.number))
    flags = row.flags & ~AMBIGUOUS | (AMBIGUOUS if ambiguous else 0)
    if flags != row.flags:
        row.flags, row.changed = flags, True
    return {
        key
        for key, share in shares.items()
        if key in found and _has_now(found[key].facts, row.number, share)
    }


def _may_mean(report: StoredReport, key: OrderKey, facts: OrderFacts) -> bool:
    created = facts.record.created_at if facts.record is not None else None
    return report.merchant_no in (0, key[0]) and within_reach(created, report.at)


def _has_now(facts: OrderFacts, number: bytes, share: Iterable[CarrierReport]) -> bool:
    """Lets these be the order's reports of the number; False when they are already."""
    before = facts.reports
    facts.reports = tuple([r for r in before if r.named or r.number != number])
    for report in share:
        fold_report(facts, report)
    return facts.reports != before


def _learn_meanings(row: TrackingRow, words: InternedStrings, codes: CodeTable) -> None:
    reports = row.reports
    if Meaning.UNKNOWN not in reports.values():
        return
    told: dict[bytes, int] = {}
    for (key, _), one in zip(
        reports.items(), tracking.unpack_reports(reports.items(), words), strict=True
    ):
        meaning, code = _known_by_now(
            one.meaning, one.service, one.code, codes, return_leg=one.return_leg
        )
        if meaning is not one.meaning:
            service, spelled = words.number(one.service), words.number(code)
            key = tracking.identity(one.at, one.merchant_no, service, spelled, one.return_leg)  # noqa: PLW2901
        told[key] = meaning
    if told != reports:
        row.replace(told)


def _look_up_again(facts: OrderFacts, codes: CodeTable) -> bool:
    """Whether any code of the order's reports is known by now."""
    told = []
    for report in facts.reports:
        meaning, code = _known_by_now(
            report.meaning, report.service, report.code, codes, return_leg=report.return_leg
        )
        told.append(
            report if meaning is report.meaning else report._replace(meaning=meaning, code=code)
        )
    if told == list(facts.reports):
        return False
    facts.reports = ()
    for report in told:
        fold_report(facts, report)
    return True


def _known_by_now(
    meaning: Meaning, service: str, code: str, codes: CodeTable, *, return_leg: bool
) -> tuple[Meaning, str]:
    if meaning is not Meaning.UNKNOWN:
        return meaning, code
    found, spelled = codes.look_up(*_line(service), code, None)
    return (
        (meaning, code)
        if found is Meaning.UNKNOWN
        else (meaning_on_leg(found, return_leg), spelled)
    )


def _hand_over(
    cursor: Cursor,
    waiting: Sequence[Waiting],
    only: Mapping[bytes, OrderKey],
    found: Mapping[OrderKey, OrderRow],
    words: InternedStrings,
) -> set[OrderKey]:
    """Gives reports that waited for an order to it, if there is just one of that name by now.

    The orders that got any.
    """
    taken = [one for one in waiting if one[0] in only and only[one[0]] in found]
    for order_id, packed in taken:
        fold_report(found[only[order_id]].facts, awaiting_order.report_of(packed, words))
    awaiting_order.taken(cursor, taken)
    return {only[order_id] for order_id, _ in taken}
