"""Customers and application events through Kafka and all the workers."""

from tests.support.batches import APPLICATION
from tests.support.engine import Engine, wait_for
from tests.support.order_facts import (
    ARRIVED,
    MEMBER,
    MERCHANT,
    Event,
    Json,
    bytes_of,
    day,
    envelope,
    order,
    some_id,
)
from tests.support.upstream import Record

KEY = "one partition"


def record(topic: str, event: Event) -> Record:
    return Record(topic, KEY, bytes_of(event))


def test_customers_and_installations_heard_after_the_grants_move_the_points(engine: Engine) -> None:
    engine.merchant(MERCHANT)
    engine.run("all", POINTS_APPLICATION_ID=APPLICATION)
    engine.produce(
        record("orders", order(order_id=some_id(f"order {n}"), created=day(f"11-{n}"), **ARRIVED))
        for n in (10, 20)
    )
    wait_for("granted", lambda: engine.balances() == {(MERCHANT, MEMBER): 200})
    engine.produce([record("customers", customer(day("12-02"), registered_at=day("11-15")))])
    wait_for("one taken back", lambda: engine.balances() == {(MERCHANT, MEMBER): 100})
    gone = {"application_id": APPLICATION, "deleted_at": day("11-18"), "updated_at": day("11-18")}
    engine.produce([record("orders", envelope("application/uninstall", gone))])
    wait_for("all taken back", lambda: engine.balances() == {(MERCHANT, MEMBER): 0})
    engine.produce([record("customers", customer(day("12-03"), registered_at=day("11-01")))])
    wait_for("one given back", lambda: engine.balances() == {(MERCHANT, MEMBER): 100})
    engine.produce([record("customers", customer(day("12-04"), email="nobody@mail.example"))])
    engine.wait_consumed(6)
    assert engine.counts() == {"applied": 5, "duplicate": 0, "ignored": 1, "parked": 0, "dead": 0}
    assert engine.value("SELECT reason FROM ignored_reason") == "no_statement"
    engine.wait_published()
    engine.audit({(MERCHANT, MEMBER): 100})


def test_an_installation_and_a_code_that_nobody_knows_in_one_batch_are_no_trouble(
    engine: Engine,
) -> None:
    engine.merchant(MERCHANT)
    gone = {"application_id": APPLICATION, "deleted_at": day("11-18"), "updated_at": day("11-18")}
    report = {
        "carrier": "hct",
        "service": "home",
        "code": "?",
        "tracking_number": "1",
        "occurred_at": day("11-18"),
    }
    engine.produce(
        [
            record("deliveries", envelope("application/uninstall", gone)),
            record("deliveries", report),
        ]
    )
    engine.run("intake", POINTS_APPLICATION_ID=APPLICATION)
    engine.wait_consumed(2)
    assert engine.value("SELECT count(*) FROM application_event") == 1
    assert engine.value("SELECT count(*) FROM unknown_code") == 1


def customer(updated: str, **said: Json) -> Event:
    return envelope("user/update", {"id": MEMBER, "updated_at": updated} | said)
