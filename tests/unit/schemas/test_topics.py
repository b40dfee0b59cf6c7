"""The table of topics agrees with the configuration, the workers, and the AsyncAPI document."""

from datetime import timedelta
from typing import Any

import pytest

from processors.pipeline.pipeline import topics_read
from processors.registry import WORKERS
from processors.relay.records import cloud_event_headers, topics_of_kinds, topics_of_notices
from processors.runtime.configuration import (
    Configuration,
    DatabaseConfiguration,
    KafkaConfiguration,
    TopicsConfiguration,
)
from schemas.publish import asyncapi
from schemas.publish.messages import SENT, TAKEN
from schemas.topics import DEFAULT_PARTITIONS, TOPICS
from store.streams import quarantine

CONFIGURATION = Configuration(
    kafka=KafkaConfiguration(bootstrap_servers="127.0.0.1:1"),
    database=DatabaseConfiguration.model_validate({"url": "postgresql:///x"}),
)
DOCUMENT: dict[str, Any] = asyncapi.document()


def settings_of(names: list[str]) -> set[str]:
    return {setting for setting, topic in TOPICS.items() if topic.name in names}


def written_by(kind: str) -> set[str]:
    return {setting for setting, topic in TOPICS.items() if kind in topic.written_by}


def test_every_topic_can_be_renamed_and_has_its_default_name() -> None:
    assert TopicsConfiguration().model_dump() == {s: t.name for s, t in TOPICS.items()}
    assert len({topic.name for topic in TOPICS.values()}) == len(TOPICS)


def test_a_topic_says_which_kinds_of_workers_use_it() -> None:
    kinds = {kind for topic in TOPICS.values() for kind in (*topic.read_by, *topic.written_by)}
    assert kinds <= WORKERS.keys()
    assert all(WORKERS[kind].needs_kafka for kind in kinds)


def test_what_the_table_says_is_read_is_what_the_workers_subscribe_to() -> None:
    for pipeline, names in topics_read(CONFIGURATION.topics).items():
        assert settings_of(names) == {
            setting for setting, topic in TOPICS.items() if pipeline in topic.read_by
        }


def test_what_the_table_says_is_written_is_what_the_relay_sends() -> None:
    """A redriven record goes to the topic that it came from, so that those are written too."""
    sent = settings_of(list(topics_of_kinds(CONFIGURATION.topics).values()))
    redriven = {
        setting
        for setting in TOPICS
        if (letters := TOPICS.get(f"dlq_{setting}")) and "relay" in letters.written_by
    }
    assert sent | redriven == written_by("relay")


def test_what_the_notices_lane_writes_is_what_its_own_outbox_sends() -> None:
    sent = settings_of(list(topics_of_notices(CONFIGURATION.topics).values()))
    assert sent == written_by("notices-send")


def test_messages_go_the_way_that_their_topic_goes() -> None:
    for topic in TOPICS.values():
        taken = {"intake", "commands"} & set(topic.read_by) or not topic.written_by
        assert set(topic.messages) <= (TAKEN if taken else SENT).keys(), topic.name


def test_dead_letters_are_kept_as_long_as_the_quarantine_keeps_their_bytes() -> None:
    kept = timedelta(microseconds=quarantine.KEPT)
    letters = [topic for setting, topic in TOPICS.items() if setting.startswith("dlq_")]
    assert {topic.retention for topic in letters} == {kept}
    sources = [TOPICS[t.setting.removeprefix("dlq_")] for t in letters]
    assert all(source.retention is None or source.retention > kept for source in sources)


def test_the_headers_of_events_are_those_that_the_relay_writes() -> None:
    event = {
        "event_id": "e",
        "type": "clawed_back",
        "merchant_id": "m",
        "member_id": "x",
        "occurred_at": "2020-01-01T00:00:00Z",
    }
    written = {name for name, _ in cloud_event_headers(event)}
    headers = TOPICS["points_changed"].headers
    assert {header.name for header in headers if header.required} == written
    assert {header.name for header in headers if not header.required} == {"traceparent"}


def test_the_document_has_a_channel_a_topic_with_its_binding_and_every_key() -> None:
    for topic in TOPICS.values():
        channel = DOCUMENT["channels"][topic.name.replace(".", "_")]
        binding = channel["bindings"]["kafka"]
        assert binding["partitions"] == DEFAULT_PARTITIONS
        assert binding["topicConfiguration"]["retention.ms"] == topic.retention_ms
        assert binding["topicConfiguration"]["cleanup.policy"] == [topic.cleanup_policy]
        for message in channel["messages"].values():
            assert message["bindings"]["kafka"]["key"]["description"] == topic.key
            assert message.get("headers", {}).get("properties", {}).keys() == {
                header.name for header in topic.headers
            }


@pytest.mark.parametrize("kind", WORKERS)
def test_the_document_has_an_operation_for_whatever_a_kind_reads_or_writes(kind: str) -> None:
    operations = {
        (operation["action"], operation["channel"]["$ref"])
        for name, operation in DOCUMENT["operations"].items()
        if name.startswith(f"{kind}_")
    }
    channel = {s: f"#/channels/{t.name.replace('.', '_')}" for s, t in TOPICS.items()}
    assert operations == {
        *(("receive", channel[s]) for s, topic in TOPICS.items() if kind in topic.read_by),
        *(("send", channel[s]) for s, topic in TOPICS.items() if kind in topic.written_by),
    }


def test_a_command_is_answered_on_the_results_topic() -> None:
    reply = DOCUMENT["operations"]["commands_receives_commands"]["reply"]
    assert reply["channel"] == {"$ref": "#/channels/points_command-results_v1"}
