"""What a split child inherits (rules.md 1.7, 1.8)."""

from datetime import UTC, datetime

from tests.support.customers import APPLICATION, application
from tests.support.in_process import InProcessEngine
from tests.support.order_facts import ORDER, Event, day, delivery, order, settings, some_id
from tests.support.timeline import apply, clock_to, record_of

CHILD = some_id("split off")
WITH_APP = {"plan": "enterprise", "app_installed": True, "modules": []}


def events_of(merchant: str) -> list[Event]:
    """An order, then the app is uninstalled, then the order is split; the child is delivered."""
    at = day("12-01")
    return [
        order(merchant=merchant, created=day("11-29")),
        application(day("11-30"), installed=False, merchant=merchant),
        order(
            merchant=merchant,
            order_id=CHILD,
            parent_order_id=ORDER,
            created=at,
            topic="order/split_order",
        ),
        delivery("arrived", day("12-02"), order_id=CHILD, merchant=merchant),
    ]


def test_an_app_uninstalled_before_the_split_changes_nothing_for_the_child(
    in_process: InProcessEngine,
) -> None:
    merchant, member = some_id("splitting"), some_id("buyer")
    in_process.configuration = {"application_id": APPLICATION}
    apply(
        in_process,
        merchant,
        settings(entitlement=WITH_APP, earn={"pending_days": 0, "expiry": {"kind": "never"}}),
    )
    events = events_of(merchant)
    for event in events:
        if event["topic"].startswith("order/"):
            event["resource"]["customer_id"] = member
    clock_to(in_process, datetime(2024, 12, 20, tzinfo=UTC))
    in_process.consume(*map(record_of, events))
    assert in_process.points(merchant, member) == 100
