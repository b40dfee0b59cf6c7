"""Joining carriers' reports to orders on the hot path, by tracking number or by the order that they name (SPEC 6).

Whose a report is follows from all orders that ever named its number. While that is one order, which
is nearly always, the report is folded into it in the batch that brings the two together. What
several orders contest is parked, and asked to be looked at again without haste
(processors/recheck/contested_numbers.py), as is whatever may change who contests it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from psycopg import Connection

from processors.intake.decoding import CarrierReportEvent, OrderEvent
from processors.intake.tracking_snapshot import (
    IDLE,
    NOTHING,
    TrackingSnapshot,
    attachable,
    is_unchanged,
)
from rules.order.carrier_reports import meaning_on_leg, numbers_of
from rules.order.facts import CarrierReport, OrderFacts
from schemas.carriers import CodeTable, Meaning
from schemas.carriers.spelling import label_of
from schemas.ids import Micros
from store.carriers import awaiting_order, tracking
from store.carriers.codes import Code
from store.carriers.tracking import TrackingRow
from store.carriers.unknown_codes import CodeSighting, UnknownCodes
from store.orders.orders import OrderKey, OrderRow
from store.postgres.interning import InternedStrings
from store.postgres.session import Cursor
from store.settings.merchants import Merchants
from store.streams.cursors import Counts, PartitionId

_NOBODY: OrderKey = (-1, b"")
TOO_MANY = "too_many_reports"
REMEMBERED = 20_000
"""Claims that a worker remembers, twice over: an order names its number in every record."""


class ResolvedReport(NamedTuple):
    """A report whose code was looked up.

    `code` names carrier, service and code as they are kept.
    """

    said: CarrierReportEvent
    meaning: Meaning
    code: Code
    service: str

    def for_order(self, *, named: bool = False) -> CarrierReport:
        """The report as a fact of an order."""
        said = self.said
        return CarrierReport(
            said.at, self.meaning, said.number, self.service, self.code[2], named, said.return_leg
        )


@dataclass(slots=True)
class MatchedBatch:
    """What a batch's reports and numbers come to.

    `numbers` are locked; `claimed` are new ones of which nothing is known but the order that named
    them. `again` are keys to be looked at again (RecheckKind.NUMBER).
    """

    folds: dict[OrderKey, list[CarrierReport]] = field(default_factory=dict)
    named: list[tuple[OrderKey, ResolvedReport]] = field(default_factory=list)
    newest: dict[OrderKey, CarrierReportEvent] = field(default_factory=dict)
    numbers: dict[bytes, TrackingRow] = field(default_factory=dict)
    claimed: dict[bytes, OrderKey] = field(default_factory=dict)
    again: set[bytes] = field(default_factory=set)
    unknown: list[CodeSighting] = field(default_factory=list)

    def fold(self, key: OrderKey, one: CarrierReport, said: CarrierReportEvent | None) -> None:
        """A report is to be folded into an order, because of itself (`said`) or because the order came."""
        self.folds.setdefault(key, []).append(one)
        if said is not None:
            before = self.newest.get(key)
            if before is None or said.at >= before.at:
                self.newest[key] = said

    def note(self, one: ResolvedReport, merchant_no: int, key: bytes) -> None:
        """Remembers where a report is whose code nobody knows."""
        if one.meaning is Meaning.UNKNOWN:
            text = one.said.text
            shown = label_of(None, text) if text else one.code[2]
            self.unknown.append(CodeSighting(one.code, shown, merchant_no, key))


class ReportMatcher:
    """Joins the reports of batches.

    What it remembers of committed claims spares most looks at the table.
    """

    def __init__(
        self, connection: Connection[tuple[Any, ...]], words: InternedStrings, merchants: Merchants
    ) -> None:
        """Reads which codes are known to be unknown."""
        self._words, self._merchants = words, merchants
        self._unknown = UnknownCodes(connection)
        self._claimed: dict[bytes, OrderKey | None] = {}
        self._claimed_before: dict[bytes, OrderKey | None] = {}

    def resolve_codes(
        self, reported: Iterable[CarrierReportEvent], codes: CodeTable
    ) -> list[ResolvedReport]:
        """Looks up the codes of reports: each once, as many say the same."""
        found, known = [], dict[tuple[Any, ...], tuple[Meaning, Code, str]]()
        for said in reported:
            spoken = said[5:]
            meant = known.get(spoken)
            if meant is None:
                meant = known[spoken] = self._look_up(said, codes)
            found.append(ResolvedReport(said, *meant))
        return found

    def _look_up(self, said: CarrierReportEvent, codes: CodeTable) -> tuple[Meaning, Code, str]:
        meaning, spelled = codes.look_up(said.carrier, said.service, said.code, said.text)
        code = said.carrier, said.service, spelled
        if meaning is Meaning.UNKNOWN:
            code = self._unknown.spelled(*code)
        return meaning_on_leg(meaning, said.return_leg), code, f"{code[0]}/{code[1]}"

    @staticmethod
    def words(told: Iterable[ResolvedReport]) -> set[str]:
        """What needs numbers before it is stored."""
        return {word for one in told for word in (one.service, one.code[2])}

    def join(
        self,
        cursor: Cursor,
        keyed: Sequence[tuple[OrderKey, OrderEvent]],
        told: Sequence[ResolvedReport],
        now: Micros,
        counts: Mapping[PartitionId, Counts],
    ) -> MatchedBatch:
        """Brings numbers, claims and reports of a batch together: everything before the orders are locked.

        Counts the reports that are told by their number or wait for their order. Raises
        NewNumberRace.
        """
        joined = MatchedBatch()
        by_number: dict[bytes, list[ResolvedReport]] = {}
        if told:
            self._sort_out(cursor, keyed, told, joined, by_number, now, counts)
        claims = self._new_claims(cursor, keyed, by_number, joined)
        if claims or by_number:
            numbers = joined.numbers = self._locked(cursor, claims, by_number)
            for number, row in numbers.items():
                fresh = (
                    self._add(row, by_number[number], joined, counts) if number in by_number else ()
                )
                self._bring_together(row, claims.get(number, ()), fresh, joined, counts)
        if joined.numbers or joined.claimed:
            tracking.write(cursor, joined.numbers.values(), now, joined.claimed)
        return joined

    def _sort_out(
        self,
        cursor: Cursor,
        keyed: Sequence[tuple[OrderKey, OrderEvent]],
        told: Sequence[ResolvedReport],
        joined: MatchedBatch,
        by_number: dict[bytes, list[ResolvedReport]],
        now: Micros,
        counts: Mapping[PartitionId, Counts],
    ) -> None:
        """Reports by their number, and those that name an order: of its merchant, else of the one that has such an order."""
        lone: dict[bytes, list[ResolvedReport]] = {}
        for one in told:
            said = one.said
            if said.order_id is None:
                by_number.setdefault(said.number, []).append(one)
            elif said.merchant_id is None:
                lone.setdefault(said.order_id, []).append(one)
            else:
                joined.named.append(
                    ((self._merchants.number(said.merchant_id), said.order_id), one)
                )
        if not lone:
            return
        owners = awaiting_order.owners(cursor, sorted(lone))
        for key in {key for key, _ in keyed} | {key for key, _ in joined.named}:
            if key[1] in owners:
                owners[key[1]].add(key)
        for order_id, found in lone.items():
            if len(owners[order_id]) == 1:
                joined.named += [(next(iter(owners[order_id])), one) for one in found]
        self._park(
            cursor,
            [(o, one) for o, found in lone.items() if len(owners[o]) != 1 for one in found],
            joined,
            now,
            counts,
        )

    def _park(
        self,
        cursor: Cursor,
        found: Sequence[tuple[bytes, ResolvedReport]],
        joined: MatchedBatch,
        now: Micros,
        counts: Mapping[PartitionId, Counts],
    ) -> None:
        if not found:
            return
        packed = [
            (order_id, awaiting_order.report_bytes(one.for_order(named=True), self._words))
            for order_id, one in found
        ]
        new = awaiting_order.park(cursor, packed, now)
        for waiting, (order_id, one) in zip(packed, found, strict=True):
            count = counts[one.said.record.place]
            if waiting in new:
                new.remove(waiting)
                count.parked += 1
                joined.again.add(awaiting_order.ORDER_KEY_PREFIX + order_id)
                joined.note(one, 0, awaiting_order.ORDER_KEY_PREFIX + order_id)
            else:
                count.duplicate += 1

    def _new_claims(
        self,
        cursor: Cursor,
        keyed: Sequence[tuple[OrderKey, OrderEvent]],
        by_number: Mapping[bytes, Any],
        joined: MatchedBatch,
    ) -> dict[bytes, set[OrderKey]]:
        """The numbers that orders name, as far as it is not known that they did so before.

        What nobody else has named or reported is `joined.claimed`, and needs no lock: most numbers
        are so.
        """
        claims: dict[bytes, set[OrderKey]] = {}
        for key, said in keyed:
            order, parcel = said.order, said.parcel
            number = order.tracking if order is not None else None
            if number and not self._is_remembered(number, key):
                claims.setdefault(number, set()).add(key)
            own = parcel.tracking if parcel is not None else None
            if own and own != number and not self._is_remembered(own, key):
                claims.setdefault(own, set()).add(key)
        if claims:
            known = tracking.read_claims(cursor, sorted(claims))
            for number, row in known.items():
                self._remember(number, row)
                claims[number].difference_update(row.claims)
                if not claims[number] or row.flags & tracking.CROWDED:
                    del claims[number]
            lone = [
                number for number, keys in claims.items() if len(keys) == 1 and number not in known
            ]
            joined.claimed = {
                number: claims.pop(number).pop() for number in lone if number not in by_number
            }
        return claims

    def _is_remembered(self, number: bytes, key: OrderKey) -> bool:
        """Whether the order's claim is known, or does not matter since the number is crowded."""
        claimed = self._claimed.get(number, _NOBODY)
        if claimed is _NOBODY:
            claimed = self._claimed_before.get(number, _NOBODY)
        return claimed == key or claimed is None

    def _remember(self, number: bytes, row: TrackingRow) -> None:
        if row.claims:
            self._claimed[number] = None if row.flags & tracking.CROWDED else row.claims[-1]

    def committed(self, joined: MatchedBatch) -> None:
        """The batch was committed: its claims are known from now on."""
        if len(self._claimed) >= REMEMBERED:
            self._claimed, self._claimed_before = {}, self._claimed
        for number, row in joined.numbers.items():
            self._remember(number, row)
        self._claimed |= joined.claimed

    @staticmethod
    def _locked(
        cursor: Cursor,
        claims: Mapping[bytes, set[OrderKey]],
        by_number: Mapping[bytes, Sequence[ResolvedReport]],
    ) -> dict[bytes, TrackingRow]:
        wanted = sorted(claims.keys() | by_number.keys())
        numbers = tracking.lock(cursor, wanted)
        for number in wanted:
            if number not in numbers:
                numbers[number] = TrackingRow(number, new=True)
        return numbers

    def _add(
        self,
        row: TrackingRow,
        found: Sequence[ResolvedReport],
        joined: MatchedBatch,
        counts: Mapping[PartitionId, Counts],
    ) -> list[tuple[ResolvedReport, int]]:
        """Keeps a number's reports.

        Those that are new, with the numbers of their merchants (0: none).
        """
        fresh, number = [], self._words.number
        for one in found:
            said = one.said
            merchant_no = (
                self._merchants.number(said.merchant_id) if said.merchant_id is not None else 0
            )
            key = tracking.identity(
                said.at, merchant_no, number(one.service), number(one.code[2]), said.return_leg
            )
            if row.has(key):
                counts[said.record.place].duplicate += 1
            elif row.add(key, one.meaning):
                fresh.append((one, merchant_no))
                if one.meaning is Meaning.UNKNOWN:
                    joined.note(one, 0, row.number)
            else:
                counts[said.record.place].ignore(TOO_MANY)
        return fresh

    def _bring_together(
        self,
        row: TrackingRow,
        claims: Iterable[OrderKey],
        fresh: Sequence[tuple[ResolvedReport, int]],
        joined: MatchedBatch,
        counts: Mapping[PartitionId, Counts],
    ) -> None:
        """What follows from a number's new reports and new claims."""
        claimed = [row.claim(key) for key in sorted(claims)] if claims else []
        if len(row.claims) != 1:
            if row.claims and (any(claimed) or (fresh and row.is_contested)):
                joined.again.add(row.number)
            for one, _ in fresh:
                counts[one.said.record.place].parked += 1
            return
        key = row.claims[0]
        for one, merchant_no in fresh:
            count = counts[one.said.record.place]
            if merchant_no not in (0, key[0]):
                count.parked += 1
                continue
            count.applied += 1
            if one.meaning not in IDLE:
                joined.fold(key, one.for_order(), one.said)
        if any(claimed):
            for report in attachable(row, key[0], self._words):
                joined.fold(key, report, None)

    def recheck_changed_numbers(
        self,
        cursor: Cursor,
        rows: Mapping[OrderKey, OrderRow],
        before: Mapping[OrderKey, TrackingSnapshot],
        changed: Iterable[OrderKey],
        joined: MatchedBatch,
    ) -> None:
        """Asks for numbers whose reports may be others' now: orders have other numbers, or another creation.

        The orders are locked by now: whoever contests one of their numbers later will wait for us,
        whoever did so before is seen.
        """
        moved: set[bytes] = set()
        for key in changed:
            row = rows[key]
            if row.new:
                continue  # what it names is claimed in this very batch
            old = before.get(key, NOTHING)
            if not is_unchanged(old, row.facts):
                moved |= numbers_of(row.facts) | numbers_of(
                    OrderFacts(old.record, parcels=old.parcels)
                )
        if not moved:
            return
        known = joined.numbers
        joined.again.update(
            number for number in moved if number in known and known[number].is_contested
        )
        rest = sorted(moved - known.keys() - joined.claimed.keys())
        if rest:
            found = tracking.read_claims(cursor, rest)
            joined.again.update(number for number, row in found.items() if row.is_contested)
