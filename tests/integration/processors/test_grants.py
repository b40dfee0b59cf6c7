"""Many dues at one instant, claimed a few at a time: all are granted exactly once."""

from datetime import UTC, datetime, timedelta

from processors.grants import Grants
from store.postgres import session
from tests.support.engine import Engine, wait_for
from tests.support.upstream import hex_id, order

BIG, SMALL = 35, 3


def plan(engine: Engine, merchant: str, orders: int) -> None:
    """So many orders of a merchant, due two days ahead, each of a member of its own."""
    arrived = datetime.fromtimestamp(engine.value("SELECT points_now()") / 1e6, UTC) - timedelta(
        hours=1
    )
    engine.merchant(merchant, pending_days=2)
    records = []
    for n in range(orders):
        key, member = hex_id(f"{merchant}{n}"), hex_id(f"m{n}")
        record = order(merchant, key, member, 1000, delivery="arrived", at=arrived)
        records.append(record)
    engine.produce(records)


def planned(engine: Engine) -> None:
    engine.run("intake")
    plan(engine, "shop-big", BIG)
    plan(engine, "shop-small", SMALL)
    wait_for("all plans", lambda: engine.value("SELECT count(*) FROM due") == BIG + SMALL)
    engine.move_clock(3 * 86_400)


def test_merchants_take_turns_and_claims_go_on_where_they_ended(engine: Engine) -> None:
    planned(engine)
    with session.connect(engine.database_url) as connection:
        worker = Grants(connection)
        turns = [worker.grant(10).tally.claimed for _ in range(6)]
        assert worker.grant(10).tally.claimed == 0
    # The first turn shares: five of the big one and all three of the small one.
    assert turns == [8, 10, 10, 10, 0, 0]
    assert set(engine.balances().values()) == {100}
    assert len(engine.balances()) == BIG + SMALL


def test_a_due_that_was_passed_over_is_claimed_when_its_holder_is_gone(engine: Engine) -> None:
    planned(engine)
    with (
        session.connect(engine.database_url) as connection,
        session.connect(engine.database_url) as other,
    ):
        worker = Grants(connection)
        with other.transaction():
            held = other.execute(
                "SELECT order_id FROM due ORDER BY merchant_no, due_us, order_id LIMIT 1"
            ).fetchone()
            other.execute("SELECT FROM orders WHERE order_id = %s FOR UPDATE", held)
            assert sum(worker.grant(10).tally.claimed for _ in range(6)) == BIG + SMALL - 1
        assert worker.grant(10).tally.claimed == 1
    assert engine.value("SELECT count(*) FROM ledger") == BIG + SMALL
