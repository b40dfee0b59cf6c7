"""What becomes of a notice by its provider's answer, cell by cell."""

from datetime import timedelta

import pytest

from rules.notices.outcomes import (
    Answered,
    Custom,
    Next,
    OnUnknown,
    after_answer,
    custom_of,
    given_up,
    not_written,
    unanswered,
)
from schemas.ids import MINUTE, SECOND
from schemas.notices.words import Channel, State, Why

HOUR = 60 * MINUTE
NOW = 1_800_000_000 * SECOND
MAIL = custom_of(Channel.email, timedelta(0))
KEYED = custom_of(Channel.sms, timedelta(hours=12))
PLAIN = custom_of(Channel.sms, timedelta(0))

FRESH, OLD = NOW - MINUTE, NOW - 12 * HOUR


def becomes(
    answered: Answered, custom: Custom, asked: int = NOW, on_unknown: OnUnknown = "hold"
) -> Next:
    return after_answer(answered, custom, asked, NOW, NOW, on_unknown)


@pytest.mark.parametrize("custom", [MAIL, KEYED, PLAIN])
@pytest.mark.parametrize("asked", [NOW, FRESH, OLD])
def test_what_is_taken_is_sent(custom: Custom, asked: int) -> None:
    assert becomes(Answered.taken, custom, asked) == Next(State.sent)


@pytest.mark.parametrize("custom", [MAIL, KEYED, PLAIN])
@pytest.mark.parametrize("asked", [NOW, FRESH, OLD])
def test_what_is_wrong_for_good_has_failed(custom: Custom, asked: int) -> None:
    assert becomes(Answered.wrong, custom, asked) == Next(State.failed, Why.refused)


@pytest.mark.parametrize("custom", [MAIL, KEYED, PLAIN])
@pytest.mark.parametrize("answered", [Answered.later, Answered.credentials])
def test_what_was_never_taken_waits_as_if_it_had_not_been_written(
    custom: Custom, answered: Answered
) -> None:
    waits = Next(State.waiting, answered, may_have_arrived=False, backs_off=True)
    assert becomes(answered, custom) == waits


@pytest.mark.parametrize("answered", [Answered.later, Answered.credentials])
def test_an_earlier_request_may_have_arrived_all_the_same(answered: Answered) -> None:
    assert becomes(answered, KEYED, FRESH).may_have_arrived
    assert becomes(answered, MAIL, FRESH).may_have_arrived


AGAIN = Next(State.waiting, "unanswered", may_have_arrived=True, backs_off=True)
NOBODY_KNOWS = Next(State.unknown)


@pytest.mark.parametrize(
    ("custom", "asked", "on_unknown", "expected"),
    [
        (MAIL, NOW, "hold", AGAIN),
        (MAIL, OLD, "hold", AGAIN),
        (KEYED, NOW, "hold", AGAIN),
        (KEYED, FRESH, "resend", AGAIN),
        (KEYED, OLD, "hold", NOBODY_KNOWS),
        (KEYED, OLD, "resend", AGAIN),
        (PLAIN, NOW, "hold", NOBODY_KNOWS),
        (PLAIN, FRESH, "hold", NOBODY_KNOWS),
        (PLAIN, NOW, "resend", AGAIN),
    ],
)
def test_what_was_written_and_not_answered(
    custom: Custom, asked: int, on_unknown: OnUnknown, expected: Next
) -> None:
    assert becomes(Answered.unknown, custom, asked, on_unknown) == expected


@pytest.mark.parametrize(
    ("custom", "asked", "expected"),
    [
        (MAIL, OLD, AGAIN),
        (KEYED, FRESH, AGAIN),
        (KEYED, OLD, NOBODY_KNOWS),
        (PLAIN, FRESH, NOBODY_KNOWS),
    ],
)
def test_what_a_sender_that_died_left_behind(custom: Custom, asked: int, expected: Next) -> None:
    assert unanswered(custom, asked, NOW) == expected


def test_a_provider_is_trusted_a_little_shorter_than_it_says() -> None:
    just_within = NOW - (12 * HOUR - 10 * MINUTE) + 1
    assert KEYED.takes_again(just_within, NOW)
    assert not KEYED.takes_again(just_within - 1, NOW)
    brief = custom_of(Channel.sms, timedelta(seconds=10))
    assert brief.takes_again(NOW - 9 * SECOND + 1, NOW)
    assert not brief.takes_again(NOW - 9 * SECOND, NOW)


def test_a_provider_that_knows_no_id_gets_a_message_once_though_our_clock_steps_back() -> None:
    assert not PLAIN.takes_again(NOW, NOW)
    assert not PLAIN.takes_again(NOW, NOW - 1)


@pytest.mark.parametrize("custom", [MAIL, KEYED, PLAIN])
def test_what_was_never_written_may_be(custom: Custom) -> None:
    assert custom.takes_again(None, NOW)


def test_what_is_not_written_has_its_reason_unless_it_may_have_arrived() -> None:
    assert not_written(None, State.skipped, Why.off) == Next(State.skipped, Why.off)
    assert not_written(FRESH, State.skipped, Why.off) == NOBODY_KNOWS


def test_what_could_not_go_in_time_has_expired_unless_it_may_have_arrived() -> None:
    assert given_up(None) == Next(State.expired)
    assert given_up(FRESH) == NOBODY_KNOWS
    assert given_up(FRESH, has_provider=False) == NOBODY_KNOWS
    assert given_up(None, has_provider=False) == Next(State.failed, Why.no_provider)
    assert given_up(None, has_provider=False, is_off=True) == Next(State.skipped, Why.off)
    assert given_up(FRESH, is_off=True) == NOBODY_KNOWS
