"""Folding carriers' reports into an order (rules.md 6): repeats and disorder change nothing."""

from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.order import folding, report_limits
from rules.order.carrier_reports import Voice, carrier_voice
from rules.order.facts import CarrierReport, OrderFacts
from rules.order.folding import (
    APPLIED,
    DUPLICATE,
    MOST_REPORTS,
    STALE,
    TOO_MANY,
    Outcome,
    fold_report,
)
from schemas.carriers.meaning import Meaning

NUMBER = b"D40617352918"
FINAL = ("arrived", "collected")
ONLY_SHOWN = (Meaning.IN_TRANSIT, Meaning.AT_PICKUP_POINT)


def report(
    at: int, meaning: Meaning, number: bytes = NUMBER, *, named: bool = False
) -> CarrierReport:
    return CarrierReport(at, meaning, number, "tcat/home", f"code {meaning.word}", named)


def facts_of(reports: list[CarrierReport]) -> OrderFacts:
    facts = OrderFacts()
    for one in reports:
        fold_report(facts, one)
    return facts


def outcomes(*reports: CarrierReport) -> list[Outcome]:
    facts = OrderFacts()
    return [fold_report(facts, one) for one in reports]


def test_reports_are_kept_by_time_and_then_by_rank() -> None:
    delivered, reversed_, shipped = (
        report(5, Meaning.DELIVERED),
        report(5, Meaning.REVERSED),
        report(1, Meaning.RETURNING),
    )
    assert facts_of([reversed_, delivered, shipped]).reports == (shipped, delivered, reversed_)


def test_an_exact_repeat_is_a_duplicate() -> None:
    assert outcomes(report(5, Meaning.DELIVERED), report(5, Meaning.DELIVERED)) == [
        APPLIED,
        DUPLICATE,
    ]
    assert outcomes(report(5, Meaning.IN_TRANSIT), report(5, Meaning.IN_TRANSIT)) == [
        APPLIED,
        DUPLICATE,
    ]


@pytest.mark.parametrize("meaning", [m for m in Meaning if m not in ONLY_SHOWN])
def test_all_that_decide_something_and_all_unknown_ones_are_kept(meaning: Meaning) -> None:
    told = [report(moment, meaning) for moment in (3, 1, 2)]
    assert facts_of(told).reports == tuple(sorted(told))


def test_of_the_reports_on_the_way_only_the_newest_is_kept() -> None:
    shipped, at_store, moved = (
        report(1, Meaning.IN_TRANSIT),
        report(2, Meaning.AT_PICKUP_POINT),
        report(3, Meaning.IN_TRANSIT),
    )
    assert facts_of([shipped, at_store, moved]).reports == (moved,)
    assert outcomes(at_store, shipped, moved, at_store, moved) == [
        APPLIED,
        STALE,
        APPLIED,
        STALE,
        DUPLICATE,
    ]


def test_a_report_on_the_way_takes_nothing_from_those_that_decide() -> None:
    delivered, later = report(5, Meaning.DELIVERED), report(9, Meaning.IN_TRANSIT)
    assert facts_of([delivered, later]).reports == (delivered, later)


def test_every_number_has_its_own_newest_report_on_the_way() -> None:
    one, other = report(1, Meaning.IN_TRANSIT), report(2, Meaning.IN_TRANSIT, b"ANOTHER")
    named = report(3, Meaning.IN_TRANSIT, named=True)
    assert facts_of([one, other, named]).reports == (one, other, named)


def test_the_same_code_at_another_time_or_of_another_number_is_another_report() -> None:
    told = [
        report(1, Meaning.DELIVERED),
        report(2, Meaning.DELIVERED),
        report(1, Meaning.DELIVERED, b"ANOTHER"),
    ]
    assert outcomes(*told) == [APPLIED] * 3


