"""Matching carriers' reports to orders, by tracking number or by the order that they name.

See rules.md 6.

Whose a report is follows from all orders that ever named its number. While that is one order, which
is nearly always, the report is folded into it in the batch that brings the two together. Reports of
an ambiguous number, which several orders have named, are parked and looked at again without haste
(processors/recheck/contested_numbers.py), as is whatever may change whose they are.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from psycopg import Connection

from processors.intake.decoding import CarrierReportEvent, OrderEvent
from processors.intake.known_claims import KnownClaims
from processors.intake.tracking_snapshot import IDLE, attachable
from rules.order.carrier_reports import meaning_on_leg
from rules.order.facts import CarrierReport
from schemas.carriers import CodeTable, Meaning
from schemas.carriers.spelling import label_of
from schemas.ids import Micros
from store.carriers import awaiting_order, tracking
from store.carriers.codes import Code
from store.carriers.tracking import TrackingRow
from store.carriers.unknown_codes import CodeSighting, UnknownCodes
from store.orders.orders import OrderKey
from store.postgres.interning import InternedStrings
from store.postgres.session import Cursor
from store.settings.merchants import Merchants
from store.streams.cursors import Counts, PartitionId

TOO_MANY = "too_many_reports"
ANY_MERCHANT = 0
"""The merchant's number of a report that names none."""

KeyedOrders: TypeAlias = Sequence[tuple[OrderKey, OrderEvent]]
CountsByPartition: TypeAlias = Mapping[PartitionId, Counts]


class ResolvedReport(NamedTuple):
    """A report whose code was looked up.

    `code` is carrier, service and code as they are kept, `service` "carrier/service".
    """

    event: CarrierReportEvent
    meaning: Meaning
    code: Code
    service: str

    def for_order(self, *, named: bool = False) -> CarrierReport:
        """The report as a fact of an order."""
        event = self.event
        return CarrierReport(
            at=event.at,
            meaning=self.meaning,
            number=event.number,
            service=self.service,
            code=self.code[2],
            named=named,
            return_leg=event.return_leg,
        )


@dataclass(slots=True)
class MatchedBatch:
    """What the reports and tracking numbers of a batch come to.

    `reports` are those to fold by the order that alone can be meant, `named` those that name their
    order, `newest` the newest report event of each order. `numbers` are the locked rows, `claimed`
    new numbers that only one order has named. `recheck_keys` are tracking numbers and order ids to
    be looked at again (the recheck queue's RecheckKind.NUMBER).
    """

    reports: dict[OrderKey, list[CarrierReport]] = field(default_factory=dict)
    named: list[tuple[OrderKey, ResolvedReport]] = field(default_factory=list)
    newest: dict[OrderKey, CarrierReportEvent] = field(default_factory=dict)
    numbers: dict[bytes, TrackingRow] = field(default_factory=dict)
    claimed: dict[bytes, OrderKey] = field(default_factory=dict)
    recheck_keys: set[bytes] = field(default_factory=set)
    unknown_codes: list[CodeSighting] = field(default_factory=list)

    def attach(
        self, key: OrderKey, report: CarrierReport, event: CarrierReportEvent | None
    ) -> None:
        """A report is to be folded into an order.

        `event` is the report's own; None when the order came, and the report was there before.
        """
        self.reports.setdefault(key, []).append(report)
        if event is not None:
            newest = self.newest.get(key)
            if newest is None or event.at >= newest.at:
                self.newest[key] = event

    def note_if_unknown(self, report: ResolvedReport, merchant_no: int, key: bytes) -> None:
        """Remembers where a report is kept whose code no table has."""
        if report.meaning is Meaning.UNKNOWN:
            text = report.event.text
            shown = label_of(None, text) if text else report.code[2]
            self.unknown_codes.append(CodeSighting(report.code, shown, merchant_no, key))


