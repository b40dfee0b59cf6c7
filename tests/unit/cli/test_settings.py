"""The log of settings tells what was before and after, by path."""

from typing import Any

from cli.support import changes as documents


def changes(before: dict[str, Any], after: dict[str, Any]) -> list[dict[str, Any]]:
    """As they are printed."""
    return [change.model_dump() for change in documents.changes(before, after)]


BEFORE: dict[str, Any] = {
    "timezone": "Asia/Taipei",
    "earn": {
        "pending_days": 3,
        "channels": ["ec", "retail"],
        "rules": [
            {"unit_price": 10, "points_per_unit": 1, "membership_tier_id": None},
            {"unit_price": 5, "points_per_unit": 1, "membership_tier_id": "gold"},
        ],
    },
    "delivery_overrides": {"custom": "arrived"},
}


def test_equal_documents_have_no_changes() -> None:
    assert changes(BEFORE, BEFORE) == []


def test_a_change_is_told_with_its_path() -> None:
    after = BEFORE | {"earn": BEFORE["earn"] | {"pending_days": 7, "channels": ["ec"]}}
    assert changes(BEFORE, after) == [
        {"path": "earn.pending_days", "before": 3, "after": 7},
        {"path": "earn.channels", "before": ["ec", "retail"], "after": ["ec"]},
    ]


def test_rules_are_known_by_their_tier_whatever_their_place() -> None:
    general, gold = BEFORE["earn"]["rules"]
    after = BEFORE | {"earn": BEFORE["earn"] | {"rules": [gold | {"points_per_unit": 2}, general]}}
    assert changes(BEFORE, after) == [
        {"path": "earn.rules[gold].points_per_unit", "before": 1, "after": 2}
    ]


def test_what_was_removed_and_added_has_null_on_the_other_side() -> None:
    after = BEFORE | {"delivery_overrides": {"sf": "collected"}}
    assert changes(BEFORE, after) == [
        {"path": "delivery_overrides.sf", "before": None, "after": "collected"},
        {"path": "delivery_overrides.custom", "before": "arrived", "after": None},
    ]


def test_an_empty_section_that_is_filled_is_not_told_as_removed() -> None:
    empty = BEFORE | {"delivery_overrides": {}, "earn": BEFORE["earn"] | {"rules": []}}
    filled, emptied = changes(empty, BEFORE), changes(BEFORE, empty)
    assert {"path": "delivery_overrides.custom", "before": None, "after": "arrived"} in filled
    assert {"path": "delivery_overrides.custom", "before": "arrived", "after": None} in emptied
    for change in [*filled, *emptied]:
        assert change["path"] not in {"delivery_overrides", "earn.rules"}


def test_the_first_version_changes_everything_from_nothing() -> None:
    answer = changes({}, BEFORE)
    assert {"path": "timezone", "before": None, "after": "Asia/Taipei"} in answer
    assert all(change["before"] is None for change in answer)
