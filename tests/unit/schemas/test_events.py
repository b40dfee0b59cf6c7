"""The events that others build on (the points-changed and settings topics)."""

import json
from copy import deepcopy
from typing import Any

import pytest
from pydantic import ValidationError

from schemas.events import CAUSE_KIND_WORDS, ENTRY_TYPE_WORDS, PointsChanged, SettingsChanged
from schemas.settings import digest, load_settings

GRANTED: dict[str, Any] = {
    "event_id": "2f1c6a52-5c0f-5b7e-9d3a-0d6a3f6a7c11",
    "type": "granted",
    "merchant_id": "5f0000000000000000000001",
    "member_id": "5f0000000000000000000002",
    "sequence": 7,
    "points": 100,
    "balance": {"available": 340, "held": 0, "debt": 0},
    "lots": [
        {
            "lot_id": "5f0000000000000000000003:1",
            "points": 100,
            "expires_at": "2020-12-31T16:00:00Z",
        }
    ],
    "order_id": "5f0000000000000000000003",
    "cause": {"kind": "order", "id": "5f0000000000000000000003"},
    "settings_version": 3,
    "reason": None,
    "performer": None,
    "occurred_at": "2019-12-03T16:00:00Z",
    "recorded_at": "2019-12-03T16:00:00.250Z",
}
SETTINGS = b"""{"timezone":"Asia/Taipei","currency":"HKD","enabled":true,
"entitlement":{"plan":"o2o"},
"earn":{"rules":[{"unit_price":0.1,"points_per_unit":1}],"pending_days":0,
"expiry":{"kind":"never"}}}"""


def with_(**changes: object) -> dict[str, Any]:
    return deepcopy(GRANTED) | changes


def test_an_event_survives_the_way_out_and_back_in_the_same_words() -> None:
    event = PointsChanged.model_validate_json(json.dumps(GRANTED))
    assert json.loads(event.to_json()) == GRANTED


@pytest.mark.parametrize("kind", CAUSE_KIND_WORDS.values())
@pytest.mark.parametrize("kind_of_change", ENTRY_TYPE_WORDS.values())
def test_every_type_and_cause_has_its_place(kind_of_change: str, kind: str) -> None:
    changes: dict[str, Any] = {"type": kind_of_change, "cause": {"kind": kind, "id": "x"}}
    if kind_of_change in {"held", "released"}:
        changes |= {"points": 0, "held_points": 10}
    if kind_of_change == "redeemed":
        changes |= {"points": -10, "held_points": -10}
    event = PointsChanged.model_validate_json(json.dumps(with_(**changes)))
    assert json.loads(event.to_json()) == with_(**changes)


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"type": "gifted"}, "type"),
        ({"sequence": 0}, "sequence"),
        ({"event_id": "7"}, "event_id"),
        ({"cause": {"kind": "weather", "id": "x"}}, "cause.kind"),
        ({"balance": {"available": -1, "held": 0, "debt": 0}}, "balance.available"),
        ({"balance": {"available": 1, "held": 0, "debt": 1}}, "balance"),
        ({"occurred_at": "2019-12-03T16:00:00"}, "occurred_at"),
        ({"type": "held", "points": 0}, ""),
        ({"type": "held", "points": 5, "held_points": 5}, ""),
        ({"held_points": 5}, ""),
    ],
)
def test_an_event_that_contradicts_itself_is_refused(
    changes: dict[str, object], where: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        PointsChanged.model_validate_json(json.dumps(with_(**changes)))
    assert [".".join(map(str, error["loc"])) for error in refused.value.errors()] == [where]


def test_a_consumer_of_today_reads_an_event_with_a_field_of_tomorrow() -> None:
    assert PointsChanged.model_validate_json(json.dumps(with_(season="winter"))).points == 100


def test_a_settings_version_keeps_its_decimals_on_the_way() -> None:
    document = load_settings(SETTINGS, name="settings.json")
    message = SettingsChanged.model_validate(
        {
            "merchant_id": "5f0000000000000000000001",
            "version": 1,
            "effective_at": "2024-01-01T00:00:00Z",
            "recorded_at": "2024-01-01T00:00:00Z",
            "performer": None,
            "digest": digest(document),
            "settings": document,
        }
    )
    value = json.loads(message.to_json())
    assert value["settings"]["earn"]["rules"] == [
        {"unit_price": 0.1, "points_per_unit": 1, "membership_tier_id": None},
    ]
    assert "effective_at" not in value["settings"]
    assert SettingsChanged.model_validate_json(message.to_json()) == message
