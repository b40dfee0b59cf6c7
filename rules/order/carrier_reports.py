"""What the carriers say of a parcel (rules.md 2.4, 6): its reports, and the voice they fold into.

Reports fold by (time of the event, rank of the meaning), never by arrival, so that any order and
any number of repeats of the same reports give the same voice.
"""

from collections.abc import Collection, Iterable
from typing import NamedTuple

from rules.order.facts import CarrierReport, OrderFacts, OrderRecord, Parcel
from rules.order.numbers import numbers_in_field, parts_of, whole_of
from schemas.carriers.meaning import Meaning
from schemas.ids import DAY, Micros

REACH: Micros = 180 * DAY
"""How far a report may lie from the first record that named its number: carriers use their numbers
again (rules.md 6).
"""
IMPORTED = "import"
"""`created_by` of orders that were entered after the fact."""

GOING_BACK = frozenset({Meaning.RETURNING, Meaning.RETURNED, Meaning.LOST})
OUT_OF_THE_COUNT = frozenset({Meaning.RETURNED, Meaning.LOST})
_FINAL_FOR_ARRIVED = frozenset({Meaning.DELIVERED, Meaning.COLLECTED})
_FINAL_FOR_COLLECTED = frozenset({Meaning.COLLECTED})


class GoneWord(NamedTuple):
    """One word of *returning*, *returned* or *lost*.

    `out`: the latter two, so that other parcels decide without it (rules.md 2.5). `reversal`: it
    took back a delivery as well (7-11 2053).
    """

    at: Micros
    out: bool = False
    reversal: bool = False


class Voice(NamedTuple):
    """One of the two voices on a parcel (rules.md 2.4), upstream or the carrier, folded by itself.

    `final_at` is the final moment that it says; `gone` the words by which the parcel goes back
    since then, in the order in which they were said: one of the two is empty. `before` is the final
    moment that held before it went back, and holds again when that does not count.
    """

    final_at: Micros | None = None
    before: Micros | None = None
    gone: tuple[GoneWord, ...] = ()

    @property
    def gone_since(self) -> Micros | None:
        """Since when it says that the parcel goes back, is back or lost; None when it does not."""
        return min((word.at for word in self.gone), default=None)

    @property
    def out(self) -> bool:
        """Returned or lost by its newest word: other parcels decide without it (rules.md 2.5).

        One going back is awaited.
        """
        return bool(self.gone) and self.gone[-1].out

    def denies(self, final: Micros) -> bool:
        """Whether it says *returning, returned or lost* later than `final` (rules.md 2.4).

        That is the final moment of the other voice.
        """
        return any(word.at > final for word in self.gone)

    def keeping(self, kept_from: Micros) -> "Voice":
        """The voice if words of going back at or after `kept_from` change nothing (rules.md 4.5).

        A reversed scan takes back.
        """
        left = tuple(word for word in self.gone if word.at < kept_from or word.reversal)
        if len(left) == len(self.gone):
            return self
        return self._replace(gone=left) if left else Voice(self.before)


SILENT = Voice()


def final_of_both(upstream: Voice, carrier: Voice) -> Micros | None:
    """When the parcel is final (rules.md 2.2, 2.4); None while it is not.

    One voice is enough, and the earlier one counts, unless the other voice denies it.
    """
    moments = [
        voice.final_at
        for voice, other in ((upstream, carrier), (carrier, upstream))
        if voice.final_at is not None and not other.denies(voice.final_at)
    ]
    return min(moments, default=None)


def carrier_voice(reports: Iterable[CarrierReport], awaited: str) -> Voice:
    """The carrier's voice on a parcel that is final at `awaited` (rules.md 2.4, 6).

    `awaited` is `arrived` or `collected`, by the parcel's option.
    """
    final = _FINAL_FOR_COLLECTED if awaited == "collected" else _FINAL_FOR_ARRIVED
    voice = SILENT
    for report in sorted(reports):
        voice = _with(voice, report, final)
    return voice


def _with(voice: Voice, report: CarrierReport, final: frozenset[Meaning]) -> Voice:
    """The voice after one more report, later in (time, rank) than those before it.

    Most change nothing.
    """
    meaning = report.meaning
    if meaning in final:
        return voice if voice.final_at is not None else Voice(report.at)
    if meaning in GOING_BACK:
        stood = voice.before if voice.gone else voice.final_at
        return Voice(None, stood, (*voice.gone, GoneWord(report.at, meaning in OUT_OF_THE_COUNT)))
    if meaning is Meaning.REVERSED:
        # It takes back a delivery or pick-up, also one before the parcel went back; the going back
        # itself remains.
        return voice._replace(final_at=None, before=None)
    if meaning is Meaning.REVERSED_RETURNING:
        return Voice(None, None, (*voice.gone, GoneWord(report.at, reversal=True)))
    if meaning is Meaning.RETURN_REVERSED and voice.gone:
        return Voice(voice.before)
    return voice


