"""Whether what leaves the machine is encrypted, and logins and certificates are whole.

All of it is told before anything connects. No problem repeats a value.
"""

import os
import ssl
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Final

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr

from schemas.web_addresses import address_of

if TYPE_CHECKING:
    from processors.runtime.configuration import DatabaseConfiguration, KafkaConfiguration

_WITH_TLS: Final = frozenset({"require", "verify-ca", "verify-full"})
"""The values of sslmode with which libpq takes no connection that is not encrypted."""
_SYSTEM: Final = "system"
"""For libpq, the certificates that the system trusts; librdkafka calls them `probe`."""
_PROBE: Final = "probe"
_OAUTH: Final = ("client_id", "client_secret", "token_endpoint_url")
_DEVELOPMENT: Final = "only POINTS_ENVIRONMENT=development permits it"


def problems_of_kafka_transport(kafka: "KafkaConfiguration", *, development: bool) -> list[str]:
    """What is wrong with the way to Kafka, a line each, with the name of the variable."""
    return [
        *_of_encryption(kafka, development=development),
        *_of_login(kafka),
        *_of_oauth(kafka, development=development),
        *_of_certificates(kafka),
    ]


def _of_encryption(kafka: "KafkaConfiguration", *, development: bool) -> Iterator[str]:
    protocol = kafka.security_protocol
    if not development and "PLAINTEXT" in protocol:
        yield (
            f"POINTS_KAFKA__SECURITY_PROTOCOL: {protocol} encrypts nothing: write SSL or SASL_SSL; "
            f"{_DEVELOPMENT}"
        )


def _of_login(kafka: "KafkaConfiguration") -> Iterator[str]:
    """Mechanism, user and password belong together, and to a protocol with SASL."""
    protocol, mechanism = kafka.security_protocol, kafka.sasl_mechanism
    with_sasl = protocol.startswith("SASL")
    if with_sasl and mechanism is None:
        yield f"POINTS_KAFKA__SASL_MECHANISM: is missing; {protocol} needs one"
    if not with_sasl and mechanism is not None:
        yield (
            f"POINTS_KAFKA__SASL_MECHANISM: is for a protocol with SASL, not for {protocol}: "
            "write POINTS_KAFKA__SECURITY_PROTOCOL=SASL_SSL"
        )
    login = {"SASL_USERNAME": kafka.sasl_username, "SASL_PASSWORD": _text(kafka.sasl_password)}
    for name, value in login.items():
        if mechanism == "OAUTHBEARER" and value:
            yield f"POINTS_KAFKA__{name}: is not for OAUTHBEARER, which has a client and its secret"
        elif mechanism not in {None, "OAUTHBEARER"} and not value:
            yield f"POINTS_KAFKA__{name}: is missing; {mechanism} needs user and password"
        elif mechanism is None and value and not with_sasl:
            yield f"POINTS_KAFKA__{name}: is for a protocol with SASL, not for {protocol}"


def _of_oauth(kafka: "KafkaConfiguration", *, development: bool) -> Iterator[str]:
    """OAUTHBEARER fetches its token with a client and its secret, over TLS."""
    wanted = kafka.sasl_mechanism == "OAUTHBEARER"
    for part in (*_OAUTH, "scope"):
        value = getattr(kafka, f"sasl_oauthbearer_{part}")
        name = f"POINTS_KAFKA__SASL_OAUTHBEARER_{part.upper()}"
        if wanted and not _text(value) and part in _OAUTH:
            yield f"{name}: is missing; OAUTHBEARER needs client, secret and token endpoint"
        elif not wanted and _text(value):
            yield f"{name}: is for OAUTHBEARER; write POINTS_KAFKA__SASL_MECHANISM=OAUTHBEARER"
    name, url = "POINTS_KAFKA__SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL", (
        kafka.sasl_oauthbearer_token_endpoint_url or ""
    )  # fmt: skip
    if url and (wrong := _wrong_endpoint(url, development=development)) is not None:
        yield f"{name}: {wrong}"
    yield from _of_authority(
        "POINTS_KAFKA__HTTPS_CA_LOCATION", kafka.https_ca_location, trusted=_PROBE
    )


def _wrong_endpoint(url: str, *, development: bool) -> str | None:
    parts = address_of(url)
    if parts is None:
        return "is no URL of a token endpoint: write https://host/path"
    if parts.scheme == "http" and not development and not _stays_here(parts.hostname or ""):
        return f"sends the client's secret without TLS: write https://; {_DEVELOPMENT}"
    return None


