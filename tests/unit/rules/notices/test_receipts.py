"""What receipts make of a notice: every state, both of them, and which request they are of."""

from itertools import permutations, product
from typing import Any
from uuid import UUID

import pytest

from rules.notices.receipts import Receipt, Standing
from schemas.notices.words import State

NOTICE = UUID(int=7)
DELIVERED, FAILED = (Receipt(NOTICE, delivered) for delivered in (True, False))
WAITS = State.waiting, State.claimed


def standing(state: State, attempt: int = 1, *, asked: bool = True, **more: Any) -> Standing:
    return Standing(state, attempt, asked)._replace(**more)


@pytest.mark.parametrize("state", [each for each in State if each is not State.parked])
@pytest.mark.parametrize("asked", [True, False])
def test_what_arrived_is_sent_whatever_it_was_held_for(state: State, *, asked: bool) -> None:
    after = standing(state, asked=asked).after(DELIVERED)
    assert (after.state, after.is_delivered) == (State.sent, True)


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("asked", [True, False])
def test_what_did_not_arrive_failed_where_nobody_knew_better(state: State, *, asked: bool) -> None:
    counts = state in {State.sending, State.sent, State.unknown} or (state in WAITS and asked)
    found = standing(state, asked=asked)
    assert found.after(FAILED).state is (State.failed if counts else state)
    assert (found.after(FAILED) == found) is not counts


@pytest.mark.parametrize(("state", "receipt"), [*product(State, (DELIVERED, FAILED))])
def test_what_was_never_written_is_in_no_receipt(state: State, receipt: Receipt) -> None:
    found = standing(state, 0, asked=False)
    assert found.after(receipt) == found


@pytest.mark.parametrize("state", [State.sending, State.sent, State.unknown, State.failed, *WAITS])
def test_what_is_proven_stays_in_whatever_order_receipts_come(state: State) -> None:
    receipts = (
        DELIVERED,
        FAILED,
        Receipt(NOTICE, delivered=False, provider_id="a", parts=3),
        Receipt(NOTICE, delivered=True, provider_id="b", parts=2),
    )
    for order in permutations(receipts):
        found = standing(state)
        for receipt in order:
            found = found.after(receipt)
        assert (found.state, found.is_delivered) == (State.sent, True)
        assert found.provider_parts == 2


@pytest.mark.parametrize(
    ("state", "attempt", "provider_id", "counts"),
    [
        (State.sent, 1, "other", True),  # there was no other request
        (State.sent, 2, "known", True),
        (State.sent, 2, "other", False),
        (State.sent, 2, None, True),
        (State.sending, 2, "known", False),  # of what was taken before it was sent again
        (State.sending, 2, "other", True),
        (State.unknown, 2, "known", False),
        (State.unknown, 2, "other", True),
        (State.waiting, 2, "known", False),
    ],
)
def test_what_was_sent_again_fails_by_its_last_request_alone(
    state: State, attempt: int, provider_id: str | None, *, counts: bool
) -> None:
    found = standing(state, attempt, provider_id="known")
    after = found.after(Receipt(NOTICE, delivered=False, provider_id=provider_id))
    assert after.state is (State.failed if counts else state)


def test_of_a_message_without_an_id_every_receipt_may_be_of_the_last_request() -> None:
    for state in (State.sent, State.sending, State.unknown):
        assert standing(state, 2).after(FAILED._replace(provider_id="told")).state is State.failed


def test_what_another_provider_was_handed_before_does_not_fail_this_one() -> None:
    found = standing(State.sending, 2, provider="mitake")
    assert found.after(FAILED._replace(provider="twilio")) == found
    assert found.after(FAILED._replace(provider="mitake")).state is State.failed
    assert found.after(FAILED).state is State.failed  # it names no provider
    assert found.after(DELIVERED._replace(provider="twilio")).state is State.sent


def test_a_figure_once_told_is_not_forgotten() -> None:
    found = standing(State.sending).after(Receipt(NOTICE, delivered=True, parts=3))
    assert found.after(DELIVERED) == found
    assert found.after(Receipt(NOTICE, delivered=True, parts=2)).provider_parts == 2


def test_a_message_has_the_id_that_it_was_taken_with_else_that_of_its_receipt() -> None:
    receipt = Receipt(NOTICE, delivered=True, provider_id="told")
    assert standing(State.sending).after(receipt).provider_id == "told"
    assert standing(State.sent, provider_id="taken").after(receipt).provider_id == "taken"
