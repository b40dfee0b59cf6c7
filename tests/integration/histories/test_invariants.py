"""What must always hold: expired points stay expired, and no one changes the ledger.

Histories: test_histories.py.
"""

from datetime import UTC, datetime

import psycopg
import pytest

from tests.support import invariants
from tests.support.engine import Engine, WaitedInVain, wait_for
from tests.support.order_facts import MERCHANT, day, delivery, order, some_id
from tests.support.order_facts import settings as settings_of
from tests.support.timeline import apply, clock_to, record_of


def settled(engine: Engine, records: int) -> None:
    """Wait until all records are consumed, nothing is due and the outbox is empty."""
    try:
        engine.wait_consumed(records, within=60)
        engine.wait_published(within=60)
    except WaitedInVain as late:
        raise WaitedInVain(f"{late}\n{engine.counts()}\n{engine.workers[0].output}") from None


def test_points_expire_once_and_old_events_do_not_bring_them_back(engine: Engine) -> None:
    merchant = some_id("expiring")
    apply(engine, merchant, settings_of())
    events = []
    for number in range(20):
        order_id = some_id(f"expiring {number}")
        events.append(
            order(order_id=order_id, merchant=merchant, member=some_id(f"member {number % 3}"))
        )
        events.append(delivery("arrived", day("12-01"), order_id=order_id, merchant=merchant))
    clock_to(engine, datetime(2024, 12, 10, tzinfo=UTC))
    engine.run("all")
    engine.produce(map(record_of, events))
    settled(engine, len(events))
    assert sum(engine.balances().values()) == 2000
    clock_to(engine, datetime(2031, 1, 1, tzinfo=UTC))
    wait_for("all points expired", lambda: not any(engine.balances().values()))
    entries = engine.value("SELECT count(*) FROM ledger")
    assert entries == 20 + 20
    engine.produce(map(record_of, events + events[::-1]))
    settled(engine, 3 * len(events))
    assert engine.value("SELECT count(*) FROM ledger") == entries
    invariants.check_idle(engine)
    earned = {
        (merchant, some_id(f"expiring {n}"), some_id(f"member {n % 3}")): 100 for n in range(20)
    }
    invariants.check_earned(engine, earned)


STATEMENTS = (
    "UPDATE ledger SET points = 1",
    "UPDATE ledger SET order_id = NULL",
    "DELETE FROM ledger",
    "TRUNCATE ledger",
)


def test_neither_the_application_nor_the_owner_can_change_the_ledger(engine: Engine) -> None:
    apply(engine, MERCHANT, settings_of(earn={"pending_days": 0, "expiry": {"kind": "never"}}))
    engine.run("intake")
    engine.produce([record_of(order()), record_of(delivery("arrived", day("12-01")))])
    wait_for("a grant", engine.balances)
    before = engine.rows("SELECT * FROM ledger")
    assert len(before) == 1
    for statement in STATEMENTS:
        with psycopg.connect(engine.database_url) as connection:
            connection.execute("SET ROLE points_app")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())
        with (
            psycopg.connect(engine.database_url) as connection,
            pytest.raises(psycopg.errors.RestrictViolation, match="never updated or deleted"),
        ):
            connection.execute(statement.encode())
    assert engine.rows("SELECT * FROM ledger") == before


def test_the_application_may_add_to_the_ledger_and_owns_nothing(engine: Engine) -> None:
    can = "SELECT has_table_privilege('points_app', 'ledger', %s)"
    rights = {
        right: engine.value(can, right)
        for right in ("INSERT", "SELECT", "UPDATE", "DELETE", "TRUNCATE", "TRIGGER")
    }
    refused = dict.fromkeys(("UPDATE", "DELETE", "TRUNCATE", "TRIGGER"), False)
    assert rights == {"INSERT": True, "SELECT": True} | refused
    owned = """SELECT count(*) FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner
               WHERE r.rolname = 'points_app'"""
    assert engine.value(owned) == 0
    powers = "SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = 'points_app'"
    assert engine.rows(powers) == [(False, False)]
