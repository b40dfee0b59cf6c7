"""All configuration problems are reported at once, by variable names and without values."""

import json
import subprocess
import sys

import pytest
from pydantic import SecretStr

from processors.runtime.configuration import DatabaseConfiguration, RedisConfiguration
from processors.runtime.configuration_checks import problems_of_database, problems_of_redis
from tests.support.commands import points
from tests.support.machine.inherited import inherited

KAFKA = {"POINTS_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1"}
DATABASE = {"POINTS_DATABASE__URL": "postgresql://me:hushhush@127.0.0.1:1/points"}


@pytest.fixture(autouse=True)
def _nothing_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker: a check that fails to refuse must not leave one running."""
    for name in ("run_worker", "run_process"):
        monkeypatch.setattr(f"processors.runtime.loop.{name}", lambda *_: 0)
    monkeypatch.setattr("cli.commands.run._tree", lambda *_, **__: 0)


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


MALFORMED = (
    "hushhush",
    "mysql://me:hushhush@host/db",
    "postgresql://me:hush%ZZhush@host/db",
    "host=127.0.0.1 password=hushhush",
    "postgresql://me:first@hushhush@127.0.0.1:5432/points",
    "postgresql://me:@hushhush@127.0.0.1/points",
    "postgresql://me:hush@hush@hush@127.0.0.1/points",
    "postgresql://me:hushhush/x@127.0.0.1/points",
    "postgresql://me:12/hushhush@127.0.0.1/points",
    "postgresql://me:x?hush@hushhush@127.0.0.1/points",
    "postgresql://me:x@127.0.0.1:hushhush/points",
    "postgresql://me:x@127.0.0.1 hushhush/points",
)
COMMANDS = (
    ("status",),
    ("balance", "shop", "member"),
    ("run", "grants"),
    ("run", "all"),
    ("doctor",),
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("variable", ["POINTS_DATABASE__URL", "POINTS_DATABASE__OWNER_URL"])
@pytest.mark.parametrize("url", MALFORMED)
def test_unusable_database_url_is_refused_without_being_shown(
    url: str, variable: str, command: tuple[str, ...]
) -> None:
    ran = points({**KAFKA, **DATABASE, variable: url}, *command)
    assert ran.code == 2
    assert variable in ran.err + ran.out
    assert "hush" not in ran.err + ran.out


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me%40azure:p%40ss%2Fword@host:5432/points",
        "postgresql://me:x@[::1]:5432/points?sslmode=require",
        "postgresql://me:x@one,two:5432,5433/points?target_session_attrs=read-write",
        "postgresql://me:what?ever@host/points",
        "postgresql:///points?host=/var/run/postgresql&user=me",
        "postgres://host/points?user=me&password=p@ss",
    ],
)
def test_well_formed_urls_are_taken(url: str) -> None:
    configured = DatabaseConfiguration(url=SecretStr(url))
    assert problems_of_database(configured, development=True) == []


@pytest.mark.parametrize(
    "url",
    [
        "hushhush",
        "http://:hushhush@host:6379",
        "redis://:hush@hush@host/0/hush@x",
        "redis://:x@host:hushhush/0",
        "redis://:x@host:70000/0",
        "redis://:x@/0",
        "redis://:x@host/hushhush",
    ],
)
def test_unusable_redis_url_is_refused_without_being_shown(url: str) -> None:
    for command in (("status",), ("run", "all"), ("readmodel", "rebuild")):
        ran = points({**KAFKA, **DATABASE, "POINTS_REDIS__URL": url}, *command)
        assert ran.code == 2
        assert "POINTS_REDIS__URL" in ran.err + ran.out
        assert "hush" not in ran.err + ran.out


@pytest.mark.parametrize(
    "url", ["", "redis://cache", "rediss://me:p%40ss@[::1]:6380/15", "redis://:word@cache:6379"]
)
def test_well_formed_redis_urls_are_taken(url: str) -> None:
    assert problems_of_redis(RedisConfiguration(url=SecretStr(url))) == []


def test_a_login_in_the_brokers_addresses_is_refused_without_being_shown() -> None:
    kafka = {"POINTS_KAFKA__BOOTSTRAP_SERVERS": "SASL_SSL://me:hushhush@broker:9092"}
    ran = points({**kafka, **DATABASE}, "run", "relay")
    assert ran.code == 2
    assert "POINTS_KAFKA__SASL_PASSWORD" in ran.err
    assert "hush" not in ran.err + ran.out


def test_a_key_in_the_place_of_its_files_name_is_refused_without_being_shown() -> None:
    key = "-----BEGIN PRIVATE KEY-----\nhushhush"
    ran = points({**KAFKA, **DATABASE, "POINTS_KAFKA__SSL_KEY_LOCATION": key}, "run", "relay")
    assert ran.code == 2
    assert "POINTS_KAFKA__SSL_KEY_LOCATION: is the name of a file" in ran.err
    assert "hush" not in ran.err + ran.out


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"POINTS_TOPICS__DLQ_ORDERS": "commerce.orders.v1"}, "two topics have the name"),
        ({"POINTS_TOPICS__DELIVERIES": "commerce.orders.v1"}, "two topics have the name"),
        ({"POINTS_TOPICS__ORDERS": "orders v1"}, "POINTS_TOPICS__ORDERS: is no topic's name"),
        ({"POINTS_TOPICS__ORDERS": ""}, "POINTS_TOPICS__ORDERS: is no topic's name"),
        ({"POINTS_KAFKA__SECURITY_PROTOCOL": "SASL_SSL"}, "POINTS_KAFKA__SASL_MECHANISM"),
        ({"POINTS_DATABASE__URL": "host=127.0.0.1 password=x"}, "is not a PostgreSQL URL"),
        ({"POINTS_METRICS__HOST": ""}, "POINTS_METRICS__HOST"),
        ({"POINTS_METRICS__PORT": "65535"}, "the ports end at 65535"),
    ],
)
def test_run_makes_the_checks_of_every_command(wrong: dict[str, str], told: str) -> None:
    ran = points({**KAFKA, **DATABASE, **wrong}, "run", "intake", "relay")
    assert ran.code == 2
    assert told in ran.err


@pytest.mark.parametrize("value", ["{", "tcp://10.0.0.1:9092", "5", "[]", '"text"'])
@pytest.mark.parametrize("command", [("run", "grants"), ("status",)], ids=" ".join)
def test_a_variable_with_the_name_of_a_section_is_told_by_its_name(
    command: tuple[str, ...], value: str
) -> None:
    ran = points({**KAFKA, **DATABASE, "POINTS_KAFKA": value}, *command)
    assert ran.code == 2
    assert "POINTS_KAFKA: " in ran.err
    assert "EnvSettingsSource" not in ran.err


def test_a_section_that_is_no_json_hides_no_other_problem() -> None:
    wrong = {"POINTS_POISON": "{hushhush", "POINTS_METRICS__PORT": "abc"}
    ran = points({**KAFKA, **wrong}, "run", "grants")
    assert ran.code == 2
    for told in ("POINTS_POISON: ", "POINTS_METRICS__PORT: ", "POINTS_DATABASE__URL: is missing"):
        assert told in ran.err
    assert "hush" not in ran.err


def test_a_single_underscore_is_told_where_its_variable_is_missed() -> None:
    ran = points({**KAFKA, "POINTS_DATABASE_URL": "postgresql://me:hushhush@h/db"}, "run", "grants")
    assert ran.code == 2
    assert "POINTS_DATABASE__URL: is missing" in ran.err
    assert "POINTS_DATABASE_URL: is not a known variable" in ran.err
    assert "hush" not in ran.err


def test_run_tells_variables_that_it_does_not_know() -> None:
    known = {**KAFKA, **DATABASE, "POINTS_INTAKE_BATCH": "5", "POINTS_INTAKE__BATCH": "5"}
    ran = points(known, "run", "grants")
    assert ran.code == 0
    assert ran.err.count("is not a known variable") == 1
    assert "POINTS_INTAKE_BATCH is not a known variable" in ran.err


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (("run", "all", "--intakes", "1000000"), "--intakes"),
        (("settings", "apply", "x" * 101, "/dev/null"), "more than 100 characters"),
        (("settings", "apply", "shop\nforged", "/dev/null"), "control characters or line feeds"),
        (("settings", "apply", "shop\u202e", "/dev/null"), "control characters or line feeds"),
        (("settings", "apply", " shop", "/dev/null"), "without spaces around it"),
        (("settings", "apply", "", "/dev/null"), "without spaces around it"),
        (("settings", "apply", "shop", "/"), "cannot be read"),
        (("settings", "apply", "shop", "/dev/null", "--by", "a\nb"), "control characters"),
        (("settings", "apply", "shop", "/dev/null", "--by", "x" * 201), "200 characters"),
        (("balance", "shop", "a\x00b"), "no text in UTF-8"),
        (("balance", "a\udcff", "b"), "no text in UTF-8"),
        (("carriers", "set", "ecpay", "unimart", "a\nb", "lost", "--note", "why"), "control"),
    ],
)
def test_what_cannot_be_meant_is_told_before_a_server_is_asked(
    typed: tuple[str, ...], told: str
) -> None:
    ran = points({**KAFKA, **DATABASE, "TERMINAL_WIDTH": "300"}, *typed)
    assert ran.code == 2
    assert told in " ".join(ran.err.replace("│", " ").split())


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


def test_config_show_tells_variables_that_it_does_not_know() -> None:
    ran = points({**KAFKA, **DATABASE, "POINTS_INTAKE_BATCH": "5"}, "config", "show")
    assert ran.code == 0
    assert "POINTS_INTAKE_BATCH is not a known variable" in ran.err
    assert "POINTS_INTAKE_BATCH" not in ran.out


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


def test_doctor_says_every_variable_that_is_wrong_and_once_where_to_look() -> None:
    ran = points({}, "doctor")
    assert ran.code == 2
    kafka, database, remedy, in_all = ran.out.splitlines()
    assert kafka == "✗ configuration: POINTS_KAFKA__BOOTSTRAP_SERVERS: is missing"
    assert database == "✗ configuration: POINTS_DATABASE__URL: is missing"
    assert remedy.startswith("  → docs/reference/configuration.md")
    assert in_all == "2 wrong (✗), 0 warnings"
    found = json.loads(points({}, "doctor", "--json").out)
    assert [f["remedy"] is not None for f in found] == [True, True]


def test_help_names_the_exit_codes() -> None:
    ran = points({"TERMINAL_WIDTH": "300"}, "--help")
    assert ran.code == 0
    for text in ("Exit codes", "5 refused", "7 Kafka, PostgreSQL or Redis cannot be reached"):
        assert text in " ".join(ran.out.split())


def test_help_starts_without_the_heavy_parts() -> None:
    heavy = "{'psycopg', 'confluent_kafka', 'alembic', 'sqlalchemy', 'pydantic', 'orjson'}"
    code = f"import sys, cli.main; print(sorted({heavy} & sys.modules.keys()))"
    done = subprocess.run(
        [sys.executable, "-c", code], env=inherited(), capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_every_key_of_quotes_that_cannot_be_used_is_told_without_being_shown() -> None:
    keys = "a:aHVzaGh1c2g,b.c:hushhush,hushhush"
    quotes = {"POINTS_QUOTES__KEYS": keys, "POINTS_METRICS__HOST": ""}
    ran = points({**KAFKA, **DATABASE, **quotes}, "run", "grants")
    assert ran.code == 2
    for told in (
        "POINTS_METRICS__HOST:",
        "POINTS_QUOTES__KEYS: key 1 is too short",
        "; key 2 has no kid",
        "; key 3 has no kid",
    ):
        assert told in ran.err
    assert "hush" not in ran.err + ran.out
    assert "aHVz" not in ran.err + ran.out


@pytest.mark.parametrize("seconds", ["59", "86401", "ten", ""])
def test_the_life_of_a_quote_has_limits(seconds: str) -> None:
    wrong = {"POINTS_QUOTES__TTL_SECONDS": seconds}
    for command in (("run", "grants"), ("quote", "shop", "ann", "cart.json")):
        ran = points({**KAFKA, **DATABASE, **wrong}, *command)
        assert ran.code == 2
        assert "POINTS_QUOTES__TTL_SECONDS:" in ran.err


@pytest.mark.parametrize(
    ("section", "value"),
    [
        ("poison", '{"in_a_row": true}'),
        ("poison", '{"in_a_row": 5.0}'),
        ("poison", '{"share": true}'),
        ("poison", '{"share": NaN}'),
        ("quotes", '{"ttl_seconds": 900.0}'),
        ("notices", '{"enabled": 1}'),
        ("notices", '{"enabled": 0.0}'),
        ("webhook", '{"private_addresses": 1}'),
        ("smtp", '{"port": true}'),
    ],
)
def test_a_section_as_json_takes_values_of_their_own_types_alone(section: str, value: str) -> None:
    worker = "grants" if section in {"poison", "quotes"} else "notices"
    ran = points({**KAFKA, **DATABASE, f"POINTS_{section.upper()}": value}, "run", worker)
    (field,) = json.loads(value)
    assert ran.code == 2
    assert f"POINTS_{section.upper()}__{field.upper()}: " in ran.err


def test_a_section_as_json_may_have_its_numbers_as_text() -> None:
    whole = {
        "POINTS_POISON": '{"in_a_row": "5", "share": 1, "window": 9}',
        "POINTS_NOTICES": '{"enabled": false}',
        "POINTS_TRACING": '{"enabled": "no", "sample": 0.5}',
    }
    assert points({**KAFKA, **DATABASE, **whole}, "run", "grants").code == 0


@pytest.mark.parametrize("number", ["inf", "nan", "-inf", "Infinity"])
@pytest.mark.parametrize("variable", ["METRICS__STALLED_AFTER", "SMTP__RATE", "POISON__SHARE"])
def test_a_number_without_end_is_none(variable: str, number: str) -> None:
    worker = "notices-send" if variable == "SMTP__RATE" else "grants"
    ran = points({**KAFKA, **DATABASE, f"POINTS_{variable}": number}, "run", worker)
    assert ran.code == 2
    assert f"POINTS_{variable}: " in ran.err
