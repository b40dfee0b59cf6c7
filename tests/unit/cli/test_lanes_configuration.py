"""What is wrong with the variables of the notices lane stops its workers, and nobody else."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from processors.registry import ENGINE, WORKERS
from tests.support.commands import Ran, points

KAFKA = {"POINTS_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1"}
DATABASE = {"POINTS_DATABASE__URL": "postgresql://me:hushhush@127.0.0.1:1/points"}
TOLD = "of the notices lane, whose workers would not start"


@pytest.fixture(autouse=True)
def trees(monkeypatch: pytest.MonkeyPatch) -> list[set[str]]:
    """No worker starts: the kinds of each tree that would have."""
    for name in ("run_worker", "run_process"):
        monkeypatch.setattr(f"processors.runtime.loop.{name}", lambda *_: 0)
    asked: list[set[str]] = []

    def tree(kinds: Sequence[str], *_: object, **__: object) -> int:
        asked.append(set(kinds))
        return 0

    monkeypatch.setattr("cli.commands.run._tree", tree)
    return asked


OF_LANE = (
    ({"POINTS_NOTICES__UNSUBSCRIBE_URL": "https://s.example/out"}, "POINTS_NOTICES__TOKEN_KEYS"),
    ({"POINTS_NOTICES__REDIS_URL": "hushhush"}, "POINTS_NOTICES__REDIS_URL"),
    ({"POINTS_NOTICES__DATABASE_URL": "hushhush"}, "POINTS_NOTICES__DATABASE_URL"),
    ({"POINTS_NOTICES__DIRECTORY": "http"}, "POINTS_NOTICES__DIRECTORY_URL"),
    ({"POINTS_TWILIO__CALLBACK_URL": "s.example/t"}, "POINTS_TWILIO__CALLBACK_URL"),
    ({"POINTS_TWILIO__ACCOUNT_SID": "AC1"}, "POINTS_TWILIO__AUTH_TOKEN"),
    ({"POINTS_MITAKE__USERNAME": "shop"}, "POINTS_MITAKE__PASSWORD"),
    (
        {"POINTS_SMTP__HOST": "m.example", "POINTS_SMTP__USERNAME": "shop"},
        "POINTS_SMTP__PASSWORD",
    ),
    ({"POINTS_WEBHOOK__SECRET": "hushhush"}, "POINTS_WEBHOOK__SECRET"),
)


@pytest.mark.parametrize(("wrong", "variable"), OF_LANE)
def test_what_only_the_notices_lane_uses_stops_nobody_else(
    wrong: dict[str, str], variable: str
) -> None:
    environment = {**KAFKA, **DATABASE, **wrong, "POINTS_NOTICES__ENABLED": "true"}
    for taken in (("run", "intake"), ("run", "grants", "relay"), ("run", "all")):
        assert points(environment, *taken).code == 0, taken
    for refused in (("run", "notices"), ("run", "notices-send", "notices")):
        ran = points(environment, *refused)
        assert ran.code == 2, refused
        assert f"{variable}: " in ran.err
        assert "hush" not in ran.err


@pytest.mark.parametrize(("wrong", "variable"), OF_LANE)
def test_what_would_stop_the_notices_lane_is_shown_with_the_configuration(
    wrong: dict[str, str], variable: str
) -> None:
    environment = {**KAFKA, **DATABASE, **wrong}
    shown, doctor = points(environment, "config", "show"), points(environment, "doctor")
    assert shown.code == 0
    assert f"of the notices lane, whose workers would not start: {variable}: " in shown.err
    assert f"! configuration of the notices lane: {variable}: " in doctor.out
    assert "hush" not in shown.err + shown.out + doctor.out


LIST = ("notices", "optout", "list", "shop", "ann")


@pytest.mark.parametrize("command", [LIST, ("status",)])
def test_a_url_of_the_lanes_database_is_refused_without_being_shown(
    command: tuple[str, ...],
) -> None:
    wrong = {"POINTS_NOTICES__DATABASE_URL": "postgresql://me:first@hushhush@host/points"}
    ran = points({**KAFKA, **DATABASE, **wrong}, *command)
    assert ran.code == (7 if command == ("status",) else 2)
    assert ("POINTS_NOTICES__DATABASE_URL: " in ran.err) is (command == LIST)
    assert "hush" not in ran.err + ran.out


UNREADABLE = (
    ({"POINTS_SMTP__PORT": "hushhush"}, "POINTS_SMTP__PORT"),
    ({"POINTS_SMTP__PROT": "hushhush"}, "POINTS_SMTP__PROT"),
    ({"POINTS_SMTP": "{hushhush"}, "POINTS_SMTP"),
    ({"POINTS_SMTP": '{"port": "hushhush"}', "POINTS_SMTP__HOST": "m"}, "POINTS_SMTP__PORT"),
    ({"POINTS_SMTP": '{"host": "m"}', "POINTS_SMTP__PORT": "hushhush"}, "POINTS_SMTP__PORT"),
    ({"POINTS_SMTP__PASSWORD_FILE": "/nowhere/hushhush"}, "POINTS_SMTP__PASSWORD"),
    (
        {"POINTS_SMTP__PASSWORD_FILE": "/nowhere/x", "POINTS_SMTP__PASSWORD": "hushhush"},
        "POINTS_SMTP__PASSWORD",
    ),
    ({"POINTS_TWILIO__RATE": "0"}, "POINTS_TWILIO__RATE"),
    ({"POINTS_MITAKE__TIMEOUT_SECONDS": "hushhush"}, "POINTS_MITAKE__TIMEOUT_SECONDS"),
    ({"POINTS_WEBHOOK__PRIVATE_ADDRESSES": "hushhush"}, "POINTS_WEBHOOK__PRIVATE_ADDRESSES"),
    ({"POINTS_NOTICES__TOKEN_KEYS": "a:hushhush"}, "POINTS_NOTICES__TOKEN_KEYS"),
    ({"POINTS_NOTICES__DIRECTORY": "hushhush"}, "POINTS_NOTICES__DIRECTORY"),
)
ON = {"POINTS_NOTICES__ENABLED": "true"}


@pytest.mark.parametrize(("wrong", "variable"), UNREADABLE)
def test_what_cannot_be_read_of_the_lane_stops_its_workers_alone(
    wrong: dict[str, str], variable: str, trees: list[set[str]]
) -> None:
    environment = {**KAFKA, **DATABASE, **wrong}
    sentence = refused_of(points(environment, "run", "notices"), variable)
    assert refused_of(points(environment, "run", "notices-send", "notices"), variable) == sentence
    for taken in (("run", "intake"), ("run", "grants", "relay"), ("run", "all")):
        ran = points(environment, *taken)
        assert ran.code == 0, taken
        assert ran.err.count(f"{TOLD}: {sentence}\n") == 1, taken
        assert "hush" not in ran.err + ran.out
    assert trees == [{"grants", "relay"}, set(ENGINE)]


@pytest.mark.parametrize(("wrong", "variable"), UNREADABLE)
def test_a_lane_that_is_wanted_is_started_whatever_else_is_wrong_with_it(
    wrong: dict[str, str], variable: str, trees: list[set[str]]
) -> None:
    ran = points({**KAFKA, **DATABASE, **ON, **wrong}, "run", "all")
    assert ran.code == 0
    assert trees == [set(WORKERS)]
    assert variable not in ran.err  # its workers say it, each time that they are tried again


@pytest.mark.parametrize(
    ("wrong", "variable"),
    [
        ({"POINTS_NOTICES__ENABLED": "hushhush"}, "POINTS_NOTICES__ENABLED"),
        ({"POINTS_NOTICES": '{"enabled": 1}'}, "POINTS_NOTICES__ENABLED"),
        ({"POINTS_NOTICES": "{hushhush"}, "POINTS_NOTICES"),
        ({"POINTS_NOTICES": "[]", **ON}, "POINTS_NOTICES"),
    ],
)
def test_where_nobody_can_read_whether_the_lane_is_wanted_the_engine_runs_and_says_so(
    wrong: dict[str, str], variable: str, trees: list[set[str]]
) -> None:
    ran = points({**KAFKA, **DATABASE, **wrong}, "run", "all")
    assert ran.code == 0
    assert trees == [set(ENGINE)]
    assert ran.err.count(f"{TOLD}: {variable}: ") == 1
    assert "hush" not in ran.err
    refused_of(points({**KAFKA, **DATABASE, **wrong}, "run", "notices"), variable)


def test_all_that_cannot_be_read_is_told_at_once() -> None:
    wrong = {
        "POINTS_SMTP": "{",
        "POINTS_TWILIO": "[]",
        "POINTS_NOTICES__BATCH": "x",
        "POINTS_MITAKE__RATE": "x",
    }
    told = ("POINTS_SMTP: ", "POINTS_TWILIO: ", "POINTS_NOTICES__BATCH: ", "POINTS_MITAKE__RATE: ")
    for worker, code in (("notices", 2), ("grants", 0)):
        ran = points({**KAFKA, **DATABASE, **wrong}, "run", worker)
        assert ran.code == code
        for each in told:
            assert ran.err.count(each) == 1, worker


def test_a_child_of_the_tree_does_not_repeat_what_its_parent_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("processors.runtime.stopping.Stop", lambda: None)
    environment = {**KAFKA, **DATABASE, "POINTS_SMTP__PORT": "x", "POINTS_PARENT_PIPE": "0"}
    ran = points(environment, "run", "grants")
    assert (ran.code, ran.err) == (0, "")


@pytest.mark.parametrize("section", ["kafka", "metrics", "poison", "intake", "quotes", "tracing"])
def test_what_cannot_be_read_of_the_engine_is_refused_everywhere(section: str) -> None:
    wrong = {f"POINTS_{section.upper()}__NONE": "x"}
    for workers in (("grants",), ("all",), ("notices",), ("intake", "notices")):
        ran = points({**KAFKA, **DATABASE, **wrong}, "run", *workers)
        assert ran.code == 2, workers
        assert f"POINTS_{section.upper()}__NONE: is not a known variable" in ran.err


@pytest.mark.parametrize(("wrong", "variable"), UNREADABLE)
def test_the_configuration_is_shown_without_the_section_that_cannot_be_read(
    wrong: dict[str, str], variable: str
) -> None:
    ran = points(
        {**KAFKA, **DATABASE, **wrong, "POINTS_TWILIO__URL": "https://t"}, "config", "show"
    )
    assert ran.code == 0
    assert ran.err.count(f"{TOLD}: {variable}: ") == 1
    section = variable.split("__", maxsplit=1)[0]
    assert f"{section}__" not in ran.out
    for shown in ("POINTS_SMTP__HOST=", "POINTS_MITAKE__URL=", "POINTS_KAFKA__GROUP_ID="):
        assert (shown in ran.out) is not shown.startswith(f"{section}__")
    assert "hush" not in ran.out + ran.err


@pytest.mark.parametrize(("wrong", "variable"), UNREADABLE)
def test_the_doctor_and_the_status_go_on_without_the_lane(
    wrong: dict[str, str], variable: str
) -> None:
    environment = {**KAFKA, **DATABASE, **wrong}
    doctor, status = points(environment, "doctor"), points(environment, "status")
    assert f"! configuration of the notices lane: {variable}: " in doctor.out
    assert (doctor.code, status.code) == (7, 7)  # they asked the servers, which are away
    assert "hush" not in doctor.out + doctor.err + status.err


def test_commands_of_the_lane_are_refused_for_what_they_read(tmp_path: Path) -> None:
    for command in (
        LIST,
        ("notices", "status"),
        ("notices", "cursor", "adopt"),
        ("notices", "dlq", "redrive", "--all"),
        ("notices", "webhook-key", "shop", "--to", str(tmp_path / "key")),
    ):
        wrong = {"POINTS_NOTICES__BATCH": "hushhush"}
        refused_of(points({**KAFKA, **DATABASE, **wrong}, *command), "POINTS_NOTICES__BATCH")
        others = {"POINTS_SMTP__PORT": "hushhush", "POINTS_TWILIO": "{"}
        ran = points({**KAFKA, **DATABASE, **others}, *command)
        assert "SMTP" not in ran.err + ran.out, command


def refused_of(ran: Ran, variable: str) -> str:
    """What a command that was refused says of a variable."""
    assert ran.code == 2, ran
    assert "hush" not in ran.err + ran.out
    (line,) = [each.strip() for each in ran.err.splitlines() if f" {variable}: " in each]
    return line
