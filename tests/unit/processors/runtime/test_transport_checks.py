"""Ways to the servers that cannot work, or that encrypt nothing, are told before connecting."""

import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from processors.runtime.configuration import DatabaseConfiguration, KafkaConfiguration
from processors.runtime.kafka.clients import common
from processors.runtime.transport_checks import (
    problems_of_database_transport,
    problems_of_kafka_transport,
)
from tests.support.commands import points
from tests.support.secured.certificates import OPENSSL, Pair, authority, signed

DATABASE = {"POINTS_DATABASE__URL": "postgresql://me:hushhush@127.0.0.1:1/points"}
SECURED = {
    "POINTS_ENVIRONMENT": "production",
    "POINTS_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1",
    "POINTS_KAFKA__SECURITY_PROTOCOL": "SASL_SSL",
    "POINTS_KAFKA__SASL_MECHANISM": "SCRAM-SHA-512",
    "POINTS_KAFKA__SASL_USERNAME": "points-intake",
    "POINTS_KAFKA__SASL_PASSWORD": "hushhush",
}
PRODUCTION = {
    "POINTS_ENVIRONMENT": "production",
    "POINTS_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1",
}


@pytest.fixture(autouse=True)
def _nothing_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("processors.runtime.loop.run_worker", lambda *_: 0)
    monkeypatch.setattr("cli.commands.run._tree", lambda *_, **__: 0)
    for name in [n for n in os.environ if n.startswith(("POINTS_", "PG"))]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Pair]:
    if OPENSSL is None:
        pytest.skip("openssl makes the certificates (Debian: openssl)")
    ca = authority(tmp_path_factory.mktemp("certificates"))
    return {
        "ca": ca,
        "client": signed(ca, "client"),
        "other": signed(ca, "other"),
        "locked": signed(ca, "locked", password="hushhush"),
    }


def of_kafka(*, development: bool = False, **values: Any) -> list[str]:
    kafka = KafkaConfiguration(bootstrap_servers="broker:9093", **values)
    return problems_of_kafka_transport(kafka, development=development)


def of_database(url: str, *, development: bool = False) -> list[str]:
    configured = DatabaseConfiguration(url=SecretStr(url))
    return problems_of_database_transport(configured, development=development)


SCRAM: dict[str, Any] = {
    "security_protocol": "SASL_SSL",
    "sasl_mechanism": "SCRAM-SHA-512",
    "sasl_username": "points-intake",
    "sasl_password": SecretStr("hushhush"),
}
OAUTH: dict[str, Any] = {
    "security_protocol": "SASL_SSL",
    "sasl_mechanism": "OAUTHBEARER",
    "sasl_oauthbearer_client_id": "points-intake",
    "sasl_oauthbearer_client_secret": SecretStr("hushhush"),
    "sasl_oauthbearer_token_endpoint_url": "https://login.example/token",
}


@pytest.mark.parametrize("protocol", ["PLAINTEXT", "SASL_PLAINTEXT"])
def test_kafka_without_tls_is_for_development_alone(protocol: str) -> None:
    login = {} if protocol == "PLAINTEXT" else {**SCRAM, "security_protocol": protocol}
    told = of_kafka(**{**login, "security_protocol": protocol})
    assert len(told) == 1
    assert told[0].startswith(f"POINTS_KAFKA__SECURITY_PROTOCOL: {protocol} encrypts nothing")
    assert of_kafka(**{**login, "security_protocol": protocol}, development=True) == []


@pytest.mark.parametrize("command", [("run", "relay"), ("status",), ("doctor",)], ids=" ".join)
def test_every_command_refuses_it_before_it_connects(command: tuple[str, ...]) -> None:
    ran = points({**PRODUCTION, **DATABASE}, *command)
    assert ran.code == 2
    assert "POINTS_KAFKA__SECURITY_PROTOCOL: PLAINTEXT encrypts nothing" in ran.err + ran.out
    assert "POINTS_ENVIRONMENT=development" in ran.err + ran.out


def test_what_is_not_said_is_production() -> None:
    ran = points({**PRODUCTION, **DATABASE, "POINTS_ENVIRONMENT": ""}, "status")
    assert "POINTS_ENVIRONMENT: " in ran.err
    assert KafkaConfiguration(bootstrap_servers="x").security_protocol == "PLAINTEXT"


WITHOUT_TLS = (
    "postgresql://me:hushhush@db/points",
    "postgresql://me:hushhush@db/points?sslmode=disable",
    "postgresql://me:hushhush@db/points?sslmode=allow",
    "postgresql://me:hushhush@db/points?sslmode=prefer",
    "postgresql://me:hushhush@127.0.0.1,db:5432,5433/points",
    "postgresql://me:hushhush@10.0.0.1/points",
    "postgresql://me:hushhush@[2001:db8::1]/points",
    "postgresql://me:hushhush@localhost/points?hostaddr=10.0.0.1",
)


