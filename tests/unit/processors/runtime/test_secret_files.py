"""Every secret may come as a file, as orchestrators mount them."""

import os
from pathlib import Path

import pytest

from processors.runtime.configuration import (
    SECRETS,
    ConfigurationRefused,
    load,
    load_for_lane,
    misspelt,
)
from tests.support.commands import points

KAFKA = {"POINTS_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1"}
URL = "postgresql://me:hushhush@127.0.0.1:1/points"


@pytest.fixture(autouse=True)
def _only_kafka_is_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in os.environ if n.startswith("POINTS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("POINTS_ENVIRONMENT", "development")
    monkeypatch.setenv("POINTS_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")


def written(folder: Path, text: str | bytes) -> str:
    file = folder / "secret"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(file)


def test_these_are_the_secrets() -> None:
    assert sorted(SECRETS) == [
        "POINTS_DATABASE__OWNER_URL",
        "POINTS_DATABASE__URL",
        "POINTS_KAFKA__SASL_OAUTHBEARER_CLIENT_SECRET",
        "POINTS_KAFKA__SASL_PASSWORD",
        "POINTS_KAFKA__SSL_KEY_PASSWORD",
        "POINTS_MITAKE__PASSWORD",
        "POINTS_NOTICES__DATABASE_URL",
        "POINTS_NOTICES__DIRECTORY_TOKEN",
        "POINTS_NOTICES__REDIS_URL",
        "POINTS_NOTICES__TOKEN_KEYS",
        "POINTS_QUOTES__KEYS",
        "POINTS_REDIS__URL",
        "POINTS_SMTP__PASSWORD",
        "POINTS_TWILIO__AUTH_TOKEN",
        "POINTS_WEBHOOK__SECRET",
    ]


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_secret_is_read_from_its_file(
    end: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POINTS_DATABASE__URL_FILE", written(tmp_path, URL + end))
    assert load().database.url.get_secret_value() == URL
    assert misspelt() == []


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_each_secret_may_be_a_file(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POINTS_DATABASE__URL", URL)
    monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(f"{name}_FILE", written(tmp_path, URL))
    try:
        load_for_lane()
    except ConfigurationRefused as refused:
        told = "\n".join(refused.lines)
        assert name in told  # what is in it is no key, no URL of Redis, or of no use
        assert "is not a known variable" not in told
        assert "hush" not in told


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "cannot be read from the file of POINTS_DATABASE__URL_FILE: No such file"),
        (b"\xff\xfe", "it is no short text in UTF-8"),
        (b"x" * 70_000, "it is no short text in UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_once(
    content: bytes | None, why: str, tmp_path: Path
) -> None:
    file = str(tmp_path / "none") if content is None else written(tmp_path, content)
    wrong = {"POINTS_DATABASE__URL_FILE": file, "POINTS_KAFKA__PARTITIONS": "many"}
    ran = points({**KAFKA, **wrong}, "run", "grants")
    assert ran.code == 2
    assert why in ran.err
    assert ran.err.count("POINTS_DATABASE__URL: ") == 1
    assert "POINTS_KAFKA__PARTITIONS: " in ran.err


def test_a_secret_given_twice_is_refused(tmp_path: Path) -> None:
    both = {"POINTS_DATABASE__URL": URL, "POINTS_DATABASE__URL_FILE": written(tmp_path, URL)}
    ran = points({**KAFKA, **both}, "balance", "shop", "ann")
    assert ran.code == 2
    assert "POINTS_DATABASE__URL: is set twice" in ran.err
    assert "hush" not in ran.err


def test_a_file_holds_to_the_rules_of_the_variable(tmp_path: Path) -> None:
    ran = points(
        {**KAFKA, "POINTS_DATABASE__URL_FILE": written(tmp_path, "mysql://hush")}, "status"
    )
    assert ran.code == 2
    assert "POINTS_DATABASE__URL: is not a PostgreSQL URL" in ran.err
    assert "hush" not in ran.err


def test_what_is_no_secret_comes_from_no_file(tmp_path: Path) -> None:
    file = written(tmp_path, "broker:9092")
    ran = points({"POINTS_KAFKA__BOOTSTRAP_SERVERS_FILE": file}, "status")
    assert ran.code == 2
    assert "POINTS_KAFKA__BOOTSTRAP_SERVERS_FILE: is not a known variable" in ran.err
