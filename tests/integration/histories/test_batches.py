"""Random histories in random batches of two intakes at once, beside a worker that looks again and one that grants.

Everything behind the feed is real. All orders of a history may share tracking numbers, parents and
members, and both intakes hear of them at the same time, so that whatever two transactions do not
see of each other must be found later.
"""

from random import Random
from threading import Event as Flag

import pytest

from tests.oracle.book import Book
from tests.property.dice import Seeded
from tests.property.histories import START, Step, Story, plain_story
from tests.support import invariants
from tests.support.customers import APPLICATION
from tests.support.in_process import Desk, Hand
from tests.support.order_facts import Event
from tests.support.timeline import (
    IDLE,
    all_of,
    apart,
    apply,
    book_of,
    check_answers,
    clock_to,
    record_of,
)
from tests.support.upstream import Record

HISTORIES, ROUNDS = 25, 6


def kind_of(event: Event) -> str:
    """What tells it: a shop's topic, a customer, a carrier."""
    return str(event.get("topic", "carrier")).partition("/")[0]


def batches(stories: list[Story], random: Random) -> list[list[Record]]:
    """Everything once or twice, in batches of any size.

    In each story some kinds of records come before others, roughly.
    """
    heard: list[tuple[float, Record]] = []
    times = random.choice([1, 1, 2])
    for story in stories:
        events = [event for _, event in story.told]
        kinds = sorted(set(map(kind_of, events)))
        turn = dict(zip(kinds, random.sample(range(len(kinds)), len(kinds)), strict=True))
        spread = random.choice([0.5, 1, 10])
        heard += [
            (turn[kind_of(event)] + random.uniform(0, spread), record_of(event))
            for event in events * times
        ]
    heard.sort(key=lambda pair: pair[0], reverse=True)  # the last one is taken first
    found = []
    while heard:
        size = random.choice([1, 2, 5, 20])
        found.append([record for _, record in heard[-size:]])
        del heard[-size:]
    return found[::-1]


def hear(hand: Hand, todo: list[list[Record]]) -> None:
    """Batch after batch until none is left."""
    while True:
        try:
            batch = todo.pop()
        except IndexError:
            return
        hand.hear(*batch)


def turn(hand: Hand, stop: Flag) -> None:
    """Looks again and grants until told to stop."""
    while not stop.is_set():
        hand.turn()


@pytest.mark.parametrize("number", range(ROUNDS))
def test_two_intakes_at_once_come_to_the_oracles_answers(desk: Desk, number: int) -> None:
    seeds = range(5000 + number * HISTORIES, 5000 + (number + 1) * HISTORIES)
    stories = apart([plain_story(Seeded(seed)) for seed in seeds])
    end = max(story.end for story in stories)
    books = [book_of(story, end) for story in stories]
    clock_to(desk, end)
    desk.configuration = {"application_id": APPLICATION}
    steps = [step for story in stories for step in story.settings]
    late = [step for step in steps if step.when >= START]
    for step in steps:
        if step not in late:
            apply_step(desk, step)
    todo = batches(stories, Random(number))
    records = sum(map(len, todo))
    together(desk, todo, late)
    check_the_end(desk, books, records)


def apply_step(desk: Desk, step: Step) -> None:
    """A merchant's settings are applied."""
    assert step.document is not None
    apply(desk, step.merchant, step.document)


def together(desk: Desk, todo: list[list[Record]], late: list[Step]) -> None:
    """Two intakes at once; beside them a worker looks again and grants, and settings come late.

    At last all is settled.
    """
    stop = Flag()
    hands = [desk.hand(name) for name in ("first", "second", "third")]
    meanwhile = hands[2].start(lambda: turn(hands[2], stop))
    intakes = [hand.start(lambda hand=hand: hear(hand, todo)) for hand in hands[:2]]  # type: ignore[misc]
    for step in late[::2]:
        apply_step(desk, step)
    for intake in intakes:
        intake.ended()
    for step in late[1::2]:
        apply_step(desk, step)
    stop.set()
    meanwhile.ended()
    hands[0].settle()


def check_the_end(desk: Desk, books: list[Book], records: int) -> None:
    """Balances, states and points of all orders, what was posted for them, and the counts."""
    settled = IDLE.replace("AND NOT EXISTS (SELECT FROM outbox)", "")
    assert desk.value(settled)
    check_answers(desk, books, with_dates=False)
    assert {key: points for key, points in desk.balances().items() if points} == all_of(
        books, "balances"
    )
    invariants.check_accounts(desk)
    invariants.check_earned(desk, all_of(books, "earned"))
    desk.check_counts(records)
