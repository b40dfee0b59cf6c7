"""The ladder takes the best rung there is, and says why."""

import pytest

from deploy.local import containers, docker, kafka_local, postgres_local, valkey_local
from deploy.local.ladder import Rung, kafka_choice, postgres_choice, valkey_choice
from deploy.local.process import StartError


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docker, "engine_answers", lambda: False)
    monkeypatch.setattr(containers, "missing", lambda: "no container engine answers")


@pytest.fixture
def bare_machine(monkeypatch: pytest.MonkeyPatch, no_engine: None) -> None:  # noqa: ARG001 - a machine without all
    monkeypatch.setattr(kafka_local, "missing", lambda: "Java is missing")
    monkeypatch.setattr(postgres_local, "missing", lambda: "the wheel is missing")
    monkeypatch.setattr(valkey_local, "missing", lambda: "the wheel is missing")


def test_what_the_environment_names_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docker, "engine_answers", lambda: True)
    assert kafka_choice({"POINTS_KAFKA__BOOTSTRAP_SERVERS": "broker:9092"}).rung is Rung.ENVIRONMENT
    assert (
        postgres_choice({"POINTS_DATABASE__URL": "postgresql://db/points"}).rung is Rung.ENVIRONMENT
    )
    assert (
        postgres_choice({"POINTS_DATABASE__OWNER_URL": "postgresql://db/points"}).rung
        is Rung.ENVIRONMENT
    )
    assert valkey_choice({"POINTS_REDIS__URL": "redis://cache"}).rung is Rung.ENVIRONMENT


def test_an_empty_variable_names_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docker, "engine_answers", lambda: True)
    assert kafka_choice({"POINTS_KAFKA__BOOTSTRAP_SERVERS": ""}).rung is Rung.DOCKER


@pytest.mark.usefixtures("no_engine")
def test_without_an_engine_this_machine_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_local, "missing", lambda: None)
    monkeypatch.setattr(postgres_local, "missing", lambda: None)
    monkeypatch.setattr(valkey_local, "missing", lambda: None)
    choices = kafka_choice({}), postgres_choice({}), valkey_choice({})
    assert [choice.rung for choice in choices] == [Rung.LOCAL] * 3


@pytest.mark.usefixtures("bare_machine")
def test_without_java_the_mock_serves_and_the_reason_is_told() -> None:
    choice = kafka_choice({})
    assert choice.rung is Rung.MOCK
    assert "Java is missing" in choice.why


@pytest.mark.usefixtures("bare_machine")
def test_nothing_stands_in_for_the_database() -> None:
    with pytest.raises(StartError, match=r"POINTS_DATABASE__URL is not set.*the wheel is missing"):
        postgres_choice({})


@pytest.mark.usefixtures("bare_machine")
def test_without_valkey_the_engine_does_without_a_read_model() -> None:
    choice = valkey_choice({})
    assert choice.rung is Rung.NONE
    assert "the read model is off" in choice.why


@pytest.mark.usefixtures("no_engine")
def test_tests_take_containers_of_their_own_where_an_engine_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(containers, "missing", lambda: None)
    assert kafka_choice({}, throwaway=True).rung is Rung.CONTAINERS
    assert postgres_choice({}, throwaway=True).rung is Rung.CONTAINERS
    assert valkey_choice({}, throwaway=True).rung is Rung.CONTAINERS
    named = {"POINTS_DATABASE__URL": "postgresql://db/points"}
    assert postgres_choice(named, throwaway=True).rung is Rung.ENVIRONMENT


@pytest.mark.usefixtures("no_engine")
def test_a_stack_that_stays_is_never_made_of_a_tests_containers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(containers, "missing", lambda: None)
    monkeypatch.setattr(kafka_local, "missing", lambda: None)
    assert kafka_choice({}).rung is Rung.LOCAL
