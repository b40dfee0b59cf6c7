"""A grant that is lost and comes back after part of it expired (rules.md 4.1, 4.5)."""

from collections.abc import Iterator

import pytest

from tests.oracle.commands import SECOND, instant
from tests.support.account.bench import AccountBench
from tests.support.in_process import InProcessEngine
from tests.support.order_facts import MEMBER, MERCHANT, Json, delivery, order, settings

BEGIN = 1_780_000_000 * SECOND
"""28 May 2026."""
DAY = 86_400 * SECOND
EARN: Json = {"pending_days": 0, "expiry": {"kind": "fixed_date", "month": 12, "day": 31}}


@pytest.fixture
def bench(in_process: InProcessEngine) -> Iterator[AccountBench]:
    bench = AccountBench(in_process, MERCHANT, BEGIN)
    bench.apply(settings(earn=EARN))
    bench.hear(order(subtotal=250, created=_at(bench), updated=_at(bench)))
    yield bench
    bench.close()


@pytest.mark.parametrize(
    ("spent", "again"),
    [
        # Into debt, and out of it; the nine that expired are part of the grant as before.
        (16, [("clawed_back", -16), ("granted", 16)]),
        # All of it expired: nothing can be taken back, and nothing is given again.
        (0, []),
        (25, [("clawed_back", -25), ("granted", 25)]),
    ],
)
def test_what_it_let_expire_is_part_of_it_still(
    bench: AccountBench, spent: int, again: list[tuple[str, int]]
) -> None:
    arrived = _at(bench)
    _parcel(bench, "arrived", arrived_at=arrived)
    if spent:
        _spend(bench, spent)
    bench.clock(BEGIN + 700 * DAY)
    bench.expire()
    before = len(bench.lines()[MEMBER])
    _parcel(bench, "returned")
    bench.clock(BEGIN + 701 * DAY)
    _parcel(bench, "arrived", arrived_at=arrived)
    bench.expire()
    lines = bench.lines()[MEMBER]
    assert [(line.type, line.points) for line in lines[before:]] == again
    earned = ("granted", "adjusted", "clawed_back")
    assert sum(line.points for line in lines if line.type in earned) == 25


def _at(bench: AccountBench) -> str:
    return instant(bench.now).isoformat()


def _parcel(bench: AccountBench, status: str, **fields: Json) -> None:
    bench.clock(bench.now + SECOND)
    bench.hear(delivery(status, _at(bench), **fields))


def _spend(bench: AccountBench, points: int) -> None:
    taken: Json = {
        "command_id": "take them",
        "type": "assign",
        "merchant_id": MERCHANT,
        "member_id": MEMBER,
        "performer": {"kind": "staff", "id": "mei"},
        "issued_at": _at(bench),
        "points": -points,
        "reason": "spent",
    }
    assert bench.commands([taken])[0]["code"] == "ok"