class ReportMatcher:
    """Matches the reports of batches to orders."""

    def __init__(
        self, connection: Connection[tuple[Any, ...]], words: InternedStrings, merchants: Merchants
    ) -> None:
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
        for event in events:
            content = event.carrier, event.service, event.code, event.text, event.return_leg
            meaning_and_code = by_content.get(content)
            if meaning_and_code is None:
                meaning_and_code = by_content[content] = self._look_up(event, codes)
            resolved.append(ResolvedReport(event, *meaning_and_code))
        return resolved

    def _look_up(self, event: CarrierReportEvent, codes: CodeTable) -> tuple[Meaning, Code, str]:
        meaning, spelled = codes.look_up(event.carrier, event.service, event.code, event.text)
        code = event.carrier, event.service, spelled
        if meaning is Meaning.UNKNOWN:
            code = self._unknown.spelled(*code)
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
        by_number: dict[bytes, list[ResolvedReport]] = {}
        if reports:
            by_number = self._sort_by_number_or_order(cursor, orders, reports, matched, now, counts)
        claims = self._new_claims(cursor, orders, by_number, matched)
        if claims or by_number:
            matched.numbers = self._lock_numbers(cursor, claims, by_number)
            for number, row in matched.numbers.items():
                fresh = self._keep(row, by_number.get(number, ()), matched, counts)
                self._assign(row, claims.get(number, ()), fresh, matched, counts)
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
    ) -> dict[bytes, list[ResolvedReport]]:
        """The reports that name no order, by their number; those that do go into `matched.named`.

        A report that names an order but no merchant is of the only order with that id; while there
        is none, or several merchants have one, it is parked.
        """
        by_number: dict[bytes, list[ResolvedReport]] = {}
        without_merchant: dict[bytes, list[ResolvedReport]] = {}
        for report in reports:
            event = report.event
            if event.order_id is None:
                by_number.setdefault(event.number, []).append(report)
            elif event.merchant_id is None:
                without_merchant.setdefault(event.order_id, []).append(report)
            else:
                key = self._merchants.numbers[event.merchant_id], event.order_id
                matched.named.append((key, report))
        if without_merchant:
            owners = _owners(cursor, without_merchant, orders, matched)
            self._park_unless_owned(cursor, without_merchant, owners, matched, now, counts)
        return by_number

    def _park_unless_owned(
        self,
        cursor: Cursor,
        reports: Mapping[bytes, Sequence[ResolvedReport]],
        owners: Mapping[bytes, set[OrderKey]],
        matched: MatchedBatch,
        now: Micros,
        counts: CountsByPartition,
    ) -> None:
        parked: list[tuple[bytes, ResolvedReport]] = []
        for order_id, same in reports.items():
            if len(owners[order_id]) == 1:
                key = next(iter(owners[order_id]))
                matched.named += [(key, report) for report in same]
            else:
                parked += [(order_id, report) for report in same]
        if parked:
            self._park(cursor, parked, matched, now, counts)

    def _park(
        self,
        cursor: Cursor,
        reports: Sequence[tuple[bytes, ResolvedReport]],
        matched: MatchedBatch,
        now: Micros,
        counts: CountsByPartition,
    ) -> None:
        """Keeps reports until an order comes that has the id they name."""
        packed = [
            (order_id, awaiting_order.report_bytes(report.for_order(named=True), self._words))
            for order_id, report in reports
        ]
        new = awaiting_order.park(cursor, packed, now)
        for waiting, (order_id, report) in zip(packed, reports, strict=True):
            count = counts[report.event.record.place]
            if waiting in new:
                new.remove(waiting)  # a repeat within the batch is a duplicate
                count.parked += 1
                recheck_key = awaiting_order.ORDER_KEY_PREFIX + order_id
                matched.recheck_keys.add(recheck_key)
                matched.note_if_unknown(report, ANY_MERCHANT, recheck_key)
            else:
                count.duplicate += 1

    def _new_claims(
        self,
        cursor: Cursor,
        orders: KeyedOrders,
        by_number: Mapping[bytes, Any],
        matched: MatchedBatch,
    ) -> dict[bytes, set[OrderKey]]:
        """The numbers that orders name, unless they are known to have named them before.

        A number that nothing else has named or reported goes into `matched.claimed` and needs no
        lock: most numbers are so.
        """
        claims: dict[bytes, set[OrderKey]] = {}
        has = self.known_claims.has
        for key, event in orders:
            order, parcel = event.order, event.parcel
            number = order.tracking if order is not None else None
            if number and not has(number, key):
                claims.setdefault(number, set()).add(key)
            own = parcel.tracking if parcel is not None else None
            if own and own != number and not has(own, key):
                claims.setdefault(own, set()).add(key)
        if claims:
            known = tracking.read_claims(cursor, sorted(claims))
            self._drop_known(claims, known)
            alone = [number for number, keys in claims.items() if len(keys) == 1]
            matched.claimed = {
                number: claims.pop(number).pop()
                for number in alone
                if number not in known and number not in by_number
            }
        return claims

    def _drop_known(
        self, claims: dict[bytes, set[OrderKey]], known: Mapping[bytes, TrackingRow]
    ) -> None:
        for number, row in known.items():
            self.known_claims.remember(row)
            claims[number].difference_update(row.claims)
            if not claims[number] or row.flags & tracking.CROWDED:
                del claims[number]

    @staticmethod
    def _lock_numbers(
        cursor: Cursor,
        claims: Mapping[bytes, set[OrderKey]],
        by_number: Mapping[bytes, Sequence[ResolvedReport]],
    ) -> dict[bytes, TrackingRow]:
        wanted = sorted(claims.keys() | by_number.keys())
        rows = tracking.lock(cursor, wanted)
        for number in wanted:
            if number not in rows:
                rows[number] = TrackingRow(number, new=True)
        return rows

    def _keep(
        self,
        row: TrackingRow,
        reports: Iterable[ResolvedReport],
        matched: MatchedBatch,
        counts: CountsByPartition,
    ) -> list[tuple[ResolvedReport, int]]:
        """Keeps a number's reports; the new ones, each with the number of its merchant."""
        fresh: list[tuple[ResolvedReport, int]] = []
        number_of = self._words.number
        for report in reports:
            event, merchant_no = report.event, ANY_MERCHANT
            if event.merchant_id is not None:
                merchant_no = self._merchants.numbers[event.merchant_id]
            service, code = number_of(report.service), number_of(report.code[2])
            identity = tracking.identity(event.at, merchant_no, service, code, event.return_leg)
            if row.has(identity):
                counts[event.record.place].duplicate += 1
            elif row.add(identity, report.meaning):
                fresh.append((report, merchant_no))
                matched.note_if_unknown(report, ANY_MERCHANT, row.number)
            else:
                counts[event.record.place].ignore(TOO_MANY)
        return fresh

    def _assign(
        self,
        row: TrackingRow,
        claims: Iterable[OrderKey],
        fresh: Sequence[tuple[ResolvedReport, int]],
        matched: MatchedBatch,
        counts: CountsByPartition,
    ) -> None:
        """What follows from a number's new reports and new claims."""
        claimed = [row.claim(key) for key in sorted(claims)]
        if len(row.claims) != 1:
            # No order has named the number so far, or it is ambiguous: only the slow path decides.
            if row.claims and (any(claimed) or (fresh and row.is_contested)):
                matched.recheck_keys.add(row.number)
            for report, _ in fresh:
                counts[report.event.record.place].parked += 1
            return
        key = row.claims[0]
        for report, merchant_no in fresh:
            count = counts[report.event.record.place]
            if merchant_no not in (ANY_MERCHANT, key[0]):
                count.parked += 1  # of another merchant's order, which has not come yet
                continue
            count.applied += 1
            if report.meaning not in IDLE:
                matched.attach(key, report.for_order(), report.event)
        if any(claimed):
            # The order has just come: it gets what was reported before.
            for earlier in attachable(row, key[0], self._words):
                matched.attach(key, earlier, None)


def _owners(
    cursor: Cursor,
    order_ids: Iterable[bytes],
    orders: KeyedOrders,
    matched: MatchedBatch,
) -> dict[bytes, set[OrderKey]]:
    """The orders of each id, over all merchants: stored ones, and those of this very batch."""
    owners = awaiting_order.owners(cursor, sorted(order_ids))
    for key in {key for key, _ in orders} | {key for key, _ in matched.named}:
        if key[1] in owners:
            owners[key[1]].add(key)
    return owners
