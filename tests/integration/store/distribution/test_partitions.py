"""With the large tables in eight parts by merchant, a merchant's work needs one part of each.

Real hash partitions of PostgreSQL: the server counts which of them a statement scans or writes.
"""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from store.ledger import commands
from store.ledger.holds import HoldRace
from store.postgres import session
from store.reads.account.balance import balance
from store.reads.account.history import history
from store.reads.account.member import member_shown
from store.reads.order import order_view
from tests.support.account.desk import ANN, BEA, Desk
from tests.support.database.distribution import ASKS_ALL, Touched, partition, watching
from tests.support.in_process import InProcessEngine
from tests.support.parcels import M, day
from tests.support.upstream import hex_id, order, returned

MEMBER = hex_id("m")


@pytest.fixture
def touched(in_process: InProcessEngine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Touched]:
    partition(in_process.database_url)
    with watching(monkeypatch) as noted:
        yield noted


def widest(touched: Touched) -> dict[str, dict[str, int]]:
    """The statements that needed more than one part of a table."""
    return {
        name: wide
        for name, parts in touched.parts.items()
        if name not in ASKS_ALL and (wide := {t: n for t, n in parts.items() if n > 1})
    }


def test_orders_grants_and_what_takes_them_back(
    in_process: InProcessEngine, touched: Touched
) -> None:
    in_process.merchant("slow", pending_days=1)
    orders = [hex_id("o", n) for n in range(5)]
    for merchant in (M, "slow"):
        in_process.consume(*[order(merchant, one, MEMBER, 1000) for one in orders])
        arrived = [order(merchant, o, MEMBER, 1000, delivery="arrived") for o in orders]
        in_process.consume(*arrived)
        in_process.consume(
            order(merchant, orders[0], MEMBER, 1000, status="cancelled", delivery="arrived"),
            order(merchant, orders[1], hex_id("other"), 1000, delivery="arrived", at=day(1)),
            returned(merchant, orders[2], 400),
        )
    assert in_process.points(M, hex_id("other")) == 100
    assert touched.parts["ledger/accounts: lock"]["account"] == 1
    assert {"orders", "account", "lot", "ledger", "due"} <= {
        table for parts in touched.parts.values() for table in parts
    }
    assert widest(touched) == {}


def test_commands_holds_and_expiries(in_process: InProcessEngine, touched: Touched) -> None:
    with closing(Desk(in_process.database_url).open()) as desk:
        spend(desk)
    assert {"account", "lot", "ledger", "entry_note", "hold", "redemption", "command"} <= {
        table for parts in touched.parts.values() for table in parts
    }
    assert widest(touched) == {}


def spend(desk: Desk) -> None:
    """Everything that commands and timers do."""
    assert desk.code("assign", points=500) == "ok"
    for hold in ("h1", "h2", "h3"):
        assert desk.code("hold", hold_id=hold, points=100, ttl_seconds=60) == "ok"
    assert desk.code("capture", hold_id="h1", order_id=hex_id("o"), points=60) == "ok"
    assert desk.code("return_redeemed", order_id=hex_id("o"), points=10) == "ok"
    assert desk.code("release", hold_id="h2") == "ok"
    desk.later(120)
    assert desk.post_overdue() == 1
    desk.at("2028-02-01T00:00:00Z")
    assert desk.post_overdue() == 1


def test_what_people_and_shops_ask(in_process: InProcessEngine, touched: Touched) -> None:
    in_process.consume(order(M, hex_id("o"), MEMBER, 1000, delivery="arrived"))
    touched.parts.clear()
    with session.connect(in_process.database_url) as connection:
        assert balance(connection, M, MEMBER).available == 100
        assert len(history(connection, M, MEMBER, 0, 10)) == 1
        member_shown(connection, M, MEMBER, 30)
        order_view(connection, M, hex_id("o"))
    assert touched.parts
    assert widest(touched) == {}


def test_a_hold_of_the_same_id_that_was_made_meanwhile_is_known_by_its_part(
    in_process: InProcessEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    partition(in_process.database_url)
    with (
        closing(Desk(in_process.database_url).open()) as desk,
        closing(Desk(in_process.database_url, "other")) as other,
    ):
        other.now = desk.now
        for member in (ANN, BEA):
            assert desk.code("assign", member_id=member) == "ok"
        mine, theirs = (desk.command("hold", member_id=member) for member in (ANN, BEA))
        known = commands.known

        def looked_up(*arguments: Any) -> Any:
            found = known(*arguments)
            monkeypatch.setattr(commands, "known", known)
            other.send(theirs)
            return found

        monkeypatch.setattr(commands, "known", looked_up)
        with pytest.raises(HoldRace):
            desk.send(mine)
        assert desk.send(mine)[0]["code"] == "hold_exists"
