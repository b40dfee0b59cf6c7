"""What carriers reported of an order's parcels, in sentences for `points explain` (SPEC 2.4, 6)."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from rules.order.carrier_reports import (
    Voice,
    ambiguous_reports,
    number_of,
    reports_of,
    within_reach,
)
from rules.order.delivery import Standing, awaited_status, standing_of
from rules.order.facts import CarrierReport, OrderFacts, Parcel
from schemas.carriers import shipped_codes
from schemas.carriers.meaning import Meaning
from schemas.ids import Micros
from schemas.settings import BoundRules
from store.reads.views import Numbered

SHOWN_IN_TRANSIT = 3
"""Reports on the way say little, and there are tens of them: the latest do."""


@dataclass(frozen=True, slots=True)
class CarrierTeller:
    """Tells the reports of one order. `at` writes an instant in the merchant's zone."""

    facts: OrderFacts
    rules: BoundRules
    numbers: Sequence[Numbered]
    at: Callable[[Micros], str]

    def of_parcel(self, parcel: Parcel) -> Iterator[str]:
        """The reports of a parcel, oldest first, and how both voices stand.

        Nothing where no carrier spoke.
        """
        number = number_of(parcel, self.facts)
        taken = reports_of(parcel, self.facts)
        row = next((one for one in self.numbers if one.number == number), None)
        kept = row.reports if row is not None else ()
        known = {_essence(report) for report in taken}
        found = sorted({*taken, *(report for report in kept if _essence(report) not in known)})
        awaited = awaited_status(parcel, self.rules.overrides)
        yield from self._listed(found, awaited, {_essence(report) for report in taken}, row)
        if row is not None and row.ambiguous:
            yield (
                f"ambiguous: {row.claims} orders named the number {_shown(number)}; a report that fits several of them counts for "
                "none (points carriers parked --ambiguous)."
            )
        if taken:
            yield self._verdict(standing_of(parcel, self.facts, self.rules.overrides), found)

    def of_no_parcel(self) -> Iterator[str]:
        """Reports that name the order, but could be of any of its parcels.

        And those that came before any parcel.
        """
        if not self.facts.parcels:
            for report in self.facts.reports:
                yield f"{self._head(report)}: {report.meaning.word}; no parcel is known that it could be of."
        for report in ambiguous_reports(self.facts):
            which = (
                f"its number {_shown(report.number)} is of none"
                if report.number
                else "it has no number"
            )
            yield f"ambiguous: {self._head(report)}: {report.meaning.word}. Of the order's several parcels none takes it: {which}."

    def _listed(
        self,
        found: Sequence[CarrierReport],
        awaited: str,
        taken: set[tuple[object, ...]],
        row: Numbered | None,
    ) -> Iterator[str]:
        on_the_way = [report for report in found if report.meaning is Meaning.IN_TRANSIT]
        left_out = set(on_the_way[:-SHOWN_IN_TRANSIT])
        if left_out:
            yield f"{len(left_out)} earlier reports of the carrier that it was in transit."
        for report in found:
            if report not in left_out:
                yield f"{self._head(report)}: {self._remark(report, awaited, taken, row)}."

    def _head(self, report: CarrierReport) -> str:
        carrier, _, service = report.service.partition("/")
        shipped = shipped_codes().get((carrier, service, report.code))
        text = f" “{shipped.text}”" if shipped is not None and shipped.text != report.code else ""
        leg = ", on the way back to the sender" if report.return_leg else ""
        return f"{self.at(report.at)} {carrier} {service} {report.code}{text}{leg}"

    def _remark(
        self,
        report: CarrierReport,
        awaited: str,
        taken: set[tuple[object, ...]],
        row: Numbered | None,
    ) -> str:
        word = report.meaning.word
        record = self.facts.record
        if (
            not report.named
            and record is not None
            and not within_reach(record.created_at, report.at)
        ):
            return (
                f"{word}; more than 180 days from the order's creation, so it is not of this order"
            )
        if row is not None and report.meaning not in _IDLE and _essence(report) not in taken:
            return f"{word}; {'ambiguous, so it does not count' if row.ambiguous else 'it counts for another order with this number'}"
        if report.meaning is Meaning.DELIVERED and awaited == "collected":
            return f"{word}; collected is awaited"
        return word + _REMARKS.get(report.meaning, "")

    def _verdict(self, standing: Standing, found: Sequence[CarrierReport]) -> str:
        upstream, carrier, final = standing.upstream, standing.carrier, standing.final_at
        if final is not None:
            return f"Final {self.at(final)}, by {_speaker(standing, final)}."
        if upstream.final_at is not None and carrier.gone:
            return self._denied("upstream", upstream, "the carrier", carrier)
        if carrier.final_at is not None and upstream.gone:
            return self._denied("the carrier", carrier, "upstream", upstream)
        if carrier.gone_since is not None:
            what = "is returned or lost" if carrier.out else "goes back"
            return (
                f"Not final: the carrier says since {self.at(carrier.gone_since)} that it {what}."
            )
        waiting = _waiting_since(found)
        if waiting is not None:
            return f"It waits at the pick-up point since {self.at(waiting)}, which is never final."
        if any(report.meaning.decisive for report in found):
            return "Not final: the carrier's newest word leaves it open."
        return "The carrier has not said that it is final."

    def _denied(self, name: str, voice: Voice, other: str, denying: Voice) -> str:
        final, gone = self.at(voice.final_at or 0), self.at(denying.gone[-1].at)
        return f"Not final: {name} says so {final}, but {other} says {gone} that it goes back or is lost."


_IDLE = frozenset({Meaning.IN_TRANSIT, Meaning.AT_PICKUP_POINT})
"""What is kept with the number alone, whosesoever it is."""
_REMARKS = {
    Meaning.UNKNOWN: "; no table has this code, so it changes nothing (points carriers set says what it means)",
    Meaning.AT_PICKUP_POINT: ", which is never final",
    Meaning.REVERSED: ": the carrier takes back its own word that it was delivered or collected",
    Meaning.REVERSED_RETURNING: ": the carrier takes back its own word, and the parcel goes back",
    Meaning.RETURN_REVERSED: ": the carrier takes back its return, so an earlier delivery stands again",
}


def _essence(report: CarrierReport) -> tuple[object, ...]:
    """What makes two reports the same, kept with the number or with the order."""
    return report.at, report.service, report.code, report.return_leg


def _speaker(standing: Standing, final: Micros) -> str:
    said = [
        name
        for name, voice in (("upstream", standing.upstream), ("the carrier", standing.carrier))
        if voice.final_at == final
    ]
    both = standing.upstream.final_at is not None and standing.carrier.final_at is not None
    if len(said) > 1:
        return "upstream's word and the carrier's"
    other = ("upstream" if said[0] != "upstream" else "the carrier") if both else ""
    return f"{said[0]}'s word" + (
        f", the earlier one: {other} says so too" if other else ", which is enough"
    )


def _waiting_since(found: Iterable[CarrierReport]) -> Micros | None:
    """Since when the newest reports say that the parcel waits to be fetched.

    None when the newest says otherwise.
    """
    since: Micros | None = None
    for report in sorted(found):
        if report.meaning is Meaning.AT_PICKUP_POINT:
            since = report.at if since is None else since
        elif report.meaning is not Meaning.UNKNOWN:
            since = None
    return since


def _shown(number: bytes) -> str:
    return number.decode("ascii", "replace")
