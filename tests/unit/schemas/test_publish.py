"""What is published says what the models say."""

import json
from pathlib import Path

import pytest
import yaml

from schemas import publish


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
