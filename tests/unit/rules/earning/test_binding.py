"""Which settings an order is bound to, and whether the feature was in force (rules.md 1.7, 1.8)."""

from typing import Any

import pytest

from rules.earning.binding import VersionInForce, bound_version
from rules.earning.entitlement import Installs, feature_in_force
from rules.order.facts import NOTHING_IN_FORCE
from rules.order.family import Creation
from schemas.settings import BoundRules, compile_settings, load_settings
from tests.support.in_memory import InMemoryEngine, at
from tests.support.order_facts import ARRIVED, Json, bytes_of, day, delivery, order, settings
from tests.support.story import bound_rules, delivered, moment, story

THREE_POINTS = {"rules": [{"unit_price": 10, "points_per_unit": 3}], "pending_days": 0}
ONE_POINT = {"pending_days": 0}


THREE = [VersionInForce(100, 1, 1100), VersionInForce(200, 2, 1200), VersionInForce(300, 3, 1300)]


def test_the_version_in_force_at_the_creation_binds() -> None:
    found = [
        bound_version(THREE, created, 9999) for created in (99, 100, 199, 200, 299, 300, 10**18)
    ]
    assert found == [NOTHING_IN_FORCE, 1, 1, 2, 2, 3, 3]


def test_an_order_is_not_bound_before_the_first_settings_are_known() -> None:
    assert bound_version([], 250, 9999) < NOTHING_IN_FORCE


@pytest.mark.parametrize(
    ("heard", "bound"), [(0, 1), (1100, 1), (1199, 1), (1200, 2), (1300, 3), (9999, 3)]
)
def test_only_versions_applied_when_the_order_was_first_heard_of_bind_or_else_the_first_ones(
    heard: int, bound: int
) -> None:
    assert bound_version(THREE, 10**6, heard) == bound
    assert bound_version(THREE, 50, heard) == NOTHING_IN_FORCE


def test_the_creation_counts_not_when_the_order_was_heard_of() -> None:
    engine = InMemoryEngine()
    engine.apply(settings(effective=day("11-01"), earn=ONE_POINT))
    engine.apply(settings(effective=day("11-30"), earn=THREE_POINTS))
    engine.consume(order(created=day("11-29"), **ARRIVED), when=day("12-05"))
    assert engine.points() == 100


def test_what_is_applied_later_changes_no_known_order_even_when_it_reaches_back() -> None:
    engine = InMemoryEngine()
    engine.apply(settings(effective=day("11-01"), earn=ONE_POINT))
    engine.consume(order(created=day("11-29")), when=day("11-29"))
    engine.apply(settings(effective=day("11-15"), earn=THREE_POINTS))
    engine.consume(
        order(created=day("11-29"), updated=day("12-01 16:00"), **ARRIVED), when=day("12-02")
    )
    assert engine.points() == 100
    engine.consume(
        order(order_id="6633a7d1c95e4b0012f7a1b9", created=day("11-29"), **ARRIVED),
        when=day("12-03"),
    )
    assert engine.points() == 400


@pytest.mark.parametrize("off", [{"enabled": False}, {"entitlement": {"plan": "basic"}}])
def test_switching_the_feature_off_or_uninstalling_leaves_bound_orders_as_they_are(
    off: dict[str, Any],
) -> None:
    engine = InMemoryEngine()
    engine.apply(settings(effective=day("11-01")))
    engine.consume(order(created=day("11-29")), when=day("11-29"))
    engine.apply(settings(effective=day("11-30"), **off))
    engine.consume(delivery("arrived", day("12-01 15:00")), when=day("12-01 15:00"))
    engine.until(day("12-04"))
    assert engine.points() == 100


def test_nothing_in_force_at_the_creation_earns_nothing_and_stays_so() -> None:
    engine = InMemoryEngine()
    engine.apply(settings(effective=day("11-30")))
    engine.consume(order(created=day("11-29"), **ARRIVED), when=day("12-10"))
    assert (engine.explain().state, engine.explain().reason) == ("none", "no_settings_in_force")
    engine.apply(settings(effective=day("12-05"), earn=THREE_POINTS))
    engine.consume(order(created=day("11-29"), updated=day("12-11"), **ARRIVED), when=day("12-11"))
    assert engine.points() == 0