@pytest.mark.parametrize("url", WITHOUT_TLS)
def test_a_database_elsewhere_without_tls_is_for_development_alone(url: str) -> None:
    told = of_database(url)
    assert len(told) == 1
    assert told[0].startswith("POINTS_DATABASE__URL: goes to another machine without TLS")
    assert "hush" not in told[0]
    assert of_database(url, development=True) == []


@pytest.mark.parametrize("command", [("balance", "shop", "ann"), ("quote", "shop", "ann", "c")])
def test_commands_of_the_database_alone_refuse_it_too(command: tuple[str, ...]) -> None:
    environment = {"POINTS_ENVIRONMENT": "production", "POINTS_DATABASE__URL": WITHOUT_TLS[0]}
    ran = points(environment, *command)
    assert ran.code == 2
    assert "POINTS_DATABASE__URL: goes to another machine without TLS" in ran.err
    assert "hush" not in ran.err


def test_the_owners_way_is_judged_as_the_workers() -> None:
    configured = DatabaseConfiguration(
        url=SecretStr("postgresql://localhost/points"), owner_url=SecretStr(WITHOUT_TLS[0])
    )
    told = problems_of_database_transport(configured, development=False)
    assert [line.partition(":")[0] for line in told] == ["POINTS_DATABASE__OWNER_URL"]


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:x@db/points?sslmode=require",
        "postgresql://me:x@db/points?sslmode=verify-full&sslrootcert=system",
        "postgresql://me:x@localhost/points",
        "postgresql://me:x@127.0.0.9/points",
        "postgresql://me:x@[::1]/points",
        "postgresql:///points?host=/var/run/postgresql",
        "postgresql:///points",
    ],
)
def test_tls_a_socket_and_the_loopback_interface_are_taken(url: str) -> None:
    assert of_database(url) == []


def test_libpqs_own_variables_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOST", "db")
    assert len(of_database("postgresql:///points")) == 1
    monkeypatch.setenv("PGSSLMODE", "require")
    assert of_database("postgresql:///points") == []


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({**SCRAM, "sasl_mechanism": None}, ["SASL_MECHANISM: is missing"]),
        ({**SCRAM, "sasl_username": None}, ["SASL_USERNAME: is missing"]),
        ({**SCRAM, "sasl_password": None}, ["SASL_PASSWORD: is missing"]),
        ({**SCRAM, "sasl_password": SecretStr("")}, ["SASL_PASSWORD: is missing"]),
        ({**SCRAM, "sasl_mechanism": "PLAIN", "sasl_password": None}, ["SASL_PASSWORD: is miss"]),
        (
            {**SCRAM, "security_protocol": "SSL"},
            ["SASL_MECHANISM: is for a protocol with SASL, not for SSL"],
        ),
        (
            {**SCRAM, "security_protocol": "SSL", "sasl_mechanism": None},
            ["SASL_USERNAME: is for a protocol", "SASL_PASSWORD: is for a protocol"],
        ),
        (
            {**OAUTH, "sasl_oauthbearer_client_secret": None},
            ["SASL_OAUTHBEARER_CLIENT_SECRET: is missing"],
        ),
        ({**OAUTH, "sasl_oauthbearer_client_id": ""}, ["SASL_OAUTHBEARER_CLIENT_ID: is missing"]),
        ({**OAUTH, "sasl_username": "me"}, ["SASL_USERNAME: is not for OAUTHBEARER"]),
        (
            {**SCRAM, "sasl_oauthbearer_scope": "kafka"},
            ["SASL_OAUTHBEARER_SCOPE: is for OAUTHBEARER"],
        ),
        (
            {**OAUTH, "sasl_oauthbearer_token_endpoint_url": "http://login.example/token"},
            ["SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL: sends the client's secret without TLS"],
        ),
        (
            {**OAUTH, "sasl_oauthbearer_token_endpoint_url": "https://me:hushhush@login/token"},
            ["SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL: is no URL of a token endpoint"],
        ),
        ({**OAUTH, "https_ca_location": "/none"}, ["HTTPS_CA_LOCATION: cannot be read"]),
        ({"security_protocol": "SSL", "ssl_key_password": SecretStr("x")}, ["SSL_KEY_PASSWORD: "]),
        ({**SCRAM, "ssl_ca_location": "/none/ca.pem"}, ["SSL_CA_LOCATION: cannot be read: No suc"]),
        ({**SCRAM, "ssl_ca_location": "/dev/null"}, ["SSL_CA_LOCATION: has no certificate in"]),
        ({**SCRAM, "ssl_ca_location": __file__}, ["SSL_CA_LOCATION: has no certificate in it"]),
    ],
)
def test_halves_of_a_login_and_what_belongs_to_another_are_told(
    values: dict[str, Any], told: list[str]
) -> None:
    have = of_kafka(**values)
    assert len(have) == len(told)
    for line, begin in zip(have, told, strict=True):
        assert line.startswith(f"POINTS_KAFKA__{begin}")
        assert "hush" not in line


