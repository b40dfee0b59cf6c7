"""Two transactions at once: a report and its order find each other, without deadlocks.

Whichever of them locks first. A gate (an advisory lock that a trigger waits for) holds the first
transaction where it has written; the second is known to wait for it before the gate is opened.
"""

import random
import threading
from collections.abc import Callable

import pytest

from tests.support.in_process import Gate, InProcessEngine, report
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
    in_process: InProcessEngine,
    table: str,
    first: Callable[[], object],
    second: Callable[[], object],
) -> None:
    """The first worker's transaction writes the table and stops there.

    The second one's then waits for it.
    """
    with Gate(in_process, table) as gate:
        one = in_process.first.start(first)
        in_process.until_waiting(in_process.first)
        two = in_process.second.start(second)
        in_process.until_waiting(in_process.second)
        gate.open()
        one.ended()
        two.ended()
    in_process.first.settle()


def deadlocks(in_process: InProcessEngine) -> int:
    return int(
        in_process.value(
            "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        )
    )


@pytest.mark.parametrize("known", ["nothing", "the number", "the order", "both"])
@pytest.mark.parametrize("report_first", [True, False])
def test_a_report_and_the_order_that_names_its_number_come_at_once(
    in_process: InProcessEngine, known: str, report_first: bool
) -> None:
    if known in ("the number", "both"):
        in_process.consume(report(NUMBER, IN_TRANSIT, day(0)))
    if known in ("the order", "both"):
        in_process.consume(order(M, A, ANNA, 1000))
    told: list[Callable[[], object]] = [
        lambda: in_process.first.consume(report(NUMBER, DELIVERED, day(2))),
        lambda: in_process.second.consume(sold(at=day(1))),
    ]
    if not report_first:
        told = [
            lambda: in_process.first.consume(sold(at=day(1))),
            lambda: in_process.second.consume(report(NUMBER, DELIVERED, day(2))),
        ]
    overlap(in_process, "tracking", told[0], told[1])
    assert in_process.points(M, ANNA) == 100
    assert deadlocks(in_process) == 0


@pytest.mark.parametrize("reported", ["before", "after"])
def test_two_orders_name_the_same_number_at_once(
    in_process: InProcessEngine, reported: str
) -> None:
    if reported == "before":
        in_process.consume(report(NUMBER, DELIVERED, day(2)))
    overlap(
        in_process,
        "tracking",
        lambda: in_process.first.consume(sold(A)),
        lambda: in_process.second.consume(sold(B, BEN)),
    )
    if reported == "after":
        in_process.consume(report(NUMBER, DELIVERED, day(2)))
    assert (in_process.points(M, ANNA), in_process.points(M, BEN)) == (0, 0)
    assert in_process.ambiguous() == [PLAIN]


def test_one_order_lets_the_number_go_while_another_takes_it(in_process: InProcessEngine) -> None:
    in_process.consume(sold(A), report(NUMBER, DELIVERED, day(2)))
    with Gate(in_process, "orders") as gate:
        letting_go = in_process.first.start(
            lambda: in_process.first.consume(sold(A, number="OTHER", at=day(3)))
        )
        in_process.until_waiting(in_process.first)
        taking = in_process.second.start(lambda: in_process.second.consume(sold(B, BEN)))
        in_process.until_waiting(
            in_process.second
        )  # at the gate too: it has locked the number, and the other one did not
        gate.open()
        letting_go.ended()
        taking.ended()
    in_process.first.settle()
    assert (in_process.points(M, ANNA), in_process.points(M, BEN)) == (0, 100)


def test_an_order_lets_the_number_go_while_it_is_judged_who_has_it(
    in_process: InProcessEngine,
) -> None:
    in_process.consume(sold(A), report(NUMBER, DELIVERED, day(2)))
    in_process.first.consume(sold(B, BEN))
    with Gate(in_process, "orders") as gate:
        letting_go = in_process.first.start(
            lambda: in_process.first.consume(sold(B, BEN, number="OTHER", at=day(3)))
        )
        in_process.until_waiting(in_process.first)
        judging = in_process.second.start(in_process.second.settle)
        gate.open()
        letting_go.ended()
        judging.ended()
    in_process.first.settle()
    assert (in_process.points(M, ANNA), in_process.points(M, BEN)) == (100, 0)
    assert in_process.ambiguous() == []


def test_a_report_without_a_merchant_and_the_order_that_it_names_come_at_once(
    in_process: InProcessEngine,
) -> None:
    with Gate(in_process, "awaiting_order") as gate:
        naming = in_process.first.start(
            lambda: in_process.first.consume(report(None, DELIVERED, day(2), order_id=A))
        )
        in_process.until_waiting(in_process.first)
        done = in_process.second.consume(order(M, A, ANNA, 1000))
        assert done.matched.recheck_keys == {}
        assert in_process.points(M, ANNA) == 0
        gate.open()
        naming.ended()
    in_process.first.settle()
    assert in_process.points(M, ANNA) == 100


def test_an_order_comes_while_a_report_without_a_merchant_does_not_see_it_yet(
    in_process: InProcessEngine,
) -> None:
    with Gate(in_process, "orders") as gate:
        coming = in_process.first.start(lambda: in_process.first.consume(order(M, A, ANNA, 1000)))
        in_process.until_waiting(in_process.first)
        in_process.second.consume(report(None, DELIVERED, day(2), order_id=A))
        gate.open()
        coming.ended()
    in_process.second.settle()
    assert in_process.points(M, ANNA) == 100


def test_many_at_once_over_few_numbers_never_deadlock_and_come_to_what_one_would_have_made_of_it(
    in_process: InProcessEngine,
) -> None:
    draw = random.Random(5)
    told = _turmoil(draw)
    for record in told:
        in_process.first.consume(record)
    in_process.first.settle()
    alone = {member: points for (_, member), points in in_process.balances().items() if points}
    assert alone
    mirrored = [_of_merchant(record, M, OTHER) for record in told]
    halves: list[list[Record]] = [[], []]
    for record in mirrored + mirrored:
        halves[draw.randrange(2)].append(record)
    over = threading.Event()
    workers = [in_process.worker(name) for name in ("one", "two", "judge", "other judge")]
    intakes = [
        worker.start(_in_batches(in_process, worker.name, half, draw.random()))
        for worker, half in zip(workers, halves, strict=False)
    ]
    judges = [worker.start(_judging(in_process, worker.name, over)) for worker in workers[2:]]
    for intake in intakes:
        intake.ended()
    over.set()
    for judge in judges:
        judge.ended()
    in_process.first.settle()
    together = {
        member: points
        for (merchant, member), points in in_process.balances().items()
        if merchant == OTHER and points
    }
    assert together == alone
    assert deadlocks(in_process) == 0


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


def _in_batches(
    in_process: InProcessEngine, name: str, records: list[Record], seed: float
) -> Callable[[], None]:
    def hear() -> None:
        draw, left = random.Random(seed), list(records)
        draw.shuffle(left)
        while left:
            size = draw.randrange(1, 12)
            in_process.worker(name).consume(*left[:size])
            left = left[size:]

    return hear


def _judging(in_process: InProcessEngine, name: str, over: threading.Event) -> Callable[[], None]:
    def judge() -> None:
        while not over.is_set():
            in_process.worker(name).turn()
            over.wait(0.002)

    return judge
