"""`topics plan` and `apply`: what is missing is made, what differs is mended, on a real Kafka."""

import json
from typing import Any

import pytest
from confluent_kafka.admin import (
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
)

from schemas.topics import TOPICS
from tests.support.commands import points
from tests.support.engine import Engine

Rows = dict[str, dict[str, Any]]
DAY_MS = 86_400_000


def asked(engine: Engine, *arguments: str, **variables: str) -> Rows:
    """The rows of a command on topics, by the topics' settings; topics of this test's own."""
    ran = points(environment(engine, **variables), "topics", *arguments, "--json")
    assert ran.code == 0, ran.err
    names = {f"{topic}-own": setting for setting, topic in engine.topics.items()}
    return {names[row["topic"]]: row for row in ran.json}


def environment(engine: Engine, **variables: str) -> dict[str, str]:
    named = {f"POINTS_TOPICS__{n.upper()}": f"{t}-own" for n, t in engine.topics.items()}
    return {**engine.environment, **named, "POINTS_KAFKA__PARTITIONS": "2", **variables}


def settings_of(engine: Engine, setting: str) -> dict[str, str]:
    """What the broker says of a topic."""
    resource = ConfigResource(ConfigResource.Type.TOPIC, f"{engine.topics[setting]}-own")
    described = engine.admin.describe_configs([resource])[resource].result(20)
    return {name: entry.value for name, entry in described.items()}


def partitions_of(engine: Engine, setting: str) -> int:
    name = f"{engine.topics[setting]}-own"
    return len(engine.admin.list_topics(timeout=10).topics[name].partitions)


def set_on(engine: Engine, setting: str, **settings: str) -> None:
    """Changes a topic as an operator would."""
    resource = ConfigResource(
        ConfigResource.Type.TOPIC,
        f"{engine.topics[setting]}-own",
        incremental_configs=[
            ConfigEntry(name.replace("_", "."), value, incremental_operation=AlterConfigOpType.SET)
            for name, value in settings.items()
        ],
    )
    for future in engine.admin.incremental_alter_configs([resource]).values():
        future.result(20)


@pytest.fixture
def applied(engine: Engine) -> Engine:
    """Every topic there, with two partitions each."""
    first = asked(engine, "apply")
    assert {(row["created"], row["partitions"]) for row in first.values()} == {(True, 2)}
    return engine


def test_missing_topics_are_planned_made_and_then_as_they_are_wanted(engine: Engine) -> None:
    planned = asked(engine, "plan")
    assert planned.keys() == TOPICS.keys()
    assert {row["exists"] for row in planned.values()} == {False}
    (line,) = planned["dlq_orders"]["changes"]
    assert line.startswith("created with partitions: 2, replicas: 1, cleanup.policy: delete")
    assert line.endswith(f"retention.ms: {14 * DAY_MS}, max.message.bytes: {8 << 20}")
    made = asked(engine, "apply")
    assert {(row["created"], row["partitions"]) for row in made.values()} == {(True, 2)}
    for rows in (asked(engine, "plan"), asked(engine, "apply")):
        assert [row for row in rows.values() if row["changes"] or row["differs"]] == []
    dead, story = settings_of(engine, "dlq_orders"), settings_of(engine, "settings")
    assert dead["retention.ms"] == str(14 * DAY_MS)
    assert dead["max.message.bytes"] == str(8 << 20)
    assert story["cleanup.policy"] == "compact"


def test_settings_that_differ_are_shown_then_mended_and_others_stay(applied: Engine) -> None:
    set_on(applied, "dlq_orders", retention_ms=str(DAY_MS), segment_ms="3600000")
    set_on(applied, "settings", cleanup_policy="delete")
    planned = asked(applied, "plan")
    assert planned["dlq_orders"]["changes"] == [f"retention.ms: {DAY_MS} becomes {14 * DAY_MS}"]
    assert planned["settings"]["changes"] == ["cleanup.policy: delete becomes compact"]
    assert settings_of(applied, "settings")["cleanup.policy"] == "delete", "a plan changes nothing"
    done = asked(applied, "apply")
    assert done["dlq_orders"]["changes"] == planned["dlq_orders"]["changes"]
    assert not done["dlq_orders"]["created"]
    applied_settings = settings_of(applied, "dlq_orders")
    assert applied_settings["retention.ms"] == str(14 * DAY_MS)
    assert applied_settings["segment.ms"] == "3600000", "no setting of ours"
    assert settings_of(applied, "settings")["cleanup.policy"] == "compact"