def test_too_many_reports_are_not_kept_and_what_decides_is_kept_first() -> None:
    unknown = [report(moment, Meaning.UNKNOWN) for moment in range(10, 10 + MOST_REPORTS)]
    facts = facts_of(unknown)
    assert fold_report(facts, report(9, Meaning.UNKNOWN)) is APPLIED  # first of what it may say
    assert fold_report(facts, unknown[0]) is TOO_MANY
    assert fold_report(facts, report(1, Meaning.DELIVERED)) is APPLIED
    assert len(facts.reports) == MOST_REPORTS
    assert facts.reports[:2] == (report(1, Meaning.DELIVERED), report(9, Meaning.UNKNOWN))
    assert facts.reports[-1] == unknown[-1]


POLLED = 700


@pytest.mark.parametrize("turned", [1, -1])
def test_of_a_delivery_that_is_polled_the_first_report_is_kept(turned: int) -> None:
    polled = [report(moment, Meaning.DELIVERED) for moment in range(POLLED)]
    facts = facts_of(polled[::turned])
    assert carrier_voice(facts.reports, "arrived").final_at == 0
    assert len(facts.reports) == MOST_REPORTS


def test_of_a_return_that_is_polled_both_ends_are_kept_and_the_delivery_before_it() -> None:
    gone = [report(moment, Meaning.RETURNING) for moment in range(1, POLLED)]
    voice = carrier_voice(facts_of([report(0, Meaning.DELIVERED), *gone]).reports, "arrived")
    assert (voice.before, voice.gone_since, voice.gone[-1].at) == (0, 1, POLLED - 1)


def test_of_a_delivery_polled_after_a_reversal_the_first_report_behind_it_is_kept() -> None:
    polled = [report(moment, Meaning.DELIVERED) for moment in range(2 * POLLED)]
    polled.insert(POLLED, report(POLLED, Meaning.REVERSED)._replace(at=POLLED - 1))
    assert carrier_voice(facts_of(polled).reports, "arrived").final_at == POLLED


def test_two_numbers_polled_in_turn_keep_the_first_delivery_of_each() -> None:
    polled = [
        report(moment, Meaning.DELIVERED, number)
        for moment in range(POLLED)
        for number in (NUMBER, b"B")
    ]
    kept = facts_of(polled).reports
    assert [one.number for one in kept if one.at == 0] == [b"B", NUMBER]


@pytest.mark.parametrize("turned", [1, -1])
def test_an_unknown_word_that_comes_after_hundreds_of_polls_is_kept(turned: int) -> None:
    """It may be known one day, and decide then."""
    polled = [report(moment, Meaning.DELIVERED) for moment in range(POLLED)]
    late = [report(POLLED + moment, Meaning.UNKNOWN) for moment in range(POLLED)]
    kept = facts_of([*polled, *late][::turned]).reports
    assert len(kept) == MOST_REPORTS
    assert polled[0] in kept
    assert {late[0], late[-1]} <= set(kept)


def test_words_that_alternate_push_out_no_delivery_that_may_hold_again() -> None:
    words = [Meaning.RETURNING, Meaning.LOST]
    gone = [report(moment, words[moment % 2]) for moment in range(1, POLLED)]
    told = [report(0, Meaning.DELIVERED), *gone, report(POLLED, Meaning.RETURN_REVERSED)]
    assert carrier_voice(facts_of(told).reports, "arrived").final_at == 0


