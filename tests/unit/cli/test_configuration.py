"""All configuration problems are reported at once, by variable names and without values."""

import os
import subprocess
import sys

import pytest

from tests.support.commands import points

KAFKA = {"POINTS_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1"}
DATABASE = {"POINTS_DATABASE__URL": "postgresql://me:hushhush@127.0.0.1:1/points"}


@pytest.fixture(autouse=True)
def _nothing_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in os.environ if n.startswith("POINTS_")]:
        monkeypatch.delenv(name)


def test_all_that_is_missing_is_named() -> None:
    ran = points({}, "status")
    assert ran.code == 2
    assert "POINTS_KAFKA__BOOTSTRAP_SERVERS: is missing" in ran.err
    assert "POINTS_DATABASE__URL: is missing" in ran.err


def test_problems_of_different_kinds_come_together() -> None:
    wrong = {
        "POINTS_KAFKA__PARTITIONS": "many",
        "POINTS_KAFKA__BOOTSTRAP": "127.0.0.1:1",
        "POINTS_DATABASE__URL": "postgresql://me:hushhush@127.0.0.1:1/points",
    }
    ran = points(wrong, "status")
    assert ran.code == 2
    for text in (
        "POINTS_KAFKA__PARTITIONS:",
        "POINTS_KAFKA__BOOTSTRAP: is not a known",
        "BOOTSTRAP_SERVERS: is missing",
    ):
        assert text in ran.err
    assert "many" not in ran.err


@pytest.mark.parametrize(
    "url", ["hushhush", "mysql://me:hushhush@host/db", "postgresql://me:hush%ZZhush@host/db"]
)
def test_unusable_database_url_is_refused_without_being_shown(url: str) -> None:
    ran = points({**KAFKA, "POINTS_DATABASE__URL": url}, "status")
    assert ran.code == 2
    assert "POINTS_DATABASE__URL" in ran.err
    assert "hush" not in ran.err + ran.out


def test_sasl_without_mechanism_is_refused() -> None:
    ran = points({**KAFKA, **DATABASE, "POINTS_KAFKA__SECURITY_PROTOCOL": "SASL_SSL"}, "status")
    assert ran.code == 2
    assert "POINTS_KAFKA__SASL_MECHANISM: is missing" in ran.err


def test_two_topics_of_one_name_are_refused() -> None:
    ran = points(
        {**KAFKA, **DATABASE, "POINTS_TOPICS__ORDERS": "same", "POINTS_TOPICS__DELIVERIES": "same"},
        "status",
    )
    assert ran.code == 2
    assert "two topics have the name same" in ran.err


def test_unreachable_database_is_told_without_a_traceback_and_without_the_password() -> None:
    ran = points({**KAFKA, **DATABASE}, "balance", "shop", "member")
    assert ran.code == 7
    assert "PostgreSQL cannot be reached" in ran.err
    assert "Traceback" not in ran.err
    assert "hushhush" not in ran.err


READING = (
    ("balance", "shop", "member"),
    ("history", "shop", "member"),
    ("explain", "shop", "order"),
    ("compare-upstream",),
    ("settings", "show", "shop"),
    ("settings", "log", "shop"),
    ("carriers", "unknown"),
    ("carriers", "show", "ecpay"),
    ("carriers", "log"),
    ("carriers", "parked"),
    ("dlq", "list"),
    ("dlq", "show", "1"),
    ("dlq", "discard", "1"),
    ("cursor", "show"),
)


@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_commands_that_ask_only_the_database_need_only_its_variables(
    command: tuple[str, ...],
) -> None:
    ran = points(DATABASE, *command)
    assert ran.code == 7
    assert "PostgreSQL cannot be reached" in ran.err
    missing = points({}, *command)
    assert missing.code == 2
    assert "POINTS_DATABASE__URL: is missing" in missing.err
    assert "KAFKA" not in missing.err


def test_unreachable_broker_is_told_with_its_address() -> None:
    ran = points({**KAFKA, **DATABASE}, "topics", "apply")
    assert ran.code == 7
    assert "Kafka at 127.0.0.1:1 cannot be reached" in ran.err


def test_doctor_names_every_part_that_is_out_of_reach() -> None:
    ran = points({**KAFKA, **DATABASE, "POINTS_TYPO": "1"}, "doctor")
    assert ran.code == 7
    assert "✗ Kafka" in ran.out
    assert "✗ database" in ran.out
    assert "! configuration: POINTS_TYPO is not a known variable" in ran.out


def test_help_names_the_exit_codes() -> None:
    ran = points({"TERMINAL_WIDTH": "300"}, "--help")
    assert ran.code == 0
    for text in ("Exit codes", "5 refused", "7 Kafka or PostgreSQL cannot be reached"):
        assert text in " ".join(ran.out.split())


def test_help_starts_without_the_heavy_parts() -> None:
    heavy = "{'psycopg', 'confluent_kafka', 'alembic', 'sqlalchemy', 'pydantic', 'orjson'}"
    code = f"import sys, cli.main; print(sorted({heavy} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
