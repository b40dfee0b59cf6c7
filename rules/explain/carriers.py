"""What carriers reported of an order's parcels (rules.md 2.4, 6), in sentences."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rules.explain.case import OrderCase
from rules.explain.view import TrackedNumber
from rules.order.carrier_reports import (
    Voice,
    ambiguous_reports,
    boxes_of,
    is_younger,
    reports_of,
    within_reach,
)
from rules.order.delivery import Standing, awaited_status, standing_of
from rules.order.facts import CarrierReport, Parcel
from schemas.carriers import shipped_codes
from schemas.carriers.meaning import Meaning
from schemas.ids import Micros
from schemas.settings import BoundRules

SHOWN_IN_TRANSIT = 3
"""Reports on the way say little, and a parcel has tens of them: the latest are enough."""

_KEPT_WITH_NUMBER_ONLY = frozenset({Meaning.IN_TRANSIT, Meaning.AT_PICKUP_POINT})
"""These decide nothing, so they are kept with the number alone, whichever order it is of."""
_REMARKS = {
    Meaning.UNKNOWN: "; no table has this code, so it changes nothing"
    " (points carriers set says what it means)",
    Meaning.AT_PICKUP_POINT: ", which is never final",
    Meaning.REVERSED: ": the carrier withdraws its report that it was delivered or collected",
    Meaning.REVERSED_RETURNING: ": the carrier withdraws its report, and the parcel goes back",
    Meaning.RETURN_REVERSED: ": the carrier withdraws its return,"
    " so an earlier delivery counts again",
}

_Essence = tuple[Micros, str, str, bool]


@dataclass(frozen=True, slots=True)
class _ParcelReports:
    """All reports of one parcel, oldest first.

    `taken` are the essences of those that count for the order; `row` is the parcel's number.
    """

    reports: Sequence[CarrierReport]
    taken: frozenset[_Essence]
    row: TrackedNumber | None
    awaited: str


@dataclass(frozen=True, slots=True)
class CarrierSteps:
    """The carriers' part of the explanation of one order."""

    case: OrderCase
    rules: BoundRules

    def of_parcel(self, parcel: Parcel) -> Iterator[str]:
        """The reports of a parcel, oldest first, and whose word decides.

        Nothing where no carrier reported.
        """
        for number in boxes_of(parcel, self.case.view.facts):
            yield from self._of_box(parcel, number)

    def _of_box(self, parcel: Parcel, number: bytes) -> Iterator[str]:
        facts = self.case.view.facts
        taken = reports_of(parcel, facts, number)
        parcel_reports = self._reports_of(parcel, number, taken)
        yield from self._listed(parcel_reports)
        row = parcel_reports.row
        if row is not None and row.ambiguous:
            named = f"{row.claims} orders named the number {_shown(row.number)}"
            none = "a report that fits those of several members counts for none"
            yield f"ambiguous: {named}; {none} (points carriers parked --ambiguous)."
        if taken:
            standing = standing_of(parcel, facts, self.rules.overrides, number)
            yield self._verdict(standing, parcel_reports.reports)

    def of_no_parcel(self) -> Iterator[str]:
        """Reports that name the order, but not which of its parcels they are of.

        And those that came before any parcel.
        """
        facts = self.case.view.facts
        if not facts.parcels:
            for report in facts.reports:
                none = "no parcel is known that it could be of"
                yield f"{self._head(report)}: {report.meaning.word}; {none}."
        for report in ambiguous_reports(facts):
            which = "it has no number"
            if report.number:
                which = f"its number {_shown(report.number)} belongs to none"
            none = f"It is of none of the order's several parcels: {which}"
            yield f"ambiguous: {self._head(report)}: {report.meaning.word}. {none}."

    def _reports_of(
        self, parcel: Parcel, number: bytes, taken: Sequence[CarrierReport]
    ) -> _ParcelReports:
        """Reports that count for the order, and those that are only kept with its number."""
        view = self.case.view
        row = next((each for each in view.numbers if each.number == number), None)
        known = frozenset(_essence(report) for report in taken)
        kept = row.reports if row is not None else ()
        more = (report for report in kept if _essence(report) not in known)
        return _ParcelReports(
            reports=sorted({*taken, *more}),
            taken=known,
            row=row,
            awaited=awaited_status(parcel, self.rules.overrides),
        )

    def _listed(self, parcel: _ParcelReports) -> Iterator[str]:
        on_the_way = [r for r in parcel.reports if r.meaning is Meaning.IN_TRANSIT]
        left_out = set(on_the_way[:-SHOWN_IN_TRANSIT])
        if left_out:
            yield f"{len(left_out)} earlier reports of the carrier that it was in transit."
        for report in parcel.reports:
            if report not in left_out:
                yield f"{self._head(report)}: {self._remark(report, parcel)}."

    def _head(self, report: CarrierReport) -> str:
        """Who reported what and when."""
        carrier, _, service = report.service.partition("/")
        shipped = shipped_codes().get((carrier, service, report.code))
        text = f" “{shipped.text}”" if shipped is not None and shipped.text != report.code else ""
        leg = ", on the way back to the sender" if report.return_leg else ""
        return f"{self.case.at(report.at)} {carrier} {service} {report.code}{text}{leg}"

    def _remark(self, report: CarrierReport, parcel: _ParcelReports) -> str:
        """What the report means, and why it does not count where it does not."""
        word, record = report.meaning.word, self.case.view.facts.record
        named_at = parcel.row.named_at if parcel.row is not None else None
        if not report.named and named_at is not None and not within_reach(named_at, report.at):
            far = "more than 180 days from the first record that named the number"
            return f"{word}; {far}, so it is not of this order"
        if not report.named and is_younger(record, report.at):
            return f"{word}; the order is younger, so it is not of this order"
        decisive = report.meaning not in _KEPT_WITH_NUMBER_ONLY
        if parcel.row is not None and decisive and _essence(report) not in parcel.taken:
            if parcel.row.ambiguous:
                return f"{word}; ambiguous, so it does not count"
            return f"{word}; it counts for another order with this number"
        if report.meaning is Meaning.DELIVERED and parcel.awaited == "collected":
            return f"{word}; it is final only when collected"
        return word + _REMARKS.get(report.meaning, "")

    def _verdict(self, standing: Standing, reports: Sequence[CarrierReport]) -> str:
        """Whose word decides, or why the parcel is not final."""
        at, upstream, carrier = self.case.at, standing.upstream, standing.carrier
        if standing.final_at is not None:
            by = _decided_by(standing, standing.final_at)
            return f"Final {at(standing.final_at)}, by {by}."
        if upstream.final_at is not None and carrier.gone:
            return self._denied("upstream", upstream, "the carrier", carrier)
        if carrier.final_at is not None and upstream.gone:
            return self._denied("the carrier", carrier, "upstream", upstream)
        if carrier.gone_since is not None:
            what = "was returned or lost" if carrier.out else "is going back"
            when = at(carrier.gone_since)
            return f"Not final: the carrier reported on {when} that the parcel {what}."
        waiting = _waiting_since(reports)
        if waiting is not None:
            return (
                f"It has been waiting at the pick-up point since {at(waiting)}; "
                "that is never final."
            )
        if any(report.meaning.decisive for report in reports):
            return "Not final: the carrier's newest report leaves it open."
        return "The carrier has not reported that it is final."

    def _denied(self, name: str, voice: Voice, other: str, denying: Voice) -> str:
        final, gone = self.case.at(voice.final_at or 0), self.case.at(denying.gone[-1].at)
        return (
            f"Not final: {name} says that it was final on {final}, "
            f"but {other} says that on {gone} it went back or was lost."
        )


def _essence(report: CarrierReport) -> _Essence:
    """What makes two reports the same, whether kept with the number or with the order."""
    return report.at, report.service, report.code, report.return_leg


def _decided_by(standing: Standing, final: Micros) -> str:
    """Whose word made the parcel final, and whether the other agrees."""
    upstream, carrier = standing.upstream, standing.carrier
    if upstream.final_at == carrier.final_at:
        return "upstream's word and the carrier's"
    first, other = ("upstream", "the carrier")
    if carrier.final_at == final:
        first, other = other, first
    if upstream.final_at is not None and carrier.final_at is not None:
        return f"{first}'s word, the earlier one: {other} says so too"
    return f"{first}'s word, which is enough"


def _waiting_since(reports: Iterable[CarrierReport]) -> Micros | None:
    """Since when the newest reports say that the parcel is at the pick-up point, None if not."""
    since: Micros | None = None
    for report in sorted(reports):
        if report.meaning is Meaning.AT_PICKUP_POINT:
            since = report.at if since is None else since
        elif report.meaning is not Meaning.UNKNOWN:
            since = None
    return since


def _shown(number: bytes) -> str:
    return number.decode("ascii", "replace")
