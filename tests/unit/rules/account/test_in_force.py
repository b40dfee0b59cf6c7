"""The account goes by the settings in force now, whatever its orders are bound to."""

import json
from typing import Any

from rules.account.in_force import NOTHING, InForce, in_force
from rules.earning.binding import VersionInForce
from schemas.settings import BoundRules, compile_settings, load_settings
from tests.support.account.quoting import SETTINGS

SHOP = 7


def compiled(effective_at: int, **sections: Any) -> BoundRules:
    data = json.dumps(SETTINGS | sections).encode()
    return compile_settings(load_settings(data, name="settings"), effective_at)


def at(
    now: int,
    *rules: BoundRules,
    installs: tuple[tuple[int, bool], ...] = (),
    applied: tuple[int, ...] = (0, 0),
) -> InForce:
    versions = [
        VersionInForce(each.effective_at, number, applied[number - 1])
        for number, each in enumerate(rules, 1)
    ]
    known = {(SHOP, number): each for number, each in enumerate(rules, 1)}
    return in_force(SHOP, now, versions=versions, rules=known, installs=installs)


def test_a_version_with_an_earlier_date_counts_from_when_it_was_applied() -> None:
    """What is decided before cannot know it: nor does who decides it again, in a replay."""
    first, second = compiled(100), compiled(200, currency="HKD")
    applied = (110, 300)
    assert at(109, first, second, applied=applied) == NOTHING
    assert at(110, first, second, applied=applied).version == 1
    assert at(299, first, second, applied=applied).version == 1
    assert at(300, first, second, applied=applied).version == 2


def test_the_newest_version_that_has_taken_effect_counts() -> None:
    first, second = compiled(100), compiled(200, currency="HKD")
    assert at(99, first, second) == NOTHING
    assert at(100, first, second) == InForce(1, first, feature=True)
    assert at(199, first, second).version == 1
    assert at(200, first, second) == InForce(2, second, feature=True)


def test_a_merchant_without_settings_has_nothing_in_force() -> None:
    assert at(100) == NOTHING


def test_a_version_of_which_no_rules_are_known_is_not_in_force() -> None:
    versions, rules = [VersionInForce(0, 1, 0)], {(SHOP, 1): None}
    assert in_force(SHOP, 100, versions=versions, rules=rules, installs=()) == NOTHING


def test_the_feature_is_off_while_the_shop_has_it_off_or_no_plan_for_it() -> None:
    assert not at(100, compiled(0, enabled=False)).feature
    assert not at(100, compiled(0, entitlement={"plan": "basic"})).feature
    module = {"plan": "basic", "modules": ["crm_credits"]}
    assert at(100, compiled(0, entitlement=module)).feature


def test_the_app_counts_as_installed_by_whatever_was_said_last() -> None:
    rules = compiled(100)
    events = ((50, False), (150, False), (250, True), (400, False))
    assert at(140, rules, installs=events).feature
    assert not at(150, rules, installs=events).feature
    assert at(399, rules, installs=events).feature
    assert not at(400, rules, installs=events).feature
