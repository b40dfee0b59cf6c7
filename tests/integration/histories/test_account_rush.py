"""Commands, orders, rechecks and time-outs at once, on few members and orders: nothing blocks."""

import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from random import Random

import pytest

from processors.expiry import Expiry
from schemas.ids import micros
from store.ledger.commands import CommandRace
from store.ledger.holds import HoldRace
from store.postgres import session
from tests.support.account.desk import SHOP, Desk
from tests.support.in_process import InProcessEngine, InProcessWorker, Running
from tests.support.invariants import check_accounts
from tests.support.order_facts import delivery, order, returned, some_id
from tests.support.timeline import record_of
from tests.support.upstream import Json

pytestmark = pytest.mark.slow

SECONDS = 8
MEMBERS = [some_id(f"in a rush {number}") for number in range(4)]
ORDERS = [some_id(f"bought in a rush {number}") for number in range(4)]
REDEEM = {"cash": {"unit_points": 1, "price_per_unit": 1}, "from_orders": "debit"}
LIVE = """SELECT convert_from(hold_id, 'UTF8'), encode(member, 'hex')
          FROM hold JOIN account USING (account_no) WHERE state = 1 ORDER BY random() LIMIT 1"""


def random_command(desk: Desk, random: Random, number: int) -> Json:
    some, order_id = random.randint(1, 40), random.choice(ORDERS)
    kind = random.choice(("assign", "take", "hold", "hold", "end", "end", "return", "bulk"))
    member = random.choice(MEMBERS)
    # Two desks send some commands both, and some holds of one id.
    named = {"command_id": f"{random.choice('ab')}{number}"}
    match kind:
        case "hold":
            return desk.command("hold", member_id=member, hold_id=f"h{random.randint(0, 999)}",
                                points=some, ttl_seconds=1, **named)  # fmt: skip
        case "end":
            hold_id, member = (desk.rows(LIVE) or [("none", member)])[0]
            ends = random.choice(({"type_": "release"}, {"type_": "capture", "order_id": order_id}))
            return desk.command(**ends, hold_id=hold_id, member_id=member, **named)
        case "return":
            return desk.command("return_redeemed", member_id=member, order_id=order_id, **named)
        case "bulk":
            members = random.sample(MEMBERS, 3)
            return desk.command("bulk_assign", job_id=f"j{number % 9}", members=members, **named)
    points = some if kind == "assign" else -some
    return desk.command("assign", member_id=member, points=points, **named)


def commands(engine: InProcessEngine, seed: int, until: float) -> None:
    random = Random(seed)
    desk = Desk(engine.database_url, f"desk {seed}")
    with closing(desk):
        for number in range(0, 1_000_000, 10):
            if time.monotonic() > until:
                return
            desk.now = micros(datetime.now(UTC))
            batch = [random_command(desk, random, number + n) for n in range(random.randint(1, 6))]
            while not sent(desk, batch):
                pass  # as the worker does


def sent(desk: Desk, batch: list[Json]) -> bool:
    """Whether no other desk was faster with one of these commands or holds."""
    try:
        desk.send(*batch)
    except (CommandRace, HoldRace):
        return False
    return True


def events(worker: InProcessWorker, until: float) -> None:
    random = Random(3)
    while time.monotonic() < until:
        order_id, now = random.choice(ORDERS), datetime.now(UTC).isoformat()
        edit = order(
            order_id=order_id,
            merchant=SHOP,
            member=random.choice(MEMBERS),
            updated=now,
            status=random.choice(("confirmed", "cancelled")),
            order_points=random.randint(0, 60),
        )
        back = returned(random.randint(1, 200), now, order_id=order_id, merchant=SHOP)
        come = delivery("arrived", now, order_id=order_id, merchant=SHOP)
        worker.consume(*map(record_of, random.sample([edit, back, come], random.randint(1, 3))))


def again_and_again(until: float, what: Callable[[], object]) -> None:
    while time.monotonic() < until:
        what()
        time.sleep(0.01)  # another's turn


def test_everything_at_once_neither_blocks_nor_breaks(in_process: InProcessEngine) -> None:
    with closing(Desk(in_process.database_url)) as desk:
        desk.now = micros(datetime.now(UTC))
        desk.settle_in(SHOP, redeem=REDEEM)
    until = time.monotonic() + SECONDS
    first, second = in_process.first, in_process.second
    with session.connect(in_process.database_url, name="expiry") as connection:
        expiry = Expiry(connection)
        running = [
            first.start(lambda: events(first, until)),
            second.start(lambda: again_and_again(until, second.turn)),
            Running(first, lambda: again_and_again(until, expiry.expire)),
            *[Running(first, lambda n=n: commands(in_process, n, until)) for n in range(3)],  # type: ignore[misc]
        ]
        for each in running:
            each.ended()
    second.settle()
    check_accounts(in_process)
    kinds = in_process.value("SELECT count(DISTINCT type) FROM ledger")
    assert kinds >= 7, "too little happened"
