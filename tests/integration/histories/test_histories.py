"""Random histories of everything through real Kafka, real PostgreSQL and real workers: the oracle's answers, and I1 to I8.

However the events come, the end is the same: each in its time, twice and shuffled, and while
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
from tests.property.histories import HALF_DAY, START, Step, Story, plain_story
from tests.support import invariants
from tests.support.engine import Engine, WaitedInVain, wait_for
from tests.support.order_facts import Event
from tests.support.timeline import (
    ENVIRONMENT,
    IDLE,
    all_of,
    apart,
    apply,
    book_of,
    check_answers,
    clock_to,
    record_of,
    stops_of,
)

HISTORIES, PATIENT = 60, 30
END = START + timedelta(days=430)
KINDS = ("intake", *(kind for kind in WORKERS if kind != "intake"))


class Stop(NamedTuple):
    """What is applied and heard at one moment, in this order."""

    when: datetime
    settings: list[Step]
    events: list[Event]


@pytest.fixture(scope="module")
def stories() -> list[Story]:
    """The same histories every time: some pay as they go, some a year later, when all was heard."""
    paying = [plain_story(Seeded(number)) for number in range(HISTORIES)]
    return apart(
        [
            *paying,
            *(
                plain_story(Seeded(1000 + number), HALF_DAY, patient=True)
                for number in range(PATIENT)
            ),
        ]
    )


@pytest.fixture(scope="module")
def books(stories: list[Story]) -> list[Book]:
    """The oracle's answers in the end."""
    return [book_of(story, END) for story in stories]


def at_stops(stories: list[Story], random: Random, *, times: int, shuffled: bool) -> list[Stop]:
    """What is heard when: every event so many times, none before it happened."""
    heard: dict[datetime, list[tuple[datetime, Event]]] = {}
    applied: dict[datetime, list[Step]] = {}
    for story in stories:
        stops = stops_of(story)
        for step in story.settings:
            applied.setdefault(next(stop for stop in stops if stop >= step.when), []).append(step)
        for moment, event in story.told:
            open_to = [stop for stop in stops if stop >= moment]
            for _ in range(times):
                heard.setdefault(random.choice(open_to) if shuffled else open_to[0], []).append(
                    (moment, event)
                )
    found = []
    for when, pairs in sorted(heard.items()):
        if shuffled:
            random.shuffle(pairs)
        else:
            pairs.sort(key=lambda pair: pair[0])
        found.append(Stop(when, applied.get(when, []), [event for _, event in pairs]))
    return found


def go_to(engine: Engine, stop: Stop) -> int:
    """It is that moment: settings are applied and records produced. How many of these."""
    clock_to(engine, stop.when)
    for step in stop.settings:
        assert step.document is not None
        apply(engine, step.merchant, step.document)
    engine.produce(record_of(event) for event in stop.events)
    return len(stop.events)


def idle(engine: Engine, records: int) -> None:
    """Everything is consumed, nothing is to be looked at again, nothing is due, nothing is to be announced."""
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
    assert len(must) > (HISTORIES + PATIENT) / 4  # most tell of points
    assert (
        min(seen.get(state, 0) for state in ("none", "waiting", "granted", "withdrawn"))
        > PATIENT / 3
    )


def hear(engine: Engine, stops: list[Stop]) -> Iterator[datetime]:
    """Goes from stop to stop and comes to rest at each, at last in the end."""
    heard = 0
    for stop in stops:
        heard += go_to(engine, stop)
        idle(engine, heard)
        yield stop.when
    clock_to(engine, END)
    idle(engine, heard)


def test_each_event_in_its_time(engine: Engine, stories: list[Story], books: list[Book]) -> None:
    stops = at_stops(stories, Random(1), times=1, shuffled=False)
    clock_to(engine, stops[0].when)
    engine.run("all", **ENVIRONMENT)
    for _ in hear(engine, stops):
        pass
    check_the_end(engine, books)


def test_each_event_twice_and_shuffled_and_again_after_years(
    engine: Engine, stories: list[Story], books: list[Book]
) -> None:
    stops = at_stops(stories, Random(7), times=2, shuffled=True)
    clock_to(engine, stops[0].when)
    engine.run("all", "--intakes", "2", **ENVIRONMENT)
    patient = stories[HISTORIES:]
    for when in hear(engine, stops):
        if when == max(stops_of(patient[0])):
            # Nothing of these was paid so far, so that their plan is the oracle's to the day,
            # whatever came when.
            seen = check_answers(
                engine, [book_of(story, when) for story in patient], with_dates=True
            )
            assert seen["planned"] > PATIENT / 4
    check_the_end(engine, books)

    ledger = "SELECT account_no, sequence, type, points FROM ledger"
    before = set(engine.rows(ledger))
    told = [event for story in stories for _, event in story.told]
    Random(3).shuffle(told)
    go_to(engine, Stop(END + timedelta(days=4000), [], told))
    idle(engine, sum(len(stop.events) for stop in stops) + len(told))
    after = set(engine.rows(ledger))
    assert before <= after
    assert {kind for _, _, kind, _ in after - before} <= {invariants.TYPES.index("expired") + 1}
    invariants.check_idle(engine)


def test_each_event_once_and_shuffled_while_workers_are_killed(
    engine: Engine, stories: list[Story], books: list[Book]
) -> None:
    random = Random(11)
    stops = at_stops(stories, random, times=1, shuffled=True)
    clock_to(engine, stops[0].when)
    small = ENVIRONMENT | {"POINTS_INTAKE__BATCH": "25"}
    running = [engine.run(kind, **small) for kind in KINDS]
    heard = 0
    for number, stop in enumerate(stops):
        before, heard = heard, heard + go_to(engine, stop)
        # Somewhere in the middle of the work. The group waits ten seconds for an intake that is
        # gone, so not each time.
        engine.wait_consumed(before + int(random.uniform(0.1, 0.7) * len(stop.events)))
        victim = 0 if number % 3 == 0 else random.randrange(1, len(KINDS))
        running[victim].kill()
        running[victim] = engine.run(KINDS[victim], **small)
        idle(engine, heard)
    clock_to(engine, END)
    idle(engine, heard)
    check_the_end(engine, books)
