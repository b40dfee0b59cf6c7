"""Two transactions at once: a report and its order find each other, without deadlocks.

Whichever of them locks first. A gate (an advisory lock that a trigger waits for) holds the first
transaction where it has written; the second is known to wait for it before the gate is opened.
"""

import random
import threading
from collections.abc import Callable

import pytest

from tests.support.in_process import Desk, Gate, report
from tests.support.parcels import (
    ANNA,
    BEN,
    DELIVERED,
    IN_TRANSIT,
    NUMBER,
    OTHER,
    PLAIN,
    REVERSED,
    A,
    B,
    M,
    day,
    sold,
)
from tests.support.upstream import Record, hex_id, order


def overlap(
    desk: Desk, table: str, first: Callable[[], object], second: Callable[[], object]
) -> None:
    """The first hand's transaction writes the table and stops there.

    The second one's then waits for it.
    """
    with Gate(desk, table) as gate:
        one = desk.first.start(first)
        desk.until_waiting(desk.first)
        two = desk.second.start(second)
        desk.until_waiting(desk.second)
        gate.open()
        one.ended()
        two.ended()
    desk.first.settle()


def deadlocks(desk: Desk) -> int:
    return int(
        desk.value("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    )


@pytest.mark.parametrize("known", ["nothing", "the number", "the order", "both"])
@pytest.mark.parametrize("report_first", [True, False])
def test_a_report_and_the_order_that_names_its_number_come_at_once(
    desk: Desk, known: str, report_first: bool
) -> None:
    if known in ("the number", "both"):
        desk.hear(report(NUMBER, IN_TRANSIT, day(0)))
    if known in ("the order", "both"):
        desk.hear(order(M, A, ANNA, 1000))
    told: list[Callable[[], object]] = [
        lambda: desk.first.hear(report(NUMBER, DELIVERED, day(2))),
        lambda: desk.second.hear(sold(at=day(1))),
    ]
    if not report_first:
        told = [
            lambda: desk.first.hear(sold(at=day(1))),
            lambda: desk.second.hear(report(NUMBER, DELIVERED, day(2))),
        ]
    overlap(desk, "tracking", told[0], told[1])
    assert desk.points(M, ANNA) == 100
    assert deadlocks(desk) == 0


@pytest.mark.parametrize("reported", ["before", "after"])
def test_two_orders_name_the_same_number_at_once(desk: Desk, reported: str) -> None:
    if reported == "before":
        desk.hear(report(NUMBER, DELIVERED, day(2)))
    overlap(
        desk, "tracking", lambda: desk.first.hear(sold(A)), lambda: desk.second.hear(sold(B, BEN))
    )
    if reported == "after":
        desk.hear(report(NUMBER, DELIVERED, day(2)))
    assert (desk.points(M, ANNA), desk.points(M, BEN)) == (0, 0)
    assert desk.ambiguous() == [PLAIN]


def test_one_order_lets_the_number_go_while_another_takes_it(desk: Desk) -> None:
    desk.hear(sold(A), report(NUMBER, DELIVERED, day(2)))
    with Gate(desk, "orders") as gate:
        letting_go = desk.first.start(lambda: desk.first.hear(sold(A, number="OTHER", at=day(3))))
        desk.until_waiting(desk.first)
        taking = desk.second.start(lambda: desk.second.hear(sold(B, BEN)))
        desk.until_waiting(
            desk.second
        )  # at the gate too: it has locked the number, and the other one did not
        gate.open()
        letting_go.ended()
        taking.ended()
    desk.first.settle()
    assert (desk.points(M, ANNA), desk.points(M, BEN)) == (0, 100)


def test_an_order_lets_the_number_go_while_it_is_judged_who_has_it(desk: Desk) -> None:
    desk.hear(sold(A), report(NUMBER, DELIVERED, day(2)))
    desk.first.hear(sold(B, BEN))
    with Gate(desk, "orders") as gate:
        letting_go = desk.first.start(
            lambda: desk.first.hear(sold(B, BEN, number="OTHER", at=day(3)))
        )
        desk.until_waiting(desk.first)
        judging = desk.second.start(desk.second.settle)
        gate.open()
        letting_go.ended()
        judging.ended()
    desk.first.settle()
    assert (desk.points(M, ANNA), desk.points(M, BEN)) == (100, 0)
    assert desk.ambiguous() == []


def test_a_report_without_a_merchant_and_the_order_that_it_names_come_at_once(desk: Desk) -> None:
    with Gate(desk, "awaiting_order") as gate:
        naming = desk.first.start(
            lambda: desk.first.hear(report(None, DELIVERED, day(2), order_id=A))
        )
        desk.until_waiting(desk.first)
        done = desk.second.hear(order(M, A, ANNA, 1000))
        assert done.matched.recheck_keys == set()
        assert desk.points(M, ANNA) == 0
        gate.open()
        naming.ended()
    desk.first.settle()
    assert desk.points(M, ANNA) == 100


def test_an_order_comes_while_a_report_without_a_merchant_does_not_see_it_yet(desk: Desk) -> None:
    with Gate(desk, "orders") as gate:
        coming = desk.first.start(lambda: desk.first.hear(order(M, A, ANNA, 1000)))
        desk.until_waiting(desk.first)
        desk.second.hear(report(None, DELIVERED, day(2), order_id=A))
        gate.open()
        coming.ended()
    desk.second.settle()
    assert desk.points(M, ANNA) == 100


def test_many_at_once_over_few_numbers_never_deadlock_and_come_to_what_one_would_have_made_of_it(
    desk: Desk,
) -> None:
    draw = random.Random(5)
    told = _turmoil(draw)
    for record in told:
        desk.first.hear(record)
    desk.first.settle()
    alone = {member: points for (_, member), points in desk.balances().items() if points}
    assert alone
    mirrored = [_of_merchant(record, M, OTHER) for record in told]
    halves: list[list[Record]] = [[], []]
    for record in mirrored + mirrored:
        halves[draw.randrange(2)].append(record)
    over = threading.Event()
    hands = [desk.hand(name) for name in ("one", "two", "judge", "other judge")]
    workers = [
        hand.start(_in_batches(desk, hand.name, half, draw.random()))
        for hand, half in zip(hands, halves, strict=False)
    ]
    judges = [hand.start(_judging(desk, hand.name, over)) for hand in hands[2:]]
    for worker in workers:
        worker.ended()
    over.set()
    for judge in judges:
        judge.ended()
    desk.first.settle()
    together = {
        member: points
        for (merchant, member), points in desk.balances().items()
        if merchant == OTHER and points
    }
    assert together == alone
    assert deadlocks(desk) == 0


def _turmoil(draw: random.Random) -> list[Record]:
    numbers = [f"T{n}" for n in range(12)]
    told = []
    for tick in range(400):
        which, at = draw.randrange(20), day(tick / 100)
        if draw.random() < 0.5:
            told.append(
                sold(
                    hex_id("turmoil", which),
                    hex_id("turmoil member", which),
                    number=draw.choice(numbers),
                    at=at,
                )
            )
        else:
            told.append(
                report(
                    draw.choice(numbers),
                    draw.choice([DELIVERED, DELIVERED, REVERSED, IN_TRANSIT]),
                    at,
                    merchant_id=M,
                )
            )
    return told


def _of_merchant(record: Record, before: str, after: str) -> Record:
    return record._replace(value=(record.value or b"").replace(before.encode(), after.encode()))


def _in_batches(desk: Desk, name: str, records: list[Record], seed: float) -> Callable[[], None]:
    def hear() -> None:
        draw, left = random.Random(seed), list(records)
        draw.shuffle(left)
        while left:
            size = draw.randrange(1, 12)
            desk.hand(name).hear(*left[:size])
            left = left[size:]

    return hear


def _judging(desk: Desk, name: str, over: threading.Event) -> Callable[[], None]:
    def judge() -> None:
        while not over.is_set():
            desk.hand(name).turn()
            over.wait(0.002)

    return judge
