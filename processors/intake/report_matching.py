"""Matching carriers' reports to orders, by tracking number or by the order that they name.

See rules.md 6.

Merchants are apart (D18): a report counts in each merchant by itself. Whose it is there follows
from all of the merchant's orders that ever named its number. While that is one order, which is
nearly always, the report is folded into it in the batch that brings the two together. Reports of a
contested number, which several orders have named, are parked and looked at again without haste
(processors/recheck/contested_numbers.py), as is whatever may change whose they are.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from processors.intake.decoding import CarrierReportEvent
from processors.intake.known_claims import KnownClaims
from processors.intake.matched_batch import KeyedOrders, MatchedBatch, NamedReport, ResolvedReport
from processors.intake.named_reports import hand_to_owners, owners_of
from processors.intake.tracking_snapshot import IDLE, attachable
from processors.pipeline.pipeline import CountsByPartition
from rules.order.carrier_reports import meaning_on_leg, within_reach
from rules.order.numbers import numbers_in_field
from schemas.carriers import CodeTable, Meaning
from schemas.ids import Micros
from store.carriers import tracking
from store.carriers.codes import Code
from store.carriers.tracking import (
    AMBIGUOUS,
    ANY_MERCHANT,
    CROWDED,
    MOST_MERCHANTS,
    TAKEN,
    NumberKey,
    TrackingRow,
)
from store.carriers.unknown_codes import UnknownCodes
from store.postgres.interning import InternedStrings
from store.postgres.session import Cursor, Database
from store.settings.merchants import Merchants
from store.streams import parked_records
from store.streams.recheck import RecheckKind

TOO_MANY = "too_many_reports"


@dataclass(slots=True)
class _Number:
    """One tracking number of a batch, over all merchants: rows, reports and claims by merchant.

    `rows` are those of the merchants whose orders named it, or that a report names; `any_merchant`
    the row of the reports that name none, if there is one. `crowd`: more merchants named it than
    are read at once.
    """

    any_merchant: TrackingRow | None = None
    rows: dict[int, TrackingRow] = field(default_factory=dict)
    fresh: dict[int, list[ResolvedReport]] = field(default_factory=dict)
    crowd: bool = False


class ReportMatcher:
    """Matches the reports of batches to orders."""

    def __init__(self, connection: Database, words: InternedStrings, merchants: Merchants) -> None:
        """Reads which codes are known to be unknown."""
        self._words, self._merchants = words, merchants
        self._unknown = UnknownCodes(connection)
        self.known_claims = KnownClaims()

    def resolve_codes(
        self, events: Iterable[CarrierReportEvent], codes: CodeTable
    ) -> list[ResolvedReport]:
        """Looks up the codes of reports: each once, as many of a batch are the same."""
        resolved: list[ResolvedReport] = []
        by_content: dict[tuple[Any, ...], tuple[Meaning, Code, str]] = {}
        numbers = self._merchants.numbers
        for event in events:
            named = event.merchant_id
            merchant_no = ANY_MERCHANT if named is None else numbers[named]
            content = (
                event.carrier,
                event.service,
                event.code,
                event.text,
                event.return_leg,
                merchant_no,
            )
            meaning_and_code = by_content.get(content)
            if meaning_and_code is None:
                meaning_and_code = self._look_up(event, merchant_no, codes)
                by_content[content] = meaning_and_code
            resolved.append(ResolvedReport(event, *meaning_and_code, merchant_no))
        return resolved

    def _look_up(
        self, event: CarrierReportEvent, merchant_no: int, codes: CodeTable
    ) -> tuple[Meaning, Code, str]:
        meaning, spelled = codes.look_up(event.carrier, event.service, event.code, event.text)
        code = event.carrier, event.service, spelled
        if meaning is Meaning.UNKNOWN:
            code = self._unknown.spelled(merchant_no, *code)
        return meaning_on_leg(meaning, event.return_leg), code, f"{code[0]}/{code[1]}"

    @staticmethod
    def words(reports: Iterable[ResolvedReport]) -> set[str]:
        """What needs numbers before it is stored."""
        return {word for report in reports for word in (report.service, report.code[2])}

    def match(
        self,
        cursor: Cursor,
        orders: KeyedOrders,
        reports: Sequence[ResolvedReport],
        now: Micros,
        counts: CountsByPartition,
    ) -> MatchedBatch:
        """Locks the tracking numbers of a batch, and decides which order each report is of.

        Comes before the orders are locked: numbers are locked first, everywhere. Counts the reports
        that are found by their number, and those that are parked. Raises NewNumberRace.
        """
        matched = MatchedBatch()
        by_number: dict[NumberKey, list[ResolvedReport]] = {}
        if reports:
            by_number = self._sort_by_number_or_order(cursor, orders, reports, matched, now, counts)
        claims = self._new_claims(cursor, orders, by_number, matched)
        if claims or by_number:
            matched.numbers = self._lock_numbers(cursor, claims, by_number)
            for number in self._by_number(cursor, by_number, matched, counts):
                self._assign(number, claims, matched, counts)
        if matched.numbers or matched.claimed:
            tracking.write(cursor, matched.numbers.values(), now, matched.claimed)
        return matched

    def _sort_by_number_or_order(
        self,
        cursor: Cursor,
        orders: KeyedOrders,
        reports: Sequence[ResolvedReport],
        matched: MatchedBatch,
        now: Micros,
        counts: CountsByPartition,
    ) -> dict[NumberKey, list[ResolvedReport]]:
        """The reports that name no order, by number and merchant; the others are in `named`.

        A report that names an order but no merchant is of every merchant's order with that id;
        while there is none it is parked.
        """
        by_number: dict[NumberKey, list[ResolvedReport]] = {}
        without_merchant: dict[bytes, list[ResolvedReport]] = {}
        for report in reports:
            event = report.event
            if event.order_id is None:
                by_number.setdefault((event.number, report.merchant_no), []).append(report)
            elif event.merchant_id is None:
                without_merchant.setdefault(event.order_id, []).append(report)
            else:
                key = report.merchant_no, event.order_id
                matched.named.append(NamedReport(key, report, is_counted=True))
        if without_merchant:
            owners = owners_of(cursor, without_merchant, orders, matched)
            hand_to_owners(cursor, without_merchant, owners, matched, self._words, now, counts)
        return by_number

    def _new_claims(
        self,
        cursor: Cursor,
        orders: KeyedOrders,
        by_number: Mapping[NumberKey, Any],
        matched: MatchedBatch,
    ) -> dict[NumberKey, dict[bytes, Micros]]:
        """The numbers that orders name, and since when, unless that is known.

        A number that nothing else has named or reported goes into `matched.claimed` and needs no
        lock: most numbers are so.
        """
        claims: dict[NumberKey, dict[bytes, Micros]] = {}
        has = self.known_claims.has
        for key, event in orders:
            order, parcel = event.order, event.parcel
            of_order = order.tracking if order is not None else None
            own = parcel.tracking if parcel is not None else None
            for named in (of_order, own if own != of_order else None):
                if not named:
                    continue
                at = event.version.at
                for number in numbers_in_field(named) if b" " in named else (named,):
                    wanted = number, key[0]
                    if not has(wanted, key[1], at):
                        since = claims.setdefault(wanted, {})
                        since[key[1]] = min(at, since.get(key[1], at))
        if claims:
            known = tracking.read_claims(cursor, sorted(claims))
            self._drop_known(claims, known)
            alone = [
                wanted
                for wanted, since in claims.items()
                if len(since) == 1
                and not {wanted, (wanted[0], ANY_MERCHANT)} & (known.keys() | by_number.keys())
            ]
            matched.claimed = {wanted: claims.pop(wanted).popitem() for wanted in alone}
        return claims

    def _drop_known(
        self,
        claims: dict[NumberKey, dict[bytes, Micros]],
        known: Mapping[NumberKey, TrackingRow],
    ) -> None:
        for wanted, row in known.items():
            if wanted not in claims:
                continue
            self.known_claims.remember(row)
            new = {
                order_id: at
                for order_id, at in claims[wanted].items()
                if at < row.claims.get(order_id, at + 1)
            }
            if new and not row.flags & CROWDED:
                claims[wanted] = new
            else:
                del claims[wanted]

    @staticmethod
    def _lock_numbers(
        cursor: Cursor,
        claims: Mapping[NumberKey, dict[bytes, Micros]],
        by_number: Mapping[NumberKey, Sequence[ResolvedReport]],
    ) -> dict[NumberKey, TrackingRow]:
        wanted = claims.keys() | by_number.keys()
        rows = tracking.lock(
            cursor, sorted(wanted | {(number, ANY_MERCHANT) for number, _ in claims})
        )
        for key in sorted(wanted - rows.keys()):
            rows[key] = TrackingRow(*key, new=True)
        return rows

    def _by_number(
        self,
        cursor: Cursor,
        by_number: Mapping[NumberKey, Sequence[ResolvedReport]],
        matched: MatchedBatch,
        counts: CountsByPartition,
    ) -> Iterable[_Number]:
        """The numbers of the batch, with all merchants that are concerned; new reports are kept."""
        numbers: dict[bytes, _Number] = {}
        for (number, merchant_no), row in matched.numbers.items():
            each = numbers.setdefault(number, _Number())
            if merchant_no == ANY_MERCHANT:
                each.any_merchant = row
            else:
                each.rows[merchant_no] = row
            fresh = self._keep(row, by_number.get(row.key, ()), matched, counts)
            if fresh:
                each.fresh[merchant_no] = fresh
        spread = sorted(number for number, each in numbers.items() if ANY_MERCHANT in each.fresh)
        if spread:
            found: dict[bytes, int] = {}
            claimed = tracking.claimed_by(cursor, spread)
            for (number, merchant_no), row in claimed.items():
                numbers[number].rows.setdefault(merchant_no, row)
                found[number] = found.get(number, 0) + 1
            for number, count in found.items():
                numbers[number].crowd = count > MOST_MERCHANTS
        return numbers.values()

    def _keep(
        self,
        row: TrackingRow,
        reports: Iterable[ResolvedReport],
        matched: MatchedBatch,
        counts: CountsByPartition,
    ) -> list[ResolvedReport]:
        """Keeps a number's reports; answers the new ones."""
        fresh: list[ResolvedReport] = []
        number_of = self._words.number
        for report in reports:
            event = report.event
            service, code = number_of(report.service), number_of(report.code[2])
            identity = tracking.identity(event.at, service, code, event.return_leg)
            if row.has(identity):
                counts[event.record.place].duplicate += 1
            elif row.add(identity, report.meaning):
                fresh.append(report)
                matched.note_if_unknown(report, RecheckKind.NUMBER, row.merchant_no, row.number)
            else:
                counts[event.record.place].ignore(TOO_MANY)
        return fresh

    def _assign(
        self,
        number: _Number,
        claims: Mapping[NumberKey, Mapping[bytes, Micros]],
        matched: MatchedBatch,
        counts: CountsByPartition,
    ) -> None:
        """What follows from a number's new reports and new claims, in each merchant by itself."""
        lone = number.any_merchant
        of_none = number.fresh.get(ANY_MERCHANT, [])
        for merchant_no, row in sorted(number.rows.items()):
            fresh = [*number.fresh.get(merchant_no, ()), *of_none]
            self._assign_in(row, claims.get(row.key, {}), fresh, lone, matched)
        for merchant_no, fresh in number.fresh.items():
            rows = (
                number.rows.values() if merchant_no == ANY_MERCHANT else [number.rows[merchant_no]]
            )
            for report in fresh:
                reason = _least_parked([_reason(row, report.event.at) for row in rows])
                if reason is None:
                    counts[report.event.record.place].applied += 1
                else:
                    matched.park(report, report.wait, reason, counts)
        if lone is None:
            return
        if any(row.claims for row in number.rows.values()):
            lone.set_flag(TAKEN)
        if of_none and (lone.new or number.crowd):
            matched.recheck(lone.key, max(report.event.at for report in of_none))

    def _assign_in(
        self,
        row: TrackingRow,
        claims: Mapping[bytes, Micros],
        fresh: Sequence[ResolvedReport],
        lone: TrackingRow | None,
        matched: MatchedBatch,
    ) -> None:
        """What follows from new claims and reports in one merchant."""
        known = row.claims.keys() | ()
        moved = [order_id for order_id in sorted(claims) if row.claim(order_id, claims[order_id])]
        only = row.only_claim
        if only is None or not known.isdisjoint(moved):
            # Contested, or named earlier than was known: only the slow path decides.
            if moved:
                matched.recheck(row.key, max(claims[order_id] for order_id in moved))
            elif row.claims and fresh and row.flags & (CROWDED | AMBIGUOUS) != CROWDED | AMBIGUOUS:
                matched.recheck(row.key, max(report.event.at for report in fresh))
            return
        order_id, since = only
        key = row.merchant_no, order_id
        if moved:
            # The order has just come: it gets what was reported before, and what is new.
            for earlier in attachable(row, lone, since, self._words):
                matched.attach(key, earlier)
            matched.settle(key, row, lone, since)
        for report in fresh:
            if report.meaning not in IDLE and within_reach(since, report.event.at):
                if not moved:
                    matched.attach(key, report.for_order())
                matched.fresh.setdefault(key, []).append(report)


_REASONS = (parked_records.AMBIGUOUS, parked_records.OUT_OF_REACH, parked_records.UNMATCHED)


def _reason(row: TrackingRow, at: Micros) -> str | None:
    """Why a report of this time is parked in a merchant; None when an order may be meant."""
    if not row.claims:
        return parked_records.UNMATCHED
    if row.only_claim is None:
        return parked_records.AMBIGUOUS
    return None if within_reach(row.only_claim[1], at) else parked_records.OUT_OF_REACH


def _least_parked(reasons: Sequence[str | None]) -> str | None:
    """Why a report is parked that is so in all of its merchants."""
    if None in reasons:
        return None
    return next((reason for reason in _REASONS if reason in reasons), parked_records.UNMATCHED)
