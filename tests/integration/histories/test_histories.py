"""Random histories through real Kafka, PostgreSQL and workers: the oracle's answers, and I1 to I8.

However the events arrive, the end is the same: each in its time, twice and shuffled, and while
workers are killed.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from typing import NamedTuple

import pytest

from processors.registry import WORKERS
from tests.oracle.book import Book
from tests.property.dice import Seeded
from tests.property.histories import HALF_DAY, START, History, HistoryStep, plain_history
from tests.support import invariants
from tests.support.engine import Engine, WaitedInVain, wait_for
from tests.support.order_facts import Event
from tests.support.timeline import (
    ENVIRONMENT,
    IDLE,
    all_of,
    apply,
    book_of,
    check_answers,
    clock_to,
    record_of,
    stops_of,
    with_own_ids,
)

pytestmark = pytest.mark.slow

HISTORIES, PATIENT = 60, 30
END = START + timedelta(days=430)
KINDS = ("intake", *(kind for kind in WORKERS if kind != "intake"))


class Stop(NamedTuple):
    """What is applied and produced at one moment, in this order."""

    when: datetime
    settings: list[HistoryStep]
    events: list[Event]


@pytest.fixture(scope="module")
def histories() -> list[History]:
    """The same histories every time: some pay as they go, some a year later, after all events."""
    paying = [plain_history(Seeded(number)) for number in range(HISTORIES)]
    seeds = range(1000, 1000 + PATIENT)
    patient = [plain_history(Seeded(seed), HALF_DAY, patient=True) for seed in seeds]
    return with_own_ids([*paying, *patient])


@pytest.fixture(scope="module")
def books(histories: list[History]) -> list[Book]:
    """The oracle's answers in the end."""
    return [book_of(history, END) for history in histories]


def at_stops(histories: list[History], random: Random, *, times: int, shuffled: bool) -> list[Stop]:
    """What is produced when: every event so many times, none before it happened."""
    produced: dict[datetime, list[tuple[datetime, Event]]] = {}
    applied: dict[datetime, list[HistoryStep]] = {}
    for history in histories:
        stops = stops_of(history)
        for step in history.settings:
            applied.setdefault(next(stop for stop in stops if stop >= step.when), []).append(step)
        for moment, event in history.events:
            open_to = [stop for stop in stops if stop >= moment]
            for _ in range(times):
                stop = random.choice(open_to) if shuffled else open_to[0]
                produced.setdefault(stop, []).append((moment, event))
    planned = []
    for when, pairs in sorted(produced.items()):
        if shuffled:
            random.shuffle(pairs)
        else:
            pairs.sort(key=lambda pair: pair[0])
        planned.append(Stop(when, applied.get(when, []), [event for _, event in pairs]))
    return planned


def go_to(engine: Engine, stop: Stop) -> int:
    """Set the clock, apply settings and produce the records. How many of these."""
    clock_to(engine, stop.when)
    for step in stop.settings:
        assert step.document is not None
        apply(engine, step.merchant, step.document)
    engine.produce(record_of(event) for event in stop.events)
    return len(stop.events)


def idle(engine: Engine, records: int) -> None:
    """Wait until all records are consumed, and the recheck queue, dues and outbox are empty."""
    try:
        engine.wait_consumed(records, within=60)
        wait_for("idle workers", lambda: engine.value(IDLE), within=60)
    except WaitedInVain as late:
        raise WaitedInVain(
            f"{late}\n{engine.counts()}\n{engine.workers[0].output[-3000:]}"
        ) from None


def check_the_end(engine: Engine, books: list[Book]) -> None:
    """Balances, every order's state and points, what was posted for it, and all invariants."""
    must = all_of(books, "balances")
    seen = check_answers(engine, books, with_dates=False)
    assert {key: points for key, points in engine.balances().items() if points} == must
    invariants.check_idle(engine)
    invariants.check_earned(engine, all_of(books, "earned"))
    assert len(must) > (HISTORIES + PATIENT) / 4  # in most, points are earned
    for state in ("none", "waiting", "granted", "withdrawn"):
        assert seen.get(state, 0) > PATIENT / 3


def play(engine: Engine, stops: list[Stop]) -> Iterator[datetime]:
    """Go from stop to stop, and from the last to the end; wait at each until all is done."""
    produced = 0
    for stop in stops:
        produced += go_to(engine, stop)
        idle(engine, produced)
        yield stop.when
    clock_to(engine, END)
    idle(engine, produced)


def test_each_event_in_its_time(
    engine: Engine, histories: list[History], books: list[Book]
) -> None:
    stops = at_stops(histories, Random(1), times=1, shuffled=False)
    clock_to(engine, stops[0].when)
    engine.run("all", **ENVIRONMENT)
    for _ in play(engine, stops):
        pass
    check_the_end(engine, books)


def test_each_event_twice_and_shuffled_and_again_after_years(
    engine: Engine, histories: list[History], books: list[Book]
) -> None:
    stops = at_stops(histories, Random(7), times=2, shuffled=True)
    clock_to(engine, stops[0].when)
    engine.run("all", "--intakes", "2", **ENVIRONMENT)
    patient = histories[HISTORIES:]
    for when in play(engine, stops):
        if when == max(stops_of(patient[0])):
            # None of these has been paid so far, so their plan is the oracle's to the day, in
            # whatever order events came.
            seen = check_answers(
                engine, [book_of(history, when) for history in patient], with_dates=True
            )
            assert seen["planned"] > PATIENT / 4
    check_the_end(engine, books)

    ledger = "SELECT account_no, sequence, type, points FROM ledger"
    before = set(engine.rows(ledger))
    events = [event for history in histories for _, event in history.events]
    Random(3).shuffle(events)
    go_to(engine, Stop(END + timedelta(days=4000), [], events))
    idle(engine, sum(len(stop.events) for stop in stops) + len(events))
    after = set(engine.rows(ledger))
    assert before <= after
    assert {kind for _, _, kind, _ in after - before} <= {invariants.TYPES.index("expired") + 1}
    invariants.check_idle(engine)


def test_each_event_once_and_shuffled_while_workers_are_killed(
    engine: Engine, histories: list[History], books: list[Book]
) -> None:
    random = Random(11)
    stops = at_stops(histories, random, times=1, shuffled=True)
    clock_to(engine, stops[0].when)
    small = ENVIRONMENT | {"POINTS_INTAKE__BATCH": "25"}
    running = [engine.run(kind, **small) for kind in KINDS]
    produced = 0
    for number, stop in enumerate(stops):
        before, produced = produced, produced + go_to(engine, stop)
        # Somewhere in the middle of the work. The group waits ten seconds for an intake that is
        # gone, so not each time.
        engine.wait_consumed(before + int(random.uniform(0.1, 0.7) * len(stop.events)))
        victim = 0 if number % 3 == 0 else random.randrange(1, len(KINDS))
        running[victim].kill()
        running[victim] = engine.run(KINDS[victim], **small)
        idle(engine, produced)
    clock_to(engine, END)
    idle(engine, produced)
    check_the_end(engine, books)