def test_an_order_heard_of_before_its_merchant_had_settings_binds_to_the_first_ones() -> None:
    engine = InMemoryEngine()
    engine.consume(order(created=day("11-29"), **ARRIVED), when=day("12-02"))
    assert engine.explain().reason == "no_settings_yet"
    engine.apply(settings(effective=day("11-01"), earn=ONE_POINT))
    assert engine.points() == 100
    engine.apply(settings(effective=day("11-15"), earn=THREE_POINTS))
    engine.consume(order(created=day("11-29"), updated=day("12-03"), **ARRIVED))
    assert engine.points() == 100


def test_first_settings_that_were_not_yet_in_force_bind_nothing() -> None:
    engine = InMemoryEngine()
    engine.consume(order(created=day("11-29"), **ARRIVED), when=day("12-02"))
    engine.apply(settings(effective=day("12-01")))
    assert (engine.points(), engine.explain().reason) == (0, "no_settings_in_force")


def test_a_delivery_heard_before_its_order_waits_for_it() -> None:
    engine = InMemoryEngine()
    engine.apply(settings(earn=ONE_POINT))
    engine.consume(
        delivery("arrived", day("12-01 15:00"), arrived_at=day("12-01 15:00")), when=day("12-02")
    )
    assert (engine.points(), engine.explain().state) == (0, "none")
    engine.consume(order())
    assert engine.points() == 100


def rules_of(*, enabled: bool = True, **entitlement: Json) -> BoundRules:
    document = settings(effective=day("11-01"), enabled=enabled, entitlement=entitlement)
    return compile_settings(load_settings(bytes_of(document), name="test"))


CREATED = at(day("11-29"))


@pytest.mark.parametrize(
    ("entitlement", "in_force"),
    [
        ({"plan": "o2o", "app_installed": True}, True),
        ({"plan": "enterprise", "app_installed": True}, True),
        ({"plan": "enterprise", "app_installed": False}, False),
        ({"plan": "premium", "app_installed": True}, False),
        ({"plan": "basic", "app_installed": False, "modules": ["crm_credits"]}, True),
        ({"plan": "enterprise", "app_installed": False, "modules": ["crm_credits"]}, True),
        ({"plan": "basic", "app_installed": True, "modules": ["crm_other"]}, False),
    ],
)
def test_who_has_the_feature(entitlement: dict[str, Any], *, in_force: bool) -> None:
    assert feature_in_force(rules_of(**entitlement), (), CREATED) is in_force
    assert not feature_in_force(rules_of(enabled=False, **entitlement), (), CREATED)


UNINSTALLED: Installs = ((at(day("11-10")), False),)
BACK_AGAIN: Installs = (*UNINSTALLED, (at(day("11-20")), True))


@pytest.mark.parametrize(
    ("installed", "installs", "in_force"),
    [
        (True, UNINSTALLED, False),
        (True, BACK_AGAIN, True),
        (False, BACK_AGAIN, True),
        (True, ((at(day("11-30")), False),), True),  # after the creation
        (True, ((at(day("10-30")), False),), True),  # before the settings, which are newer
        (False, ((at(day("10-30")), True),), False),
        (True, ((at(day("10-30")), True), *UNINSTALLED, (at(day("11-30")), True)), False),
        (True, ((CREATED, False),), False),
        (True, ((at(day("11-01")), False),), False),  # of the settings' own instant
        (False, ((at(day("11-10")), False), (at(day("11-10")), True)), True),
    ],
)
def test_of_settings_and_application_events_the_newer_at_the_creation_speaks(
    installs: Installs, *, installed: bool, in_force: bool
) -> None:
    rules = rules_of(plan="enterprise", app_installed=installed)
    assert feature_in_force(rules, installs, CREATED) is in_force


