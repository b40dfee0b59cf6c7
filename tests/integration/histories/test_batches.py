"""Random histories in random batches of two intakes at once, with recheck and grants running.

Everything behind the feed is real. All orders of a history may share tracking numbers, parents and
members, and both intakes get them at the same time, so that whatever two transactions do not see of
each other must be noticed later.
"""

from random import Random
from threading import Event as Flag

import pytest

from tests.oracle.book import Book
from tests.property.dice import Seeded
from tests.property.histories import START, History, HistoryStep, plain_history
from tests.support import invariants
from tests.support.customers import APPLICATION
from tests.support.in_process import InProcessEngine, InProcessWorker
from tests.support.order_facts import Event
from tests.support.timeline import (
    IDLE,
    all_of,
    apply,
    book_of,
    check_answers,
    clock_to,
    record_of,
    with_own_ids,
)
from tests.support.upstream import Record

pytestmark = pytest.mark.slow

HISTORIES, ROUNDS = 25, 6


def kind_of(event: Event) -> str:
    """Where the event comes from: a shop's topic, a customer, a carrier."""
    return str(event.get("topic", "carrier")).partition("/")[0]


def batches(histories: list[History], random: Random) -> list[list[Record]]:
    """Everything once or twice, in batches of any size.

    In each history some kinds of records come before others, roughly.
    """
    ranked: list[tuple[float, Record]] = []
    times = random.choice([1, 1, 2])
    for history in histories:
        events = [event for _, event in history.events]
        kinds = sorted(set(map(kind_of, events)))
        turn = dict(zip(kinds, random.sample(range(len(kinds)), len(kinds)), strict=True))
        spread = random.choice([0.5, 1, 10])
        ranked += [
            (turn[kind_of(event)] + random.uniform(0, spread), record_of(event))
            for event in events * times
        ]
    ranked.sort(key=lambda pair: pair[0], reverse=True)  # the last one is taken first
    cut = []
    while ranked:
        size = random.choice([1, 2, 5, 20])
        cut.append([record for _, record in ranked[-size:]])
        del ranked[-size:]
    return cut[::-1]


def consume(worker: InProcessWorker, todo: list[list[Record]]) -> None:
    """Batch after batch until none is left."""
    while True:
        try:
            batch = todo.pop()
        except IndexError:
            return
        worker.consume(*batch)


def turn(worker: InProcessWorker, stop: Flag) -> None:
    """Recheck and grant until asked to stop."""
    while not stop.is_set():
        worker.turn()


@pytest.mark.parametrize("number", range(ROUNDS))
def test_two_intakes_at_once_come_to_the_oracles_answers(
    in_process: InProcessEngine, number: int
) -> None:
    seeds = range(5000 + number * HISTORIES, 5000 + (number + 1) * HISTORIES)
    histories = with_own_ids([plain_history(Seeded(seed)) for seed in seeds])
    end = max(history.end for history in histories)
    books = [book_of(history, end) for history in histories]
    clock_to(in_process, end)
    in_process.configuration = {"application_id": APPLICATION}
    steps = [step for history in histories for step in history.settings]
    late = [step for step in steps if step.when >= START]
    for step in steps:
        if step not in late:
            apply_step(in_process, step)
    todo = batches(histories, Random(number))
    records = sum(map(len, todo))
    together(in_process, todo, late)
    check_the_end(in_process, books, records)


def apply_step(in_process: InProcessEngine, step: HistoryStep) -> None:
    """Apply a merchant's settings."""
    assert step.document is not None
    apply(in_process, step.merchant, step.document)


def together(
    in_process: InProcessEngine, todo: list[list[Record]], late: list[HistoryStep]
) -> None:
    """Two intakes at once, while a third worker rechecks and grants and settings come late.

    Everything is settled at the end.
    """
    stop = Flag()
    workers = [in_process.worker(name) for name in ("first", "second", "third")]
    meanwhile = workers[2].start(lambda: turn(workers[2], stop))
    intakes = [worker.start(lambda worker=worker: consume(worker, todo)) for worker in workers[:2]]  # type: ignore[misc]
    for step in late[::2]:
        apply_step(in_process, step)
    for intake in intakes:
        intake.ended()
    for step in late[1::2]:
        apply_step(in_process, step)
    stop.set()
    meanwhile.ended()
    workers[0].settle()


def check_the_end(in_process: InProcessEngine, books: list[Book], records: int) -> None:
    """Balances, states and points of all orders, what was posted for them, and the counts."""
    settled = IDLE.replace("AND NOT EXISTS (SELECT FROM outbox)", "")
    assert in_process.value(settled)
    check_answers(in_process, books, with_dates=False)
    assert {key: points for key, points in in_process.balances().items() if points} == all_of(
        books, "balances"
    )
    invariants.check_accounts(in_process)
    invariants.check_earned(in_process, all_of(books, "earned"))
    in_process.check_counts(records)