def test_one_report_more_of_an_order_with_hundreds_of_numbers_and_of_none_looks_at_few(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each number with each report that has none: one record took a fifth of a second."""
    told = [
        report(moment, Meaning.DELIVERED, b"%d" % moment if moment % 2 else b"", named=True)
        for moment in range(MOST_REPORTS)
    ]
    looked_at: list[int] = []

    def voice(heard: Sequence[CarrierReport], awaited: str) -> Voice:
        looked_at.append(len(heard))
        return carrier_voice(heard, awaited)

    facts = facts_of(told)
    monkeypatch.setattr(report_limits, "carrier_voice", voice)
    assert fold_report(facts, report(MOST_REPORTS, Meaning.DELIVERED, named=True)) is APPLIED
    assert sum(looked_at) <= 2 * (report_limits.MOST_TOGETHER + MOST_REPORTS + 1)
    assert facts.reports[0] == told[0]


reports = st.builds(
    report,
    st.integers(0, 5),
    st.sampled_from(Meaning),
    st.sampled_from([NUMBER, b"", b"B"]),
    named=st.booleans(),
)


@given(told=st.lists(reports, max_size=25), seed=st.integers(0, 2**16))
def test_any_order_and_any_number_of_repeats_give_the_same_reports(
    told: list[CarrierReport], seed: int
) -> None:
    random = Random(seed)
    heard = told + random.choices(told, k=len(told)) if told else []
    random.shuffle(heard)
    assert facts_of(heard).reports == facts_of(told).reports == naive(told)


@given(
    moments=st.lists(st.integers(0, 50), min_size=1, max_size=40, unique=True),
    meaning=st.sampled_from([one for one in Meaning if one not in ONLY_SHOWN]),
    most=st.integers(2, 8),
    seed=st.integers(0, 2**16),
)
def test_of_too_many_that_say_the_same_it_does_not_matter_either_which_came_first(
    moments: list[int], meaning: Meaning, most: int, seed: int
) -> None:
    told = [report(moment, meaning) for moment in moments]
    random = Random(seed)
    heard = told + random.choices(told, k=len(told))
    random.shuffle(heard)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folding, "MOST_REPORTS", most)
        kept = facts_of(heard).reports
        assert kept == facts_of(told).reports
        assert len(kept) == min(most, len(told))
        assert {min(told), max(told)} <= set(kept)


@given(told=st.lists(reports, min_size=1, max_size=40), awaited=st.sampled_from(FINAL))
def test_of_too_many_that_come_in_their_order_those_that_decide_are_kept(
    told: list[CarrierReport], awaited: str
) -> None:
    one_number = sorted(one._replace(number=NUMBER) for one in told)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folding, "MOST_REPORTS", 12)
        kept = carrier_voice(facts_of(one_number).reports, awaited)
    whole = carrier_voice(naive(one_number), awaited)
    assert (kept.final_at, kept.before) == (whole.final_at, whole.before)
    assert (kept.gone_since, kept.gone[-1:]) == (whole.gone_since, whole.gone[-1:])


@given(
    moments=st.sets(st.integers(0, 100), min_size=1, max_size=40),
    meaning=st.sampled_from([meaning for meaning in Meaning if meaning.decisive]),
    most=st.integers(2, 8),
    seed=st.integers(0, 2**16),
)
def test_of_too_many_that_say_the_same_both_ends_stay_whichever_came_first(
    moments: set[int], meaning: Meaning, most: int, seed: int
) -> None:
    heard = [report(moment, meaning) for moment in sorted(moments)]
    noise = [report(moment, Meaning.UNKNOWN) for moment in range(10)]
    mixed = [*heard, *noise]
    Random(seed).shuffle(mixed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folding, "MOST_REPORTS", most)
        kept = [each for each in facts_of(mixed).reports if each.meaning is meaning]
    assert (kept[0], kept[-1]) == (heard[0], heard[-1])


@given(told=st.lists(reports, max_size=25))
def test_an_outcome_says_whether_anything_changed(told: list[CarrierReport]) -> None:
    facts = OrderFacts()
    for one in told:
        before = facts.reports
        assert (fold_report(facts, one) is APPLIED) is (facts.reports != before)


def naive(told: list[CarrierReport]) -> tuple[CarrierReport, ...]:
    """What is to be kept of all that was ever told."""
    shown = [one for one in told if one.meaning in ONLY_SHOWN]
    newest = {
        max(one for one in shown if (one.number, one.named) == key)
        for key in {(one.number, one.named) for one in shown}
    }
    return tuple(sorted(newest | {one for one in told if one.meaning not in ONLY_SHOWN}))
