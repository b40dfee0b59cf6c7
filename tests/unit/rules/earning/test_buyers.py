"""Whether the buyer was a member when the order was made (rules.md 1.5, 1.9).

It is a fact like the others, whenever it comes.
"""

import pytest

from rules.order.delivery import is_unfinished
from rules.order.membership import Buyer, MemberStatement, not_yet_a_member
from rules.order.trail import Version
from tests.support.story import Story, bound_rules, delivered, moment, story

CREATED = moment("11-29")
GRANTED, TAKEN = ("granted", 100), ("clawed_back", -100)


@pytest.mark.parametrize(
    ("is_member", "registered", "reason"),
    [
        (None, None, None),  # not known = a member
        (True, None, None),
        (False, None, "not_a_member"),
        (None, CREATED - 1, None),
        (None, CREATED, None),  # not later than the order's creation
        (None, CREATED + 1, "registered_later"),
        (True, CREATED + 1, "registered_later"),
        (False, CREATED + 1, "registered_later"),
        (False, CREATED, None),  # he left since
    ],
)
def test_who_was_a_member_when_he_ordered(
    is_member: bool | None, registered: int | None, reason: str | None
) -> None:
    buyer = Buyer((MemberStatement(Version(CREATED + 2), is_member, registered),))
    assert not_yet_a_member(buyer, CREATED) == reason
    told = story("arrived")
    told.facts.buyer = buyer
    assert (told.state, told.decided.reason) == (("none", reason) if reason else ("planned", None))


def test_the_first_word_reaches_back_unless_it_is_a_removal() -> None:
    for removal, reason in ((False, "not_a_member"), (True, None)):
        said = MemberStatement(Version(CREATED + 2), False, None, removal)
        assert not_yet_a_member(Buyer((said,)), CREATED) == reason
        assert not_yet_a_member(Buyer((said,)), CREATED + 3) == "not_a_member"


def test_who_becomes_a_member_at_checkout_does_not_earn_with_that_order() -> None:
    told = story("arrived")
    told.buyer(is_member=True, registered="11-29 00:01")
    told.until("12-20")
    assert (told.history, told.state, told.decided.reason) == ([], "none", "registered_later")


@pytest.mark.parametrize(
    ("is_member", "registered", "reason"),
    [(None, "12-15", "registered_later"), (False, None, "not_a_member")],
)
def test_a_customer_event_after_the_grant_claws_back_and_its_correction_grants_again(
    is_member: bool | None, registered: str | None, reason: str
) -> None:
    told = delivered()
    told.until("12-20")
    told.buyer(is_member=is_member, registered=registered)
    assert (told.history, told.state, told.decided.reason) == ([GRANTED, TAKEN], "none", reason)
    told.buyer(is_member=True, registered="11-01")
    assert told.history == [GRANTED, TAKEN, GRANTED]
    assert (told.decided.episode, told.decided.due_at) == (1, moment("12-04"))


def test_membership_lost_is_taken_back_also_where_returns_are_kept() -> None:
    told = delivered(on_return="keep")
    told.until("12-20")
    told.buyer(is_member=False)
    assert told.history == [GRANTED, TAKEN]


def test_membership_learnt_before_the_grant_withdraws_the_plan_without_an_entry() -> None:
    told = story("arrived")
    told.until("12-02")
    told.buyer(is_member=False)
    told.until("12-20")
    told.buyer(registered="11-29")
    assert told.history == [GRANTED]


def test_an_order_without_a_member_says_so_whatever_is_known_of_buyers() -> None:
    told = Story(bound_rules())
    told.order(member=None)
    told.buyer(is_member=False)
    assert told.decided.reason == "no_member"


@pytest.mark.parametrize("grant_on", ["delivery_final", "order_completed"])
def test_the_short_cut_for_unfinished_orders_does_not_ask_for_the_buyer(grant_on: str) -> None:
    told = story(grant_on=grant_on)
    told.facts.buyer = Buyer((MemberStatement(Version(CREATED), is_member=False),))
    assert is_unfinished(told.facts, told.rules)
