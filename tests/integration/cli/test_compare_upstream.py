"""`points compare-upstream`: the platform's own figures and ours, by reason; none is paid."""

from datetime import timedelta
from typing import Any

import orjson
import pytest

from store.reads import upstream_figures
from tests.support.commands import points
from tests.support.engine import Engine
from tests.support.upstream import CREATED, Record, envelope, hex_id, order, returned

SHOP, OTHER, MEMBER, LATE = "shop-a", "shop-b", hex_id("member"), hex_id("late")
EQUAL, MORE, DAYS, CUT, GONE, GUEST, WAITS, SILENT, NOT_YET = (hex_id("o", n) for n in range(9))


def figure(earned: int, days: int = 0) -> dict[str, Any]:
    return {
        "pending_days": days,
        "earned_points": earned,
        "order_created_by": "shop",
        "order_type": None,
    }


def earned_upstream(
    order_id: str,
    earned: int,
    *,
    days: int = 0,
    merchant: str = SHOP,
    member: str | None = MEMBER,
    **fields: Any,
) -> Record:
    """An order of 1,000 that has arrived, which is 100 points with us."""
    fields = {"delivery": "arrived"} | fields
    return order(
        merchant, order_id, member, 1000, member_point_summary=figure(earned, days), **fields
    )


@pytest.fixture
def shops(engine: Engine) -> Engine:
    """Orders that differ in every way, of two merchants."""
    engine.merchant(SHOP)
    engine.merchant(OTHER)
    engine.run("intake").wait_ready()
    registered = {
        "id": LATE,
        "is_member": True,
        "registered_at": (CREATED + timedelta(days=1)).isoformat(),
        "updated_at": CREATED.isoformat(),
    }
    customer = Record(
        "customers", None, orjson.dumps(envelope("user/update", SHOP, registered, CREATED))
    )
    engine.produce([customer])
    engine.wait_consumed(1)
    engine.produce(
        [
            earned_upstream(EQUAL, 100),
            earned_upstream(MORE, 120),
            earned_upstream(DAYS, 100, days=7),
            earned_upstream(CUT, 100),
            earned_upstream(GONE, 100, status="cancelled"),
            earned_upstream(GUEST, 100, member=None),
            earned_upstream(WAITS, 100, delivery="shipped"),
            earned_upstream(NOT_YET, 100, member=LATE),
            order(SHOP, SILENT, MEMBER, 1000, delivery="arrived"),
            returned(SHOP, CUT, 430, at=CREATED + timedelta(days=2)),
            earned_upstream(hex_id("elsewhere"), 90, merchant=OTHER),
        ]
    )
    engine.wait_consumed(12)
    return engine


def test_differences_are_told_by_reason_with_sums_and_examples(shops: Engine) -> None:
    comparison = points(shops.environment, "compare-upstream", SHOP, "--json").json
    assert (comparison["orders"], comparison["upstream_points"], comparison["our_points"]) == (
        8,
        820,
        100 + 100 + 100 + 57 + 100,
    )
    outcomes = {row["outcome"]: row for row in comparison["outcomes"]}
    figures = {
        name: (row["orders"], row["upstream_points"], row["our_points"])
        for name, row in outcomes.items()
    }
    assert figures == {
        "equal": (1, 100, 100),
        "other_points": (1, 120, 100),
        "other_days": (1, 100, 100),
        "partly_returned": (1, 100, 57),
        "cancelled": (1, 100, 0),
        "no_member": (1, 100, 0),
        "not_final": (1, 100, 100),
        "registered_later": (1, 100, 0),
    }
    assert comparison["outcomes"][0]["outcome"] == "equal"
    (example,) = outcomes["other_days"]["examples"]
    assert example == {
        "merchant_id": SHOP,
        "order_id": DAYS,
        "upstream_points": 100,
        "our_points": 100,
        "upstream_days": 7,
        "our_days": 0,
    }


def test_all_merchants_pages_and_limits(shops: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upstream_figures, "PAGE", 2)
    figures = points(shops.environment, "compare-upstream", "--json", "--limit", "1").json
    assert (figures["orders"], figures["upstream_points"]) == (9, 910)
    other = next(row for row in figures["outcomes"] if row["outcome"] == "other_points")
    assert (other["orders"], len(other["examples"])) == (2, 1)
    assert points(shops.environment, "compare-upstream", OTHER, "--json").json["orders"] == 1
    assert points(shops.environment, "compare-upstream", "no-shop").code == 6


def test_people_get_a_table_with_order_ids(shops: Engine) -> None:
    shown = points(shops.environment, "compare-upstream", SHOP).out
    assert "theirs still counts goods that went back" in shown
    assert MORE in shown
    assert EQUAL not in shown
    assert "after 7 days, ours 100 after 0" in shown


def test_nothing_is_paid_from_the_platforms_figure(shops: Engine) -> None:
    explained = points(shops.environment, "explain", SHOP, MORE, "--json").json
    assert (explained["points"], explained["granted"]) == (100, 100)
    assert any(
        "own figure (member_point_summary) is 120 points" in step for step in explained["steps"]
    )
