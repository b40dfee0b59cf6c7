"""The one law for any history (rules.md 4.1, I1): the product's balances are the oracle's.

Whatever came when.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.ids import instant, micros
from schemas.packing import unpack_id
from tests.oracle.book import Book
from tests.property.dice import Seeded
from tests.property.histories import (
    LATENESS,
    STEPS,
    History,
    HistoryStep,
    histories,
    plain_histories,
    random_history,
)
from tests.support.in_memory import InMemoryEngine


def product(steps: Iterable[HistoryStep], until: datetime) -> InMemoryEngine:
    """The product hears a history."""
    engine = InMemoryEngine()
    for step in steps:
        engine.pass_time(micros(step.when))
        if step.document is not None:
            engine.apply(step.document, step.merchant)
        elif step.event is not None:
            engine.consume(step.event)
    engine.pass_time(micros(until))
    return engine


def oracle(steps: Iterable[HistoryStep], until: datetime) -> Book:
    """The oracle hears the same."""
    book = Book()
    for step in steps:
        book.until(step.when)
        if step.document is not None:
            book.apply(step.document, step.merchant)
        elif step.event is not None:
            book.consume(step.event)
    book.until(until)
    return book


def balances(engine: InMemoryEngine) -> dict[tuple[str, str], int]:
    """(merchant, member) to the balance, without those who have none."""
    return {
        (merchant, unpack_id(member)): account.available + account.held - account.debt
        for merchant, known in engine.merchants.items()
        for member, account in known.accounts.items()
        if account.available or account.held or account.debt
    }


def check_books(engine: InMemoryEngine, book: Book) -> None:
    """I1, I2 and I8 on the product's ledger, with the oracle's entitlements."""
    must = book.earned()
    for merchant, known in engine.merchants.items():
        earned: Counter[tuple[str, str]] = Counter()
        lapsed: Counter[tuple[str, str]] = Counter()
        for entry in known.ledger:
            counted = lapsed if entry.type == "expired" else earned
            counted[unpack_id(entry.order), unpack_id(entry.member)] += (
                abs(entry.points) if counted is lapsed else entry.points
            )
        for (order, member), points in earned.items():
            owed = must.get((merchant, order, member), 0)
            assert owed <= points <= owed + lapsed[order, member]
        assert {k[1:] for k in must if k[0] == merchant} <= set(earned)
        for member_id, account in known.accounts.items():
            entries = [e for e in known.ledger if e.member == member_id]
            assert [e.sequence for e in entries] == list(range(1, len(entries) + 1))
            assert sum(e.points for e in entries) == account.available + account.held - account.debt
            assert (
                sum(lot.remaining for lot in account.lots.values())
                == account.available + account.held
            )
            assert account.available == 0 or account.debt == 0
            assert all(e.points for e in entries)


def check_states(engine: InMemoryEngine, book: Book) -> None:
    """What is said of every order."""
    for merchant, order in book.orders:
        told, must = engine.explain(order, merchant), book.explain(merchant, order)
        assert told.state == must.state
        if must.state in ("planned", "granted"):
            assert must.episode is not None
            assert told.points == must.points
            assert instant(told.due_at or 0) == must.episode.due


AFTER = [0, 1, 60, 400, 900]


def check(history: list[HistoryStep], until: datetime) -> None:
    """Both hear it and say the same."""
    engine, book = product(history, until), oracle(history, until)
    check_states(engine, book)
    assert balances(engine) == book.balances()
    check_books(engine, book)


@settings(max_examples=150, deadline=None)
@given(history=histories(), after=st.sampled_from(AFTER))
def test_the_product_and_the_oracle_say_the_same_of_any_history(
    history: list[HistoryStep], after: int
) -> None:
    check(history, history[-1].when + timedelta(days=after))


@pytest.mark.parametrize("first", range(0, 800, 100))
def test_the_product_and_the_oracle_say_the_same_of_many_histories(first: int) -> None:
    for seed in range(first, first + 100):
        history = random_history(Seeded(seed))
        try:
            check(history, history[-1].when + timedelta(days=AFTER[seed % len(AFTER)]))
        except Exception as wrong:
            raise AssertionError(f"history {seed}: {history}") from wrong


@settings(max_examples=100, deadline=None)
@given(
    history=plain_histories(),
    late=st.lists(st.sampled_from(LATENESS), min_size=1, max_size=7),
    seed=st.integers(0, 2**16),
)
def test_balances_do_not_depend_on_order_number_and_time_of_the_events(
    history: History, late: list[int], seed: int
) -> None:
    in_time = sorted(
        [
            *history.settings,
            *(HistoryStep(moment, event=event) for moment, event in history.events),
        ],
        key=_when,
    )
    doubled = [step for step in in_time for _ in range(2 if step.event is not None else 1)]
    shuffled = _heard_anyhow(history, late, Random(seed))
    must = balances(product(in_time, history.end))
    assert must == oracle(in_time, history.end).balances()
    assert balances(product(doubled, history.end)) == must
    far = max(history.end, shuffled[-1].when)
    assert balances(product(shuffled, far)) == must


def _heard_anyhow(history: History, late: list[int], random: Random) -> list[HistoryStep]:
    """Every event twice, the second time at random; the first times late and in any order."""
    grid = history.grid
    heard = [
        HistoryStep(moment + grid.unit * late[n % len(late)], event=event)
        for n, (moment, event) in enumerate(history.events)
    ]
    again = [
        HistoryStep(grid.at(random.randint(0, STEPS * 3)), event=event)
        for _, event in history.events
    ]
    return sorted([*history.settings, *heard, *again], key=_when)


def _when(step: HistoryStep) -> datetime:
    return step.when


@settings(max_examples=50, deadline=None)
@given(history=histories(), seed=st.integers(0, 2**16))
def test_all_of_it_heard_once_more_years_later_posts_nothing(
    history: list[HistoryStep], seed: int
) -> None:
    until = history[-1].when + timedelta(days=1500)
    engine = product(history, until)
    before = {merchant: list(known.ledger) for merchant, known in engine.merchants.items()}
    events = [step.event for step in history if step.event is not None]
    events = [
        event for event in events if "updated_at" in event.get("resource", {"updated_at": ""})
    ]
    Random(seed).shuffle(events)
    engine.consume(*events)
    assert {merchant: known.ledger for merchant, known in engine.merchants.items()} == before