def _of_certificates(kafka: "KafkaConfiguration") -> Iterator[str]:
    """The authority can be read, and a client's certificate and key are a pair."""
    certificate, key = kafka.ssl_certificate_location, kafka.ssl_key_location
    locations = {
        "SSL_CA_LOCATION": kafka.ssl_ca_location,
        "SSL_CERTIFICATE_LOCATION": certificate,
        "SSL_KEY_LOCATION": key,
    }
    for name, location in locations.items():
        if location and not kafka.security_protocol.endswith("SSL"):
            yield (
                f"POINTS_KAFKA__{name}: is for SSL and SASL_SSL, not for {kafka.security_protocol}"
            )
    yield from _of_authority("POINTS_KAFKA__SSL_CA_LOCATION", kafka.ssl_ca_location, trusted=_PROBE)
    if certificate and not key:
        yield "POINTS_KAFKA__SSL_KEY_LOCATION: is missing; the client's certificate needs its key"
    if key and not certificate:
        yield "POINTS_KAFKA__SSL_CERTIFICATE_LOCATION: is missing; the key belongs to a certificate"
    if _text(kafka.ssl_key_password) and not key:
        yield "POINTS_KAFKA__SSL_KEY_PASSWORD: is for a key, and there is none"
    if certificate and key and not _holds_pem(certificate) and not _holds_pem(key):
        yield from _of_pair(certificate, key, _text(kafka.ssl_key_password))


def _of_pair(certificate: str, key: str, password: str) -> Iterator[str]:
    for name, location in (("CERTIFICATE", certificate), ("KEY", key)):
        if (why := _unreadable(location)) is not None:
            yield f"POINTS_KAFKA__SSL_{name}_LOCATION: cannot be read: {why}"
            return
    # Never asks: without a password an encrypted key is refused.
    if _refused(lambda context: context.load_cert_chain(certificate, key, password)):
        yield (
            "POINTS_KAFKA__SSL_KEY_LOCATION: is no key of the certificate in "
            "POINTS_KAFKA__SSL_CERTIFICATE_LOCATION, or POINTS_KAFKA__SSL_KEY_PASSWORD is another's"
        )


def _of_authority(name: str, location: str | None, *, trusted: str) -> Iterator[str]:
    """A file or folder of certificates that others are checked by; `trusted`: the system's."""
    if not location or location == trusted or _holds_pem(location):
        return
    if (why := _unreadable(location)) is not None:
        yield f"{name}: cannot be read: {why}"
    elif not Path(location).is_dir() and _refused(
        lambda context: context.load_verify_locations(cafile=location)
    ):
        yield f"{name}: has no certificate in it (PEM, -----BEGIN CERTIFICATE-----)"


def problems_of_database_transport(
    database: "DatabaseConfiguration", *, development: bool
) -> list[str]:
    """As `problems_of_kafka_transport`, of the database's URLs."""
    urls = {"URL": database.url, "OWNER_URL": database.owner_url}
    return [
        problem
        for name, url in urls.items()
        if url is not None
        for problem in problems_of_database_url(
            url, f"POINTS_DATABASE__{name}", development=development
        )
    ]


def problems_of_database_url(url: SecretStr, name: str, *, development: bool) -> list[str]:
    """The same of one URL, which the variable `name` has."""
    wrongs = _of_url(url.get_secret_value(), development=development)
    return [f"{name}: {wrong}" for wrong in wrongs]


def _of_url(text: str, *, development: bool) -> Iterator[str]:
    try:
        parts = {key: str(value) for key, value in conninfo_to_dict(text).items()}
    except ProgrammingError:
        return  # another check tells it
    mode = parts.get("sslmode") or os.environ.get("PGSSLMODE", "prefer")
    hosts = parts.get("hostaddr") or parts.get("host") or os.environ.get("PGHOST", "")
    elsewhere = not all(_stays_here(host) for host in hosts.split(","))
    if elsewhere and mode not in _WITH_TLS and not development:
        yield (
            "goes to another machine without TLS: write ?sslmode=verify-full&sslrootcert=FILE "
            f"after the database's name; {_DEVELOPMENT}"
        )
    for problem in _of_authority("sslrootcert", parts.get("sslrootcert"), trusted=_SYSTEM):
        yield f"its {problem}"
    for name in ("sslcert", "sslkey"):
        other = "sslkey" if name == "sslcert" else "sslcert"
        if name in parts and other not in parts:
            yield f"has {name} without {other}"
        elif name in parts and (why := _unreadable(parts[name])) is not None:
            yield f"its {name} cannot be read: {why}"


def _stays_here(host: str) -> bool:
    """Whether a host is a socket's folder or the loopback interface."""
    if not host or host.startswith(("/", "@")) or host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _holds_pem(location: str) -> bool:
    """Whether it is the content of a file instead of its name, which another check tells."""
    return "\n" in location or "-----BEGIN" in location


def _unreadable(location: str) -> str | None:
    try:
        path = Path(location)
        if path.is_dir():
            next(path.iterdir(), None)
        else:
            with path.open("rb") as file:
                file.read(1)
    except (OSError, ValueError) as error:
        return getattr(error, "strerror", None) or "it is no name of a file"
    return None


def _refused(use: Callable[[ssl.SSLContext], object]) -> bool:
    try:
        use(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    except (ssl.SSLError, OSError, ValueError):
        return True
    return False


def _text(value: SecretStr | str | None) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else value or ""