def meaning_on_leg(meaning: Meaning, return_leg: bool) -> Meaning:  # noqa: FBT001 - a fact of the report, not a switch
    """The meaning of a report.

    On the return leg it is never a delivery to the member (rules.md 6).
    """
    return _ON_RETURN_LEG.get(meaning, meaning) if return_leg else meaning


_ON_RETURN_LEG = {
    Meaning.IN_TRANSIT: Meaning.RETURNING,
    Meaning.AT_PICKUP_POINT: Meaning.RETURNING,
    Meaning.DELIVERED: Meaning.RETURNED,
    Meaning.COLLECTED: Meaning.RETURNED,
}


def field_of_parcel(parcel: Parcel, facts: OrderFacts) -> bytes:
    """The parcel's tracking field (rules/order/numbers.py): its own, else the order's, else empty.

    The order's counts if it names this parcel, or if there is no other parcel.
    """
    if parcel.record.tracking:
        return parcel.record.tracking
    record = facts.record
    if record is None or not record.tracking:
        return b""
    return (
        record.tracking
        if record.delivery_id == parcel.record.parcel_id or len(facts.counted) == 1
        else b""
    )


def numbers_of(facts: OrderFacts) -> frozenset[bytes]:
    """The tracking numbers under which reports may mean the order's parcels now.

    While no parcel is known, those that the order names.
    """
    if parcels := facts.counted:
        fields = {field_of_parcel(parcel, facts) for parcel in parcels}
    else:
        fields = {facts.record.tracking or b"" if facts.record is not None else b""}
    return frozenset([number for field in fields for number in numbers_in_field(field)])


def boxes_of(parcel: Parcel, facts: OrderFacts) -> tuple[bytes, ...]:
    """The numbers of the boxes that the parcel travels in: one, or each in its field (rules.md 6).

    A report of the whole field makes it one number. A parcel without a number is one box, b"".
    """
    field = field_of_parcel(parcel, facts)
    boxes = parts_of(field)
    if boxes != (whole := whole_of(field),) and any(
        report.number == whole and is_meant(facts.record, report)
        for report in facts.reports
        if whole
    ):
        return (whole,)
    return boxes


def is_meant(record: OrderRecord | None, report: CarrierReport) -> bool:
    """Whether the report can mean an order of this record: one younger than it cannot (D18).

    Imported orders are created after the fact, and a report that names its order means it.
    """
    return report.named or not is_younger(record, report.at)


def is_younger(record: OrderRecord | None, at: Micros) -> bool:
    """Whether the order was created after this; one not known yet may be older."""
    return record is not None and record.created_at > at and record.created_by != IMPORTED


def within_reach(named_at: Micros, at: Micros) -> bool:
    """Whether a report is near enough to the first record that named its number to mean it."""
    return abs(at - named_at) <= REACH


def reports_of(
    parcel: Parcel, facts: OrderFacts, number: bytes | None = None
) -> tuple[CarrierReport, ...]:
    """The reports that the parcel takes, or those of one of its boxes (rules.md 6).

    Those of its number, unless the order is younger, and those that name the order. A report that
    names the order and a number is of the box of that number, however old; if none has it, or it
    has no number, it is of the order's only parcel, and of none when there are several.
    """
    if not facts.reports:
        return ()
    boxes = boxes_of(parcel, facts)
    wanted = boxes if number is None else (number,)
    alone = len(facts.counted) == 1
    return tuple(
        [
            r
            for r in facts.reports
            if (r.number and r.number in wanted and is_meant(facts.record, r))
            or (alone and _is_of_all(r, boxes))
        ]
    )


def _is_of_all(report: CarrierReport, boxes: Collection[bytes]) -> bool:
    """Whether a report of an order with one parcel names none of its boxes: it is of all."""
    return not report.number or (report.named and report.number not in boxes)


def ambiguous_reports(facts: OrderFacts) -> tuple[CarrierReport, ...]:
    """The reports that name the order, but could be of any of its several parcels.

    No parcel takes them; `explain` shows them.
    """
    if not facts.reports or len(facts.counted) < 2:  # noqa: PLR2004 - several
        return ()
    known = frozenset([box for parcel in facts.counted for box in boxes_of(parcel, facts)])
    return tuple([r for r in facts.reports if (r.named or not r.number) and r.number not in known])