@pytest.mark.parametrize("values", [SCRAM, OAUTH, {"security_protocol": "SSL"}])
def test_whole_logins_are_taken(values: dict[str, Any]) -> None:
    assert of_kafka(**values) == []


def test_a_token_may_come_from_this_machine() -> None:
    url = "http://127.0.0.1:8080/token"
    assert of_kafka(**{**OAUTH, "sasl_oauthbearer_token_endpoint_url": url}) == []


def test_oauthbearer_reaches_librdkafka_as_oidc() -> None:
    kafka = KafkaConfiguration(bootstrap_servers="b", **OAUTH, sasl_oauthbearer_scope="kafka")
    given = {k: v for k, v in common(kafka, name="x").items() if k.startswith("sasl")}
    assert given == {
        "sasl.mechanism": "OAUTHBEARER",
        "sasl.oauthbearer.method": "oidc",
        "sasl.oauthbearer.client.id": "points-intake",
        "sasl.oauthbearer.client.secret": "hushhush",
        "sasl.oauthbearer.token.endpoint.url": "https://login.example/token",
        "sasl.oauthbearer.scope": "kafka",
    }


def test_a_certificate_needs_its_own_key(pairs: dict[str, Pair]) -> None:
    def told(certificate: str | None, key: str | None, password: str = "") -> list[str]:
        lines = of_kafka(
            security_protocol="SSL",
            ssl_ca_location=str(pairs["ca"].certificate),
            ssl_certificate_location=str(pairs[certificate].certificate) if certificate else None,
            ssl_key_location=str(pairs[key].key) if key else None,
            ssl_key_password=SecretStr(password),
        )
        return [line.removeprefix("POINTS_KAFKA__") for line in lines]

    assert told("client", "client") == []
    assert told("locked", "locked", "hushhush") == []
    assert told("client", None) == [
        "SSL_KEY_LOCATION: is missing; the client's certificate needs its key"
    ]
    assert told(None, "client") == [
        "SSL_CERTIFICATE_LOCATION: is missing; the key belongs to a certificate"
    ]
    for wrong in (("client", "other"), ("locked", "locked"), ("locked", "locked", "other")):
        assert [line.partition(":")[0] for line in told(*wrong)] == ["SSL_KEY_LOCATION"]


def test_certificates_of_a_protocol_without_tls_are_told(pairs: dict[str, Pair]) -> None:
    told = of_kafka(ssl_ca_location=str(pairs["ca"].certificate), development=True)
    assert told == ["POINTS_KAFKA__SSL_CA_LOCATION: is for SSL and SASL_SSL, not for PLAINTEXT"]


def test_files_of_the_databases_url_are_read(pairs: dict[str, Pair], tmp_path: Path) -> None:
    base = "postgresql://me:hushhush@db/points?sslmode=verify-full"
    ca, client = pairs["ca"].certificate, pairs["client"]
    whole = f"{base}&sslrootcert={ca}&sslcert={client.certificate}&sslkey={client.key}"
    assert of_database(whole) == []
    assert of_database(f"{base}&sslrootcert={tmp_path / 'none.pem'}") == [
        "POINTS_DATABASE__URL: its sslrootcert: cannot be read: No such file or directory"
    ]
    (told,) = of_database(f"{base}&sslrootcert={client.key}")
    assert told.startswith("POINTS_DATABASE__URL: its sslrootcert: has no certificate in it")
    assert of_database(f"{base}&sslrootcert={ca}&sslcert={client.certificate}") == [
        "POINTS_DATABASE__URL: has sslcert without sslkey"
    ]


def test_all_of_it_is_told_at_once() -> None:
    environment = {
        **SECURED,
        "POINTS_KAFKA__SASL_PASSWORD": "",
        "POINTS_KAFKA__SSL_CA_LOCATION": "/none/ca.pem",
        "POINTS_DATABASE__URL": WITHOUT_TLS[0],
        "POINTS_REDIS__URL": "hushhush",
    }
    ran = points(environment, "run", "intake")
    assert ran.code == 2
    for told in (
        "POINTS_KAFKA__SASL_PASSWORD: is missing",
        "POINTS_KAFKA__SSL_CA_LOCATION: cannot be read",
        "POINTS_DATABASE__URL: goes to another machine",
        "POINTS_REDIS__URL: is not a URL",
    ):
        assert told in ran.err
    assert "hush" not in ran.err
