"""The carriers' voice: which reports a parcel takes, and what they fold into (rules.md 2.4, 6)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.order.carrier_reports import (
    SILENT,
    GoneWord,
    Voice,
    ambiguous_reports,
    carrier_voice,
    field_of_parcel,
    final_of_both,
    is_younger,
    meaning_on_leg,
    numbers_of,
    reports_of,
    within_reach,
)
from rules.order.delivery import order_final_moment
from rules.order.facts import (
    CarrierReport,
    DeliveryKey,
    OrderFacts,
    OrderRecord,
    Parcel,
    ParcelRecord,
)
from rules.order.trail import Version
from schemas.carriers.meaning import Meaning
from schemas.ids import DAY, Micros

LETTERS = {
    "?": Meaning.UNKNOWN,
    "t": Meaning.IN_TRANSIT,
    "p": Meaning.AT_PICKUP_POINT,
    "D": Meaning.DELIVERED,
    "C": Meaning.COLLECTED,
    "b": Meaning.RETURNING,
    "B": Meaning.RETURNED,
    "L": Meaning.LOST,
    "X": Meaning.REVERSED,
    "Y": Meaning.REVERSED_RETURNING,
    "Z": Meaning.RETURN_REVERSED,
}


def reports(text: str) -> list[CarrierReport]:
    """From "D1 X2": delivered at 1, reversed at 2."""
    return [CarrierReport(int(word[1:]), LETTERS[word[0]]) for word in text.split()]


def heard(text: str, awaited: str = "arrived") -> tuple[Micros | None, Micros | None, bool]:
    """(final since, gone since, out of the count)."""
    voice = carrier_voice(reports(text), awaited)
    return voice.final_at, voice.gone_since, voice.out


# --- one voice


@pytest.mark.parametrize(
    ("told", "arrived", "collected"),
    [
        ("", None, None),
        ("t1", None, None),
        ("?1", None, None),
        ("p1", None, None),  # waiting at the pick-up point is never final, whatever the option
        ("D1", 1, None),
        ("C1", 1, 1),
        ("D1 C2", 1, 2),
        ("C2 D1", 1, 2),
        ("D1 D2", 1, None),
        ("C1 C2", 1, 1),
        ("D1 t2", 1, None),  # a later in-transit code does not undo a final one
        ("C1 t2 p3 ?4", 1, 1),
        ("p1 C2", 2, 2),
    ],
)
def test_what_is_final_for_an_arrived_and_for_a_collected_option(
    told: str, arrived: int | None, collected: int | None
) -> None:
    assert heard(told) == (arrived, None, False)
    assert heard(told, "collected") == (collected, None, False)


@pytest.mark.parametrize(
    ("told", "final", "gone", "out"),
    [
        # gone since the earliest word of the run; returned and lost are out of the count, returning
        # is still awaited
        ("D1 b2", None, 2, False),
        ("D1 B2", None, 2, True),
        ("D1 L2", None, 2, True),
        ("D1 b2 B3", None, 2, True),
        ("D1 B2 b3", None, 2, False),
        ("b1 t2 p3 B4 t5", None, 1, True),
        # final anew at its own time
        ("D1 b2 D3", 3, None, False),
        ("D1 b2 D3 b4", None, 4, False),
        ("B1 C2 C3", 2, None, False),
        # a reversal takes back the delivery, and says nothing of a return
        ("D1 X2", None, None, False),
        ("D1 C2 X3", None, None, False),
        ("D1 X2 D3", 3, None, False),
        ("X1 D2", 2, None, False),
        ("X1", None, None, False),
        ("D1 B2 X3", None, 2, True),
        ("b1 X2 B3", None, 1, True),
        # 7-11 2053 says returning too
        ("C1 Y2", None, 2, False),
        ("C1 Y2 B3", None, 2, True),
        ("C1 B2 Y3", None, 2, False),
        ("C1 Y2 C3", 3, None, False),
        ("Y1", None, 1, False),
        # Tcat 3017 takes back the return: an earlier delivery stands again
        ("D1 B2 Z3", 1, None, False),
        ("D1 b2 B3 t4 Z5", 1, None, False),
        ("B1 Z2", None, None, False),
        ("B1 Z2 D3", 3, None, False),
        ("D1 Z2", 1, None, False),
        ("D1 B2 D3 Z4", 3, None, False),
        ("D1 B2 D3 B4 Z5", 3, None, False),
        ("D1 B2 Z3 L4", None, 4, True),
        ("D1 B2 X3 Z4", None, None, False),
        ("D1 X2 B3 Z4", None, None, False),
        ("D1 Y2 Z3", None, None, False),
        ("D1 B2 Z3 X4", None, None, False),
        # of one instant, the rank decides
        ("b1 D1", None, 1, False),
        ("X1 D1", None, None, False),
        ("Z1 B1 D1", 1, None, False),
    ],
)
def test_reversals_returns_and_repeats(
    told: str, final: int | None, gone: int | None, *, out: bool
) -> None:
    assert heard(told) == (final, gone, out)


def test_delivered_is_nothing_to_a_parcel_that_must_be_collected() -> None:
    assert heard("B1 D2", "collected") == (None, 1, True)
    assert heard("C1 X2 D3", "collected") == (None, None, False)


@pytest.mark.parametrize(
    ("told", "before"), [("D1 B2", 1), ("D1 b2 X3 B4", None), ("B2", None), ("D1 B2 Y3", None)]
)
def test_the_voice_remembers_what_stood_before_the_parcel_went_back(
    told: str, before: int | None
) -> None:
    assert carrier_voice(reports(told), "arrived").before == before


MEANINGS = st.sampled_from(list(Meaning))
HISTORIES = st.lists(st.builds(CarrierReport, st.integers(1, 6), MEANINGS), max_size=9)
AWAITED = st.sampled_from(["arrived", "collected"])


def spelled_out(
    told: list[CarrierReport], awaited: str
) -> tuple[Micros | None, list[Micros], bool]:
    """rules.md 2.4 and 6 once more, by looking back from the end.

    (final since, moments of going back, out of the count)
    """
    final_words = (
        {Meaning.DELIVERED, Meaning.COLLECTED} if awaited == "arrived" else {Meaning.COLLECTED}
    )
    gone_words = {Meaning.RETURNING, Meaning.RETURNED, Meaning.LOST}
    words = [(r.at, r.meaning) for r in sorted(set(told), key=lambda r: (r.at, int(r.meaning)))]
    standing: list[tuple[Micros, Meaning]] = []
    for at, meaning in words:
        if meaning is not Meaning.RETURN_REVERSED:
            standing.append((at, meaning))
            continue
        # What it takes back is the going back since the newest final word, as if it had never been
        # said.
        last_final = max((i for i, (_, m) in enumerate(standing) if m in final_words), default=-1)
        since = [
            (a, Meaning.REVERSED if m is Meaning.REVERSED_RETURNING else m)
            for a, m in standing[last_final + 1 :]
        ]
        standing = standing[: last_final + 1] + [(a, m) for a, m in since if m not in gone_words]
    breaks = gone_words | {Meaning.REVERSED, Meaning.REVERSED_RETURNING}
    last_break = max((i for i, (_, m) in enumerate(standing) if m in breaks), default=-1)
    finals = [at for at, m in standing[last_break + 1 :] if m in final_words]
    last_final = max((i for i, (_, m) in enumerate(standing) if m in final_words), default=-1)
    gone = [
        (at, m)
        for at, m in standing[last_final + 1 :]
        if m in gone_words | {Meaning.REVERSED_RETURNING}
    ]
    out = bool(gone) and gone[-1][1] in (Meaning.RETURNED, Meaning.LOST)
    return (finals[0] if finals else None), [at for at, _ in gone], out


@given(told=HISTORIES, awaited=AWAITED)
def test_the_voice_is_what_the_rules_spelled_out_say(
    told: list[CarrierReport], awaited: str
) -> None:
    voice = carrier_voice(set(told), awaited)
    assert (voice.final_at, [word.at for word in voice.gone], voice.out) == spelled_out(
        told, awaited
    )


@given(told=HISTORIES, awaited=AWAITED, data=st.data())
def test_order_and_repeats_do_not_matter(
    told: list[CarrierReport], awaited: str, data: st.DataObject
) -> None:
    again = told + data.draw(st.lists(st.sampled_from(told), max_size=4)) if told else []
    shuffled = data.draw(st.permutations(again))
    first, second = carrier_voice(told, awaited), carrier_voice(shuffled, awaited)
    assert (first.final_at, first.gone_since, first.out, first.before) == (
        second.final_at,
        second.gone_since,
        second.out,
        second.before,
    )


@given(
    told=HISTORIES,
    awaited=AWAITED,
    late=st.lists(st.sampled_from("?tp"), max_size=3),
    at=st.integers(1, 9),
)
def test_what_is_not_decisive_never_changes_anything(
    told: list[CarrierReport], awaited: str, late: list[str], at: int
) -> None:
    more = [CarrierReport(at, LETTERS[letter]) for letter in late]
    assert not any(report.meaning.decisive for report in more)
    assert carrier_voice(told + more, awaited) == carrier_voice(told, awaited)


# --- both voices


def back(*moments: int, before: int | None = None) -> Voice:
    return Voice(None, before, tuple(map(GoneWord, moments)))


@pytest.mark.parametrize(
    ("one", "other", "final"),
    [
        (SILENT, SILENT, None),
        (Voice(5), SILENT, 5),
        (Voice(5), Voice(3), 3),
        (Voice(5), back(6), None),
        (Voice(5), back(5), 5),  # not later than the final moment
        (Voice(5), back(4), 5),
        (Voice(5), back(4, 6), None),  # it still says so, and later
        (SILENT, back(4), None),
        (back(3), back(4), None),
    ],
)
def test_final_if_either_voice_says_so_unless_the_other_says_later_that_it_goes_back(
    one: Voice, other: Voice, final: int | None
) -> None:
    assert final_of_both(one, other) == final
    assert final_of_both(other, one) == final


# --- the return leg


@pytest.mark.parametrize(
    ("meaning", "on_return"),
    [
        (Meaning.IN_TRANSIT, Meaning.RETURNING),
        (Meaning.AT_PICKUP_POINT, Meaning.RETURNING),
        (Meaning.DELIVERED, Meaning.RETURNED),
        (Meaning.COLLECTED, Meaning.RETURNED),
        *(
            (same, same)
            for same in (Meaning.UNKNOWN, *Meaning)
            if same >= Meaning.RETURNING or same is Meaning.UNKNOWN
        ),
    ],
)
def test_nothing_is_delivered_on_the_return_leg(meaning: Meaning, on_return: Meaning) -> None:
    assert meaning_on_leg(meaning, return_leg=True) is on_return
    assert meaning_on_leg(meaning, return_leg=False) is meaning


# --- which reports a parcel takes

CREATED = 1000 * DAY
ORDER = OrderRecord(
    Version(CREATED),
    CREATED,
    "confirmed",
    b"member",
    False,
    "shop",
    None,
    "TWD",
    1000,
    delivery_key=DeliveryKey.PRESENT,
)


def facts(
    *parcels: bytes | None, tracking: bytes | None = None, nested: bytes | None = None
) -> OrderFacts:
    """An order of these parcels, 0, 1, …, by their own numbers.

    `tracking` and `nested` are what the order's record says.
    """
    made = [
        Parcel(ParcelRecord(Version(1), b"%d" % n, "shipped", None, tracking=own))
        for n, own in enumerate(parcels)
    ]
    return OrderFacts(ORDER._replace(tracking=tracking, delivery_id=nested), parcels=tuple(made))


def taken(order: OrderFacts, *told: CarrierReport) -> list[int]:
    """How many of the reports each parcel takes."""
    order.reports = tuple(sorted(told))
    return [len(reports_of(parcel, order)) for parcel in order.parcels]


def says(number: bytes = b"", *, named: bool = False, after: Micros = DAY) -> CarrierReport:
    return CarrierReport(CREATED + after, Meaning.DELIVERED, number, "tcat/home", "3003", named)


@pytest.mark.parametrize(
    ("order", "numbers"),
    [
        (facts(b"A"), [b"A"]),
        (facts(b"A", b"B"), [b"A", b"B"]),
        (facts(None), [b""]),
        (facts(None, tracking=b"A"), [b"A"]),  # the only parcel
        (facts(None, tracking=b"A", nested=b"another"), [b"A"]),
        (facts(None, None, tracking=b"A", nested=b"1"), [b"", b"A"]),
        (facts(None, None, tracking=b"A"), [b"", b""]),
        (facts(b"B", tracking=b"A", nested=b"0"), [b"B"]),  # its own speaks first
    ],
)
def test_the_number_of_a_parcel_is_its_own_or_the_orders(
    order: OrderFacts, numbers: list[bytes]
) -> None:
    assert [field_of_parcel(parcel, order) for parcel in order.parcels] == numbers
    assert numbers_of(order) == {number for number in numbers if number}


def test_while_no_parcel_is_known_the_order_goes_by_the_number_that_it_names() -> None:
    assert numbers_of(facts(tracking=b"A")) == {b"A"}
    assert numbers_of(facts()) == numbers_of(OrderFacts()) == frozenset()


def test_the_number_of_a_parcel_whose_order_is_not_known_is_its_own() -> None:
    order = facts(b"A", None)
    order.record = None
    assert [field_of_parcel(parcel, order) for parcel in order.parcels] == [b"A", b""]
    assert taken(order, says(b"A", after=-999 * DAY)) == [1, 0]


@pytest.mark.parametrize(
    ("order", "report", "takes"),
    [
        (facts(b"A"), says(b"A"), [1]),
        (facts(b"A"), says(b"B"), [0]),  # the number was another one once
        (facts(b"A", b"B"), says(b"B"), [0, 1]),
        (facts(b"A", b"A"), says(b"A"), [1, 1]),
        (facts(None), says(b"A"), [0]),
        # reports that name the order
        (facts(b"A"), says(), [1]),
        (facts(b"A"), says(named=True), [1]),
        (facts(None), says(b"A", named=True), [1]),
        (facts(b"A"), says(b"B", named=True), [1]),
        (facts(b"A", b"B"), says(b"B", named=True), [0, 1]),
        (facts(b"A", b"B"), says(b"C", named=True), [0, 0]),
        (facts(b"A", b"B"), says(named=True), [0, 0]),
        (facts(b"A", None), says(), [0, 0]),
        # not of an order that is younger, unless it names the order
        (facts(b"A"), says(b"A", after=0), [1]),
        (facts(b"A"), says(b"A", after=-1), [0]),
        (facts(b"A"), says(b"A", named=True, after=-1), [1]),
        (facts(b"A"), says(b"A", named=True, after=400 * DAY), [1]),
        (facts(b"A", b"B"), says(b"A", named=True, after=400 * DAY), [1, 0]),
        (facts(b"A"), says(named=True, after=400 * DAY), [1]),
    ],
)
def test_a_parcel_takes_the_reports_of_its_number_and_those_that_name_its_order(
    order: OrderFacts, report: CarrierReport, takes: list[int]
) -> None:
    assert taken(order, report) == takes


def test_an_order_not_known_yet_may_be_meant_and_one_that_was_imported() -> None:
    assert not is_younger(None, CREATED)
    record = facts(b"A").record
    assert record is not None
    assert is_younger(record, CREATED - 1)
    assert not is_younger(record, CREATED)
    assert not is_younger(record._replace(created_by="import"), CREATED - 1)


def test_reports_are_within_180_days_of_the_record_that_first_named_their_number() -> None:
    assert within_reach(CREATED, CREATED + 180 * DAY)
    assert within_reach(CREATED, CREATED - 180 * DAY)
    assert not within_reach(CREATED, CREATED + 180 * DAY + 1)


BOTH = b"A/B A B"
"""A field with two numbers, as it is kept."""


@pytest.mark.parametrize(
    ("reports", "final"),
    [
        ([], None),
        ([says(b"A")], None),
        ([says(b"A"), says(b"B", after=2 * DAY)], CREATED + 2 * DAY),
        ([says(b"A"), says(b"B")._replace(meaning=Meaning.LOST)], CREATED + DAY),
        ([says(b"A/B", after=2 * DAY)], CREATED + 2 * DAY),
        ([says(b"A"), says(b"A/B", after=2 * DAY)], CREATED + 2 * DAY),
        ([says(named=True)], CREATED + DAY),
        ([says(b"B", named=True)], None),
    ],
)
def test_several_numbers_in_a_field_are_parcels_unless_a_report_has_the_whole(
    reports: list[CarrierReport], final: Micros | None
) -> None:
    order = facts(BOTH)
    order.reports = tuple(sorted(reports))
    assert order_final_moment(order, {}, on_completed=False) == final


def test_reports_that_could_be_of_several_parcels_are_shown_as_ambiguous() -> None:
    order = facts(b"A", b"B")
    told = (
        says(named=True),
        says(b"C", named=True),
        says(b"B", named=True),
        says(b"A"),
        says(b"C"),
    )
    order.reports = tuple(sorted(told))
    assert set(ambiguous_reports(order)) == {told[0], told[1]}
    alone = facts(b"A")
    alone.reports = order.reports
    assert ambiguous_reports(alone) == ()
