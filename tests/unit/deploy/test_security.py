"""The published ACLs are what the code needs: no more, no less."""

from typing import Any

import pytest
import yaml

from cli.commands.topics.acls import wanted_acls
from cli.support.errors import Failure
from deploy.security.__main__ import ACLS, acls
from processors.pipeline.pipeline import topics_read
from processors.registry import WORKERS
from processors.relay.records import topics_of_kinds
from processors.runtime.configuration import Configuration
from processors.runtime.kafka.rights import principals, rights_of
from schemas.topics import TOPICS

CONFIGURATION = Configuration.model_validate(
    {
        "kafka": {"bootstrap_servers": "any", "group_id": "shop"},
        "database": {"url": "postgresql:///any"},
        "topics": {"orders": "shop.orders"},
    }
)


def named(who: str) -> set[str]:
    return {str(right) for right in rights_of(who, CONFIGURATION)}


def test_the_file_is_what_the_command_prints() -> None:
    assert ACLS.read_text("utf-8") == acls(), "stale: run `make generate`"
    document = yaml.safe_load(acls())
    assert [entry["kind"] for entry in document] == principals()


def test_every_kind_that_uses_kafka_has_a_principal_and_no_other_has() -> None:
    kinds = {name for name, kind in WORKERS.items() if kind.needs_kafka}
    assert {*principals()} == {*kinds, "operator"}
    for name, kind in WORKERS.items():
        assert bool(rights_of(name, CONFIGURATION)) is kind.needs_kafka


def test_intake_reads_what_its_worker_subscribes_to() -> None:
    topics = topics_read(CONFIGURATION.topics)["intake"]
    assert named("intake") == {
        "READ on group shop.intake",
        *(f"READ on topic {topic}" for topic in topics),
    }
    assert "shop.orders" in topics


def test_the_relay_writes_where_outbox_rows_and_redriven_records_go() -> None:
    redriven = {topic.setting for topic in TOPICS.values() if "intake" in topic.read_by}
    topics = {
        *topics_of_kinds(CONFIGURATION.topics).values(),
        *(getattr(CONFIGURATION.topics, setting) for setting in redriven),
    }
    assert named("relay") == {f"WRITE on topic {topic}" for topic in topics}


def test_no_kind_both_reads_and_writes_a_topic() -> None:
    for kind in WORKERS:
        rights = rights_of(kind, CONFIGURATION)
        read = {right.name for right in rights if right.operation == "read"}
        assert not read & {right.name for right in rights if right.operation == "write"}


def test_kinds_may_share_a_principal() -> None:
    rows = wanted_acls(CONFIGURATION, "User:points")
    assert {row.principal for row in rows} == {"User:points"}
    keys: list[Any] = [(row.resource, row.name, row.operation) for row in rows]
    assert len(keys) == len(set(keys))


def test_a_principal_has_its_kind_in_front() -> None:
    with pytest.raises(Failure, match="is no principal"):
        wanted_acls(CONFIGURATION, "points-{kind}")
