"""Folding is commutative and idempotent: facts do not depend on the order of records.

Nor on how often a record comes.
"""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from rules.order.facts import OrderFacts
from rules.order.folding import extended
from rules.order.trail import (
    CANCELLED,
    COMPLETED,
    FINAL_FOR_ARRIVED,
    FINAL_FOR_COLLECTED,
    GONE_BACK,
    State,
    Trail,
    TrailEntry,
    Version,
    since,
)
from tests.property.dice import Drawn
from tests.property.histories import MERCHANTS, Grid, SoldOrder, TimedEvents, events_of_order
from tests.property.parties import SERVICES
from tests.support.in_memory import InMemoryEngine
from tests.support.order_facts import Event, some_id

SOLD_ORDER = SoldOrder(
    MERCHANTS[0], some_id("folded"), Grid().at(0), Grid(), "1700 5188-36", SERVICES[7]
)
STATES = (FINAL_FOR_ARRIVED, FINAL_FOR_COLLECTED, GONE_BACK, COMPLETED, CANCELLED)


def facts_of(events: list[Event]) -> OrderFacts:
    """The facts after hearing these, things with names of their own sorted by them."""
    engine = InMemoryEngine()
    engine.consume(*events)
    facts = next(iter(engine.merchant(MERCHANTS[0]).orders.values()))
    facts.parcels = tuple(sorted(facts.parcels, key=lambda parcel: parcel.record.parcel_id))
    facts.returns = tuple(sorted(facts.returns, key=lambda one: one.return_id))
    return facts


@st.composite
def said_of_it(draw: st.DrawFn) -> TimedEvents:
    """Anything said of the one order."""
    return events_of_order(Drawn(draw), SOLD_ORDER)


@settings(deadline=None, max_examples=200)
@given(
    told=said_of_it(),
    ts=st.lists(
        st.sampled_from([None, 1_733_000_000_000_000_000, 1_733_000_000_000_000_001]),
        min_size=1,
        max_size=4,
    ),
    seed=st.integers(0, 2**16),
)
def test_any_order_and_any_number_of_repeats_give_the_same_facts(
    told: TimedEvents, ts: list[int | None], seed: int
) -> None:
    events = [event for _, event in told]
    events = [
        e if "ts" in e or not (n := ts[i % len(ts)]) else e | {"ts": str(n)}
        for i, e in enumerate(events)
    ]
    random = Random(seed)
    must = facts_of(events)
    for _ in range(3):
        heard = events + random.choices(events, k=random.randrange(len(events) + 1))
        random.shuffle(heard)
        assert facts_of(heard) == must


moments = st.one_of(st.none(), st.integers(0, 6))
entries = st.builds(
    TrailEntry,
    st.builds(Version, st.integers(0, 6), st.integers(0, 2)),
    st.sampled_from(State),
    moments,
    moments,
)


def naive_since(told: list[TrailEntry], states: frozenset[State]) -> int | None:
    """rules.md 2.2 word for word, over all records ever heard."""
    newest = max(told, key=lambda entry: entry.version)
    if newest.state not in states:
        return None
    last_without = max((e.version for e in told if e.state not in states), default=None)
    run = [e for e in told if last_without is None or e.version > last_without]
    return newest.said_at if newest.said_at is not None else min(e.version.at for e in run)


@given(
    told=st.lists(entries, min_size=1, max_size=12, unique_by=lambda entry: entry.version),
    seed=st.integers(0, 2**16),
)
def test_a_trail_knows_since_when_a_state_holds_as_if_it_had_kept_everything(
    told: list[TrailEntry], seed: int
) -> None:
    heard = told + told[: len(told) // 2]
    Random(seed).shuffle(heard)
    trail = Trail()
    for entry in heard:
        trail = extended(trail, entry)
    for states in STATES:
        assert since(trail, states) == naive_since(told, states)
    assert trail.newest() is max(told, key=lambda entry: entry.version).state


@given(told=st.lists(entries, max_size=8), seed=st.integers(0, 2**16))
def test_a_trail_is_the_same_in_any_order_even_where_versions_tie(
    told: list[TrailEntry], seed: int
) -> None:
    heard = told * 2
    Random(seed).shuffle(heard)
    there, back = Trail(), Trail()
    for entry in told:
        there = extended(there, entry)
    for entry in heard:
        back = extended(back, entry)
    assert there == back
