"""What the reports and tracking numbers of a batch come to, before its orders are locked."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from processors.intake.decoding import CarrierReportEvent, OrderEvent
from processors.pipeline.pipeline import CountsByPartition
from rules.order.carrier_reports import within_reach
from rules.order.facts import CarrierReport
from schemas.carriers import Meaning
from schemas.carriers.spelling import label_of
from schemas.ids import Micros
from store.carriers.codes import Code
from store.carriers.tracking import NumberKey, TrackingRow
from store.carriers.unknown_codes import CodeSighting
from store.orders.orders import OrderKey
from store.streams.cursors import PartitionId
from store.streams.parked_records import ParkedRecord, Wait
from store.streams.recheck import RecheckKind

KeyedOrders: TypeAlias = Sequence[tuple[OrderKey, OrderEvent]]


class ResolvedReport(NamedTuple):
    """A report whose code was looked up, and the number of the merchant that it names.

    `code` is carrier, service and code as they are kept, `service` "carrier/service".
    """

    event: CarrierReportEvent
    meaning: Meaning
    code: Code
    service: str
    merchant_no: int

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

    @property
    def wait(self) -> Wait:
        """What it waits for while it is parked."""
        return self.event.number, self.merchant_no, self.event.at


class NamedReport(NamedTuple):
    """A report that names its order. Of several merchants' orders it is counted for the first."""

    key: OrderKey
    report: ResolvedReport
    is_counted: bool


@dataclass(slots=True)
class MatchedBatch:
    """What the reports and tracking numbers of a batch come to.

    `reports` are those to fold by the order that alone can be meant, `named` those that name their
    order, `fresh` the reports of the batch among the former, counted once each. `numbers` are the
    locked rows, `claimed` new numbers that only one order has named. `recheck_keys` are the numbers
    (with their merchant) and order ids to be looked at again (the recheck queue's
    RecheckKind.NUMBER), each with the time of the event that asks. `parked` are the records that
    the batch parks, `settled` is what such records wait for no more, with the orders that came;
    `out_of_reach` is what they wait for still, as the order that came cannot be meant.
    """

    reports: dict[OrderKey, list[CarrierReport]] = field(default_factory=dict)
    named: list[NamedReport] = field(default_factory=list)
    fresh: dict[OrderKey, list[ResolvedReport]] = field(default_factory=dict)
    numbers: dict[NumberKey, TrackingRow] = field(default_factory=dict)
    claimed: dict[NumberKey, tuple[bytes, Micros]] = field(default_factory=dict)
    recheck_keys: dict[NumberKey, Micros] = field(default_factory=dict)
    unknown_codes: list[CodeSighting] = field(default_factory=list)
    parked: dict[tuple[PartitionId, int], ParkedRecord] = field(default_factory=dict)
    settled: dict[Wait, list[OrderKey]] = field(default_factory=dict)
    out_of_reach: set[Wait] = field(default_factory=set)

    def attach(self, key: OrderKey, report: CarrierReport) -> None:
        """A report is to be folded into an order."""
        self.reports.setdefault(key, []).append(report)

    def settle(
        self, key: OrderKey, row: TrackingRow, lone: TrackingRow | None, since: Micros
    ) -> None:
        """Reports that may mean the only order, which named the number since then, wait no more.

        Of the others it is known now why they wait.
        """
        for kept in (row, lone):
            if kept is not None and kept.packed:
                for at in kept.times():
                    if within_reach(since, at):
                        self.settled.setdefault((*kept.key, at), []).append(key)
                    else:
                        self.out_of_reach.add((*kept.key, at))

    def recheck(self, key: NumberKey, at: Micros) -> None:
        """A number, or an order id, is to be looked at again because of an event of this time."""
        self.recheck_keys[key] = max(at, self.recheck_keys.get(key, at))

    def park(
        self, report: ResolvedReport, wait: Wait, reason: str, counts: CountsByPartition
    ) -> None:
        """Counts a report as parked, and notes by its coordinates what it waits for."""
        record = report.event.record
        counts[record.place].parked += 1
        place = record.place, record.offset
        self.parked[place] = ParkedRecord(*place, wait, reason)

    def note_if_unknown(
        self, report: ResolvedReport, kind: RecheckKind, merchant_no: int, key: bytes
    ) -> None:
        """Remembers where a report is kept whose code no table has."""
        if report.meaning is Meaning.UNKNOWN:
            text = report.event.text
            shown = label_of(None, text) if text else report.code[2]
            self.unknown_codes.append(
                CodeSighting(report.code, shown, report.merchant_no, kind, merchant_no, key)
            )
