"""Random histories through real Kafka, real PostgreSQL and real workers: the oracle's balances, and I1 to I8."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from schemas.settings import load_settings
from store import database
from store import settings as store_settings
from tests.oracle.book import Book
from tests.property.histories import MERCHANTS, START, Step, plain_stories
from tests.support import invariants
from tests.support.engine import Engine, WaitedInVain, wait_for
from tests.support.shop import MERCHANT, Event, bytes_of, day, delivery, order, some_id
from tests.support.shop import settings as settings_of
from tests.support.upstream import Record

HISTORIES = 100
Story = tuple[list[Step], list[tuple[datetime, Event]]]


def histories() -> list[Story]:
    """The same random histories every time, each with merchants of its own."""
    found: list[Story] = []

    @settings(
        max_examples=HISTORIES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(story=plain_stories())
    def take(story: Story) -> None:
        found.append(_with_own_merchants(story, len(found)))

    take()
    return found


def _with_own_merchants(story: Story, number: int) -> Story:
    own = {merchant: some_id(f"{merchant} {number}") for merchant in MERCHANTS}
    steps, told = story
    steps = [replace(step, merchant=own[step.merchant]) for step in steps]
    return steps, [(at, event | {"merchant_id": own[event["merchant_id"]]}) for at, event in told]


def record_of(event: Event) -> Record:
    """The event in the topic that it belongs to. Keys are not ours to choose, so there is none."""
    topic = "deliveries" if event["topic"].startswith("order_delivery/") else "orders"
    return Record(topic, None, bytes_of(event))


def apply(engine: Engine, merchant: str, document: dict[str, Any]) -> None:
    with database.connect(engine.database_url) as connection:
        store_settings.apply(connection, merchant, load_settings(bytes_of(document), name="test"), "test")


def clock_to(engine: Engine, moment: datetime) -> None:
    """It is so late now, and a little later with every second."""
    engine.move_clock((moment - datetime.now(UTC)).total_seconds())


def settled(engine: Engine, records: int) -> None:
    """Everything is consumed, nothing is due, nothing is to be announced."""
    try:
        engine.wait_consumed(records, within=60)
        engine.wait_published(within=60)
    except WaitedInVain as late:
        raise WaitedInVain(f"{late}\n{engine.counts()}\n{engine.workers[0].output}") from None


def oracle_of(stories: list[Story], end: datetime) -> Book:
    book = Book()
    for steps, told in stories:
        for step in steps:
            assert step.document is not None
            book.apply(step.document, step.merchant)
        for moment, event in told:
            book.now = max(book.now, moment)
            book.hear(event)
    book.until(end)
    return book


def test_every_event_twice_and_shuffled_gives_the_oracles_balances_and_old_events_after_years_change_nothing(
    engine: Engine,
) -> None:
    stories = histories()
    told = [pair for _, events in stories for pair in events]
    for steps, _ in stories:
        for step in steps:
            assert step.document is not None
            apply(engine, step.merchant, step.document)
    random = Random(7)
    stops = [START + timedelta(days=days) for days in (4, 13, 22, 80)]
    clock_to(engine, stops[0])
    engine.run("all", "--intakes", "2")
    heard = 0
    for stop, events in _heard_by(stops, told, random):
        clock_to(engine, stop)
        engine.produce(record_of(event) for event in events)
        heard += len(events)
        settled(engine, heard)
    assert heard == 2 * len(told)

    must = oracle_of(stories, stops[-1])
    assert {key: points for key, points in engine.balances().items() if points} == must.balances()
    assert len(must.balances()) > HISTORIES / 4  # most tell of points
    invariants.check_idle(engine)
    invariants.check_earned(engine, must.earned())

    before = engine.rows("SELECT * FROM ledger ORDER BY account_no, sequence")
    clock_to(engine, stops[-1] + timedelta(days=4000))
    random.shuffle(told)
    engine.produce(record_of(event) for _, event in told)
    settled(engine, heard + len(told))
    assert engine.rows("SELECT * FROM ledger ORDER BY account_no, sequence") == before
    invariants.check_idle(engine)


def _heard_by(stops: list[datetime], told: list[tuple[datetime, Event]], random: Random) -> Iterator[tuple[datetime, list[Event]]]:
    """Every event twice, each time at a random stop that is not before its own moment, and shuffled there."""
    at: dict[datetime, list[Event]] = {stop: [] for stop in stops}
    for moment, event in told:
        for _ in range(2):
            at[random.choice([stop for stop in stops if stop >= moment])].append(event)
    for stop, events in at.items():
        random.shuffle(events)
        yield stop, events


def test_points_expire_once_and_old_events_do_not_bring_them_back(engine: Engine) -> None:
    merchant = some_id("expiring")
    apply(engine, merchant, settings_of())
    events = []
    for number in range(20):
        order_id = some_id(f"expiring {number}")
        events.append(order(order_id=order_id, merchant=merchant, member=some_id(f"member {number % 3}")))
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
    earned = {(merchant, some_id(f"expiring {n}"), some_id(f"member {n % 3}")): 100 for n in range(20)}
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
    rights = {right: engine.value(can, right) for right in ("INSERT", "SELECT", "UPDATE", "DELETE", "TRUNCATE", "TRIGGER")}
    refused = dict.fromkeys(("UPDATE", "DELETE", "TRUNCATE", "TRIGGER"), False)
    assert rights == {"INSERT": True, "SELECT": True} | refused
    owned = "SELECT count(*) FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE r.rolname = 'points_app'"
    assert engine.value(owned) == 0
    assert engine.rows("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = 'points_app'") == [(False, False)]
