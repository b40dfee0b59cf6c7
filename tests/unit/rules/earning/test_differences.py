"""From an entitlement to what is posted: whose lot, and which (rules.md 4.1, D9)."""

from rules.earning.differences import Change, after_posting, changes
from rules.earning.earning import Earning
from rules.earning.entitlement import Entitlement
from rules.order.facts import OrderFacts, Posted
from schemas.packing import pack_id
from tests.support.in_memory import InMemoryEngine
from tests.support.order_facts import MEMBER, ORDER, OTHER_MEMBER, order, settings

ANN, BEA, PACKED = pack_id(MEMBER), pack_id(OTHER_MEMBER), pack_id(ORDER)
ENDS = 900


def owned_by(member: str, posted: Posted) -> OrderFacts:
    made = InMemoryEngine()
    made.apply(settings())
    made.consume(order(member=member))
    facts = made.merchant().orders[PACKED]
    facts.posted = posted
    return facts


def granted(points: int, episode: int) -> Entitlement:
    return Entitlement("granted", Earning(points * 10, points, None), points, 5, 10, ENDS, episode)


def test_an_order_that_gets_another_member_opens_a_lot_of_the_next_number() -> None:
    """And back again the next one: his first lot keeps what it let expire."""
    episode, holder = 1, ANN
    posted = Posted(1, 1, 100, ANN, 7, 5, 10, ENDS)
    for member, name in ((OTHER_MEMBER, BEA), (MEMBER, ANN), (OTHER_MEMBER, BEA)):
        facts, now = owned_by(member, posted), granted(100, episode)
        found = changes(facts, now)
        assert found == [
            Change("clawed_back", holder, -100, episode, ENDS),
            Change("granted", name, 100, episode + 1, ENDS),
        ]
        posted = after_posting(facts, now, [(change, change.points) for change in found], 7)
        episode, holder = episode + 1, name
        assert (posted.episode, posted.points, posted.holder) == (episode, 100, name)
        # The same facts once more: nothing differs.
        facts.posted = posted
        assert changes(facts, granted(100, episode)) == []


def test_a_new_episode_of_another_member_takes_its_own_number() -> None:
    facts = owned_by(OTHER_MEMBER, Posted(1, 1, 100, ANN, 7, 5, 10, ENDS))
    assert [(c.holder, c.episode) for c in changes(facts, granted(100, 2))] == [(ANN, 1), (BEA, 2)]


def test_the_difference_within_an_episode_stays_in_its_lot() -> None:
    facts = owned_by(MEMBER, Posted(2, 1, 100, ANN, 7, 5, 10, ENDS))
    assert changes(facts, granted(130, 2)) == [Change("adjusted", ANN, 30, 2, ENDS)]