def test_an_uninstall_heard_late_takes_back_what_was_granted_to_later_orders() -> None:
    engine = InMemoryEngine()
    engine.apply(
        settings(entitlement={"plan": "enterprise", "app_installed": True}, earn=ONE_POINT)
    )
    engine.consume(order(created=day("11-29"), **ARRIVED), when=day("12-02"))
    assert engine.points() == 100
    engine.installed(day("11-28"), installed=False)
    assert (engine.points(), engine.explain().reason) == (0, "feature_off")
    engine.installed(day("11-28 12:00"), installed=True)
    assert engine.points() == 100


def test_uninstalling_after_the_order_was_made_changes_nothing_for_it() -> None:
    engine = InMemoryEngine()
    engine.apply(settings(entitlement={"plan": "enterprise", "app_installed": True}))
    engine.consume(order(created=day("11-29")), when=day("11-29"))
    engine.installed(day("11-30"), installed=False)
    engine.consume(delivery("arrived", day("12-01 15:00")), when=day("12-01 15:00"))
    engine.until(day("12-04"))
    assert engine.points() == 100
    engine.consume(
        order(order_id="6633a7d1c95e4b0012f7a1b9", created=day("12-01"), **ARRIVED),
        when=day("12-05"),
    )
    assert engine.points() == 100


def test_the_module_needs_no_app() -> None:
    engine = InMemoryEngine()
    engine.apply(
        settings(entitlement={"plan": "basic", "modules": ["crm_credits"]}, earn=ONE_POINT)
    )
    engine.installed(day("11-28"), installed=False)
    engine.consume(order(**ARRIVED), when=day("12-02"))
    assert engine.points() == 100


def test_settings_applied_after_an_orders_first_record_do_not_bind_it_even_if_of_its_parcel() -> (
    None
):
    engine = InMemoryEngine()
    engine.apply(settings(effective=day("11-01"), earn=ONE_POINT))
    engine.consume(delivery("arrived", day("12-01")), when=day("12-02"))
    engine.apply(settings(effective=day("11-15"), earn=THREE_POINTS))
    engine.consume(order(created=day("11-29")), when=day("12-03"))
    assert engine.points() == 100


# --- split orders


def test_a_child_bound_anew_gets_the_difference_in_points_and_its_lot_keeps_its_expiry() -> None:
    child = delivered()
    expires = child.decided.expires_at
    rules = [{"unit_price": 10, "points_per_unit": 3}]
    child.rules = bound_rules(rules=rules, pending_days=30, expiry={"kind": "never"})
    child.settle()
    assert child.history == [("granted", 100), ("adjusted", 200)]
    assert (child.decided.state, child.decided.expires_at, child.decided.due_at) == (
        "granted",
        expires,
        moment("12-04"),
    )


def test_a_child_bound_anew_before_its_grant_gets_a_new_plan() -> None:
    child = story("arrived")
    child.rules = bound_rules(pending_days=30)
    assert child.decided.due_at == moment("12-30")


@pytest.mark.parametrize(
    ("uninstalled", "parents", "state"),
    [
        ("11-28", None, "none"),
        (
            "11-28",
            "11-27",
            "planned",
        ),  # between the parent's creation and the child's: bound as the parent is
        ("11-26", "11-27", "none"),
        ("11-28", "11-28", "none"),
    ],
)
def test_whether_the_feature_was_in_force_for_a_split_child_is_asked_at_its_parents_creation(
    uninstalled: str, parents: str | None, state: str
) -> None:
    child = story("arrived")
    child.rules = bound_rules(entitled={"plan": "enterprise", "app_installed": True})
    child.installs = ((moment(uninstalled), False),)
    if parents is not None:
        at = moment(parents)
        child.facts.inherited = Creation(
            b"p", at, None, "shop", bound_as=b"p", bound_at=at, heard_at=None
        )
    assert child.state == state


def test_a_child_whose_parent_is_bound_to_nothing_loses_its_points() -> None:
    child = delivered()
    child.facts.settings_no = NOTHING_IN_FORCE
    child.settle()
    assert (child.history, child.decided.reason) == (
        [("granted", 100), ("clawed_back", -100)],
        "no_settings_in_force",
    )