def test_partitions_are_added_and_what_that_does_to_members_order_is_told(applied: Engine) -> None:
    planned = asked(applied, "plan", POINTS_KAFKA__PARTITIONS="3")
    assert planned["points_changed"]["changes"] == ["partitions: 2 become 3"]
    (warning,) = planned["points_changed"]["warnings"]
    assert "a member's events from now on may be read before earlier ones" in warning
    assert planned["dlq_orders"]["warnings"] == [], "dead letters are in no order"
    done = asked(applied, "apply", POINTS_KAFKA__PARTITIONS="3")
    assert done["points_changed"]["partitions"] == partitions_of(applied, "points_changed") == 3
    assert done["points_changed"]["warnings"] == [warning]


def test_topics_that_others_write_get_partitions_only_when_asked(applied: Engine) -> None:
    more = {"POINTS_KAFKA__PARTITIONS": "3"}
    (line,) = asked(applied, "apply", **more)["orders"]["differs"]
    assert line == (
        "partitions: 2, the configuration says 3; others write this topic: "
        "apply --sources adds them"
    )
    assert partitions_of(applied, "orders") == 2
    done = asked(applied, "apply", "--sources", **more)["orders"]
    assert done["partitions"] == partitions_of(applied, "orders") == 3
    assert "other readers of this topic may not" in done["warnings"][0]


def test_partitions_are_never_taken_away(applied: Engine) -> None:
    name = f"{applied.topics['points_changed']}-own"
    applied.admin.create_partitions([NewPartitions(name, 5)])[name].result(20)
    row = asked(applied, "apply")["points_changed"]
    assert row["changes"] == []
    assert row["differs"] == [
        "partitions: 5, the configuration says 2; partitions are never taken away"
    ]
    assert partitions_of(applied, "points_changed") == 5


def test_a_compacted_source_is_told_and_left(applied: Engine) -> None:
    set_on(applied, "orders", cleanup_policy="compact")
    row = asked(applied, "apply")["orders"]
    assert row["differs"] == ["cleanup.policy: compact; records that are not read yet may vanish"]
    assert settings_of(applied, "orders")["cleanup.policy"] == "compact"


def test_people_read_what_will_be_and_what_was_done(applied: Engine) -> None:
    set_on(applied, "settings", cleanup_policy="delete")
    planned = points(environment(applied), "topics", "plan")
    assert "change  " in planned.out
    assert "cleanup.policy: delete becomes compact" in planned.out
    done = points(environment(applied), "topics", "apply")
    assert "changed  " in done.out
    assert "as is" in points(environment(applied), "topics", "plan").out


def test_replication_beyond_the_brokers_is_told(engine: Engine) -> None:
    ran = points(environment(engine, POINTS_KAFKA__REPLICATION_FACTOR="9"), "topics", "apply")
    assert ran.code == 4
    assert "set POINTS_KAFKA__REPLICATION_FACTOR to that or less" in ran.err


def test_a_plan_in_a_pipe_has_its_lines_whole(engine: Engine) -> None:
    """For `grep`, however long they are."""
    ran = points(environment(engine), "topics", "plan")
    (line, *_) = [line for line in ran.out.splitlines() if "max.message.bytes" in line]
    assert line.lstrip().startswith("created with partitions: 2")
    assert line.endswith(f"max.message.bytes: {8 << 20}")


def test_the_doctor_names_a_topic_that_differs_and_the_way_to_mend_it(applied: Engine) -> None:
    set_on(applied, "settings", cleanup_policy="delete")
    # The other things that a doctor looks at are not there yet, so its exit code is not 0.
    findings = json.loads(points(environment(applied), "doctor", "--json").out)
    (found,) = [f for f in findings if "becomes compact" in f["what"]]
    assert found["verdict"] == "warning"
    assert "points topics apply" in found["remedy"]
