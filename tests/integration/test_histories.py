"""Random histories of everything through real Kafka, real PostgreSQL and real workers: the oracle's answers, and I1 to I8.

However the events come, the end is the same: each in its time, twice and shuffled, and while workers are killed.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random

import pytest

from tests.oracle.book import Book
from tests.property.dice import Seeded
from tests.property.histories import HALF_DAY, START, Story, plain_story
from tests.support import invariants
from tests.support.engine import Engine, WaitedInVain, wait_for
from tests.support.shop import Event
from tests.support.telling import ENVIRONMENT, IDLE, all_of, apart, apply, book_of, check_answers, clock_to, record_of, stops_of

HISTORIES, PATIENT = 60, 30
END = START + timedelta(days=430)
KINDS = ("intake", "intake", "recheck", "grants", "relay")

Stops = list[tuple[datetime, list[Event]]]


@pytest.fixture(scope="module")
def stories() -> list[Story]:
    """The same histories every time: some pay as they go, some a year later, when all was heard."""
    paying = [plain_story(Seeded(number)) for number in range(HISTORIES)]
    return apart([*paying, *(plain_story(Seeded(1000 + number), HALF_DAY, patient=True) for number in range(PATIENT))])


@pytest.fixture(scope="module")
def books(stories: list[Story]) -> list[Book]:
    """The oracle's answers in the end."""
    return [book_of(story, END) for story in stories]


def at_stops(stories: list[Story], random: Random, *, times: int, shuffled: bool) -> Stops:
    """What is heard when: every event so many times, none before it happened."""
    found: dict[datetime, list[tuple[datetime, Event]]] = {}
    for story in stories:
        stops = stops_of(story)
        for moment, event in story.told:
            open_to = [stop for stop in stops if stop >= moment]
            for _ in range(times):
                found.setdefault(random.choice(open_to) if shuffled else open_to[0], []).append((moment, event))
    heard = []
    for stop, pairs in sorted(found.items()):
        if shuffled:
            random.shuffle(pairs)
        else:
            pairs.sort(key=lambda pair: pair[0])
        heard.append((stop, [event for _, event in pairs]))
    return heard


def start(engine: Engine, stories: list[Story], first: datetime) -> None:
    """All settings are applied, and it is the first moment."""
    for story in stories:
        for step in story.settings:
            assert step.document is not None
            apply(engine, step.merchant, step.document)
    clock_to(engine, first)


def idle(engine: Engine, records: int) -> None:
    """Everything is consumed, nothing is to be looked at again, nothing is due, nothing is to be announced."""
    try:
        engine.wait_consumed(records, within=60)
        wait_for("idle workers", lambda: engine.value(IDLE), within=60)
    except WaitedInVain as late:
        raise WaitedInVain(f"{late}\n{engine.counts()}\n{engine.workers[0].output[-3000:]}") from None


def check_the_end(engine: Engine, books: list[Book]) -> None:
    """Balances, every order's state and points, what was posted for it, and all invariants."""
    must = all_of(books, "balances")
    seen = check_answers(engine, books, with_dates=False)
    assert {key: points for key, points in engine.balances().items() if points} == must
    invariants.check_idle(engine)
    invariants.check_earned(engine, all_of(books, "earned"))
    assert len(must) > (HISTORIES + PATIENT) / 4  # most tell of points
    assert min(seen.get(state, 0) for state in ("none", "waiting", "granted", "withdrawn")) > PATIENT / 3


def hear(engine: Engine, stops: Stops) -> Iterator[datetime]:
    """Produces what is heard at each stop and comes to rest there."""
    heard = 0
    for stop, events in stops:
        clock_to(engine, stop)
        engine.produce(record_of(event) for event in events)
        heard += len(events)
        idle(engine, heard)
        yield stop
    clock_to(engine, END)
    idle(engine, heard)


def test_each_event_in_its_time(engine: Engine, stories: list[Story], books: list[Book]) -> None:
    stops = at_stops(stories, Random(1), times=1, shuffled=False)
    start(engine, stories, stops[0][0])
    engine.run("all", **ENVIRONMENT)
    for _ in hear(engine, stops):
        pass
    check_the_end(engine, books)


def test_each_event_twice_and_shuffled_and_again_after_years(engine: Engine, stories: list[Story], books: list[Book]) -> None:
    stops = at_stops(stories, Random(7), times=2, shuffled=True)
    start(engine, stories, stops[0][0])
    engine.run("all", "--intakes", "2", **ENVIRONMENT)
    patient = stories[HISTORIES:]
    for stop in hear(engine, stops):
        if stop == max(stops_of(patient[0])):
            # Nothing of these was paid so far, so that their plan is the oracle's to the day, whatever came when.
            seen = check_answers(engine, [book_of(story, stop) for story in patient], with_dates=True)
            assert seen["planned"] > PATIENT / 4
    check_the_end(engine, books)

    ledger = "SELECT account_no, sequence, type, points FROM ledger"
    before = set(engine.rows(ledger))
    clock_to(engine, END + timedelta(days=4000))
    told = [event for story in stories for _, event in story.told]
    Random(3).shuffle(told)
    engine.produce(record_of(event) for event in told)
    idle(engine, sum(len(events) for _, events in stops) + len(told))
    after = set(engine.rows(ledger))
    assert before <= after
    assert {kind for _, _, kind, _ in after - before} <= {invariants.TYPES.index("expired") + 1}
    invariants.check_idle(engine)


def test_each_event_once_and_shuffled_while_workers_are_killed(engine: Engine, stories: list[Story], books: list[Book]) -> None:
    random = Random(11)
    stops = at_stops(stories, random, times=1, shuffled=True)
    start(engine, stories, stops[0][0])
    small = ENVIRONMENT | {"POINTS_INTAKE__BATCH": "25"}
    running = [engine.run(kind, **small) for kind in KINDS]
    heard = killed = 0
    for stop, events in stops:
        clock_to(engine, stop)
        engine.produce(record_of(event) for event in events)
        for share in (0.2, 0.6):
            # Somewhere in the middle of its work.
            engine.wait_consumed(heard + int(share * len(events)))
            victim = random.randrange(len(KINDS))
            running[victim].kill()
            running[victim] = engine.run(KINDS[victim], **small)
            killed += 1
        heard += len(events)
        idle(engine, heard)
    clock_to(engine, END)
    idle(engine, heard)
    assert killed == 2 * len(stops)
    check_the_end(engine, books)
