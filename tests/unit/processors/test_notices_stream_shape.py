"""The one safe shape of Faust: what its source may not say, and how the application is set."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mode.supervisors import CrashingSupervisor

from processors.notices import stream
from processors.notices.stream.app import make_app
from processors.notices.stream.login import LoginRefused, credentials_of
from processors.notices.stream.places import AssignedPlaces
from processors.runtime.configuration import KafkaConfiguration

SOURCES = sorted(Path(next(iter(stream.__path__))).glob("*.py"))
METHODS = {
    "take",
    "take_with_timestamp",
    "through",
    "group_by",
    "events",
    "Table",
    "tables",
}
"""Ways to read, or to keep state, that acknowledge what was not done, or hide where it is kept."""


def unsafe(source: str) -> Iterator[str]:
    """What a source has of the ways to read a stream that lose records."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and node.attr in METHODS:
            yield f"{node.lineno}: .{node.attr}"
        if isinstance(node, ast.AsyncFor):
            call = node.iter
            name = (
                call.func.id
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Name)
                else None
            )
            if name != "batches_of":
                yield f"{node.lineno}: async for over something else than batches_of"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_no_source_reads_a_stream_in_another_way(path: Path) -> None:
    assert list(unsafe(path.read_text("utf-8"))) == []


@pytest.mark.parametrize(
    "line",
    [
        "async for event in stream: pass",
        "async for event in stream.events(): pass",
        "async for values in stream.take(10, within=1): pass",
        "stream.through('topic')",
        "stream.group_by(key)",
        "app.Table('t')",
    ],
)
def test_the_check_sees_what_it_forbids(line: str) -> None:
    assert list(unsafe(f"async def agent(stream):\n    {line}")) != []


async def _nowhere(_: object) -> dict[object, int]:
    return {}


def application(**kafka: object) -> Any:
    configuration = KafkaConfiguration.model_validate({"bootstrap_servers": "127.0.0.1:1", **kafka})
    places = AssignedPlaces("cluster", {})
    return make_app(configuration, "points.notices", places, _nowhere, 1000).conf  # type: ignore[arg-type]


def test_the_application_keeps_no_state_and_serves_nothing() -> None:
    conf = application()
    assert conf.agent_supervisor is CrashingSupervisor
    assert conf.id == "points.notices"
    assert str(conf.store) == "memory:"
    assert (conf.web_enabled, conf.topic_allow_declare, conf.stream_wait_empty) == (False,) * 3
    assert conf.topic_disable_leader is True
    assert conf.processing_guarantee.value == "at_least_once"
    assert conf.consumer_auto_offset_reset == "none"
    assert [str(url) for url in conf.broker_consumer] == ["kafka://127.0.0.1:1"]


def test_a_login_by_password_is_that_of_the_configuration() -> None:
    kafka = KafkaConfiguration.model_validate(
        {
            "bootstrap_servers": "b:1",
            "security_protocol": "SASL_SSL",
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_username": "points",
            "sasl_password": "opens-nothing",
        }
    )
    login = credentials_of(kafka)
    assert login is not None
    assert login.protocol.value == "SASL_SSL"
    assert (login.mechanism.value, login.username) == ("SCRAM-SHA-512", "points")  # type: ignore[attr-defined]
    assert "opens-nothing" not in repr(login)


def test_tokens_and_certificates_that_are_not_there_are_refused_with_a_sentence() -> None:
    base = {"bootstrap_servers": "b:1", "security_protocol": "SASL_SSL"}
    oauth = KafkaConfiguration.model_validate({**base, "sasl_mechanism": "OAUTHBEARER"})
    with pytest.raises(LoginRefused, match="fetches no tokens"):
        credentials_of(oauth)
    lost = {"bootstrap_servers": "b:1", "security_protocol": "SSL", "ssl_ca_location": "/nowhere"}
    with pytest.raises(LoginRefused, match="POINTS_KAFKA__SSL_CA_LOCATION"):
        credentials_of(KafkaConfiguration.model_validate(lost))
