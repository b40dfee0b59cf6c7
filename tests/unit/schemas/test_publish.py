"""What is published says what the models say."""

import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from schemas import publish
from schemas.events import SettingsChanged
from schemas.settings import load_settings

SETTINGS = publish.SCHEMAS.parent / "docs" / "examples" / "settings.yaml"


def test_the_published_files_are_those_of_the_models() -> None:
    assert publish.stale() == [], "run python -m schemas.publish"


def test_publishing_mends_stale_missing_and_left_over_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publish, "PUBLISHED", tmp_path)
    (tmp_path / "asyncapi.yaml").write_text("old", "utf-8")
    (tmp_path / "gone.schema.json").write_text("{}", "utf-8")
    assert publish.main(["--check"]) == 1
    assert publish.main([]) == 0
    assert publish.main(["--check"]) == 0
    written = {path for path in tmp_path.rglob("*") if path.is_file()}
    assert {path.relative_to(tmp_path).as_posix() for path in written} == publish.rendered().keys()


def test_every_message_named_by_a_topic_has_its_schema() -> None:
    document = yaml.safe_load(publish.rendered()["asyncapi.yaml"])
    named = [
        message["payload"]["$ref"].removeprefix("./")
        for channel in document["channels"].values()
        for message in channel["messages"].values()
        if "payload" in message
    ]
    assert (
        {"points-changed.schema.json", "settings-changed.schema.json"}
        <= set(named)
        <= publish.rendered().keys()
    )


def test_every_topic_that_is_read_says_what_is_read_of_it() -> None:
    channels = yaml.safe_load(publish.rendered()["asyncapi.yaml"])["channels"]
    named = {
        name: set(channels[name]["messages"]) for name in channels if name.startswith("commerce_")
    }
    assert "upstream-application" in named["commerce_orders_v1"]
    assert named["commerce_deliveries_v1"] == {"upstream-order-delivery", "carrier-report"}
    assert named["commerce_customers_v1"] == {"upstream-customer"}


def test_a_side_matter_of_another_shape_has_no_place_in_the_schema() -> None:
    order = json.loads(publish.rendered()["upstream-order.schema.json"])["$defs"]
    assert order["OrderResource"]["properties"]["member_point_summary"]["anyOf"] == [
        {"$ref": "#/$defs/PointSummary"},
        {"type": "null"},
    ]
    numbers = order["DeliveryData"]["properties"]["tracking_number"]["anyOf"]
    assert [one["type"] for one in numbers] == ["string", "integer", "null"]


@cache
def texts() -> dict[str, str]:
    return publish.rendered()


def checking(schema: Any) -> Any:
    """What checks documents against a schema."""
    # Some seconds to import, for every process that takes a share of all tests.
    from jsonschema import Draft202012Validator  # noqa: PLC0415

    return Draft202012Validator(schema)


def validator(name: str) -> Any:
    schema = json.loads(texts()[f"{name}.schema.json"])
    made = checking(schema)
    made.check_schema(schema)
    return made


def test_what_is_sent_is_what_its_schema_says() -> None:
    settings = load_settings(SETTINGS.read_bytes(), name=SETTINGS.name)
    moment = datetime(2026, 1, 31, 8, tzinfo=UTC)
    changed = SettingsChanged(
        merchant_id="shop",
        version=1,
        effective_at=moment,
        recorded_at=moment,
        performer=None,
        digest="0" * 64,
        settings=settings,
    )
    validator("settings-changed").validate(json.loads(changed.to_json()))


def test_a_settings_document_of_the_pages_is_what_its_schema_takes() -> None:
    document = yaml.safe_load(SETTINGS.read_text("utf-8"))
    # YAML reads a time as one, which JSON has as text.
    validator("settings-document").validate(json.loads(json.dumps(document, default=str)))


@pytest.mark.parametrize("name", sorted(name for name, _, _ in publish.schemas()))
def test_a_schema_is_one_and_has_nothing_of_openapi(name: str) -> None:
    assert validator(name)
    assert '"discriminator"' not in texts()[f"{name}.schema.json"]


def test_a_type_of_event_that_is_not_known_yet_is_no_reason_to_refuse_it() -> None:
    event_type = json.loads(texts()["points-changed.schema.json"])["properties"]["type"]
    known = checking(event_type)
    assert known.is_valid("granted")
    assert known.is_valid("of_a_later_version")
    assert not known.is_valid(7)


def test_an_expiry_of_an_answer_may_be_never() -> None:
    schema = json.loads(texts()["answers/bulk-assign-dry-run.schema.json"])
    assert {"type": "null"} in schema["properties"]["expires_at"]["anyOf"]
