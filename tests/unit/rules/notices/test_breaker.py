"""When a provider gets nothing for a while."""

import pytest

from rules.notices.breaker import CLOSED, FAILURES, LONGEST_OPEN, Breaker
from rules.notices.outcomes import Answered
from schemas.ids import SECOND

NOW = 1_800_000_000 * SECOND
LATER, TAKEN, UNKNOWN = Answered.later, Answered.taken, Answered.unknown


def test_failures_in_a_row_open_it_and_no_fewer() -> None:
    almost = CLOSED.after([LATER] * (FAILURES - 1), NOW)
    assert not almost.is_open(NOW)
    assert almost.after([UNKNOWN], NOW).is_open(NOW)
    assert almost.after([UNKNOWN], NOW).why == "unknown"


def test_what_works_in_between_keeps_it_closed() -> None:
    answers = ([LATER] * (FAILURES - 1) + [TAKEN]) * 3
    assert CLOSED.after(answers, NOW) == CLOSED
    assert CLOSED.after([LATER] * 5 + [Answered.wrong], NOW) == CLOSED


def test_wrong_credentials_open_it_at_once() -> None:
    opened = CLOSED.after([Answered.credentials], NOW)
    assert (opened.is_open(NOW), opened.why) == (True, "credentials")


def opened_once() -> Breaker:
    return CLOSED.after([LATER] * FAILURES, NOW)


def test_after_a_while_one_message_is_a_probe() -> None:
    opened = opened_once()
    assert not opened.probes(NOW)
    assert opened.is_open(opened.open_until - 1)
    assert opened.probes(opened.open_until)
    assert not CLOSED.probes(NOW)


def test_a_probe_closes_it_or_opens_it_for_longer() -> None:
    first = opened_once()
    at = first.open_until
    assert first.after([TAKEN], at) == CLOSED
    second = first.after([LATER], at)
    assert second.open_until - at == 2 * (first.open_until - NOW)


@pytest.mark.parametrize("answered", [LATER, UNKNOWN, Answered.credentials])
@pytest.mark.parametrize(
    "opened",
    [
        CLOSED.after([Answered.credentials], NOW),
        Breaker(open_until=NOW + SECOND),  # by another process, of whose failures none are known
    ],
)
def test_a_probe_that_fails_opens_it_whatever_had(opened: Breaker, answered: Answered) -> None:
    at = opened.open_until
    again = opened.after([answered], at)
    assert again.is_open(at)
    assert not again.probes(at + SECOND)


def test_the_rest_of_the_chunk_that_opened_it_does_not_open_it_further() -> None:
    assert CLOSED.after([LATER] * (FAILURES + 8), NOW).open_until == opened_once().open_until


def test_it_is_open_for_five_minutes_at_most() -> None:
    breaker, at = CLOSED, NOW
    for _ in range(40):
        breaker = breaker.after([Answered.credentials], at)
        assert breaker.open_until - at <= LONGEST_OPEN.total_seconds() * SECOND
        at = breaker.open_until


def test_one_shop_that_is_refused_closes_it_where_that_answers_a_probe_and_says_nothing_else() -> (
    None
):
    """A provider that answers is there; else the only shop that sends would keep it open."""
    refused, opened = Answered.shop_refused, opened_once()
    assert opened.after_shared([refused], opened.open_until) == CLOSED
    assert opened.after_shared([refused], opened.open_until - 1) == opened
    almost = CLOSED.after_shared([LATER] * (FAILURES - 1) + [refused], NOW)
    assert (almost.failures, almost.open_until) == (FAILURES - 1, 0)
    assert almost.after_shared([refused, LATER], NOW) == opened
