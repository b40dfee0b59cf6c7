"""What types cannot say of a configuration: secrets spelt wrong, names that clash, typing slips.

`load` makes those of the engine, so every worker does; those of the notices lane are made where its
workers run, and by commands that use what they are about. No problem repeats a value.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr

from processors.runtime.provider_checks import (
    problems_of_directory,
    problems_of_links,
    problems_of_providers,
)
from processors.runtime.transport_checks import (
    problems_of_database_transport,
    problems_of_database_url,
    problems_of_kafka_transport,
)

if TYPE_CHECKING:
    from processors.runtime.configuration import (
        Configuration,
        DatabaseConfiguration,
        KafkaConfiguration,
        LaneSections,
        RedisConfiguration,
        TopicsConfiguration,
    )
    from processors.runtime.notices_configuration import NoticesConfiguration

_HOST: Final = re.compile(r"[A-Za-z0-9._:%-]*|/.*")
"""A name, an address, or the folder of a socket."""
_PORT: Final = re.compile(r"\d{0,5}")
_TOPIC: Final = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}")
"""As Kafka takes it."""
_OWN: Final = frozenset({"POINTS_PARENT_PIPE"})
"""Set by us for our children."""
_ESCAPE = "write %40 for an @, %2F for a / and %3A for a : in the user or the password"


def problems_of(loaded: "Configuration") -> list[str]:
    """What is wrong, a line each, with the name of the variable."""
    return [
        *problems_of_database(loaded.database, development=loaded.development),
        *problems_of_redis(loaded.redis),
        *_of_kafka(loaded.kafka),
        *problems_of_kafka_transport(loaded.kafka, development=loaded.development),
        *_of_topics(loaded.topics),
        *_of_tracing(enabled=loaded.tracing.enabled),
    ]


def problems_of_lane(loaded: "LaneSections") -> list[str]:
    """As `problems_of`, of what the workers of the notices lane need besides.

    Nobody else is refused for it: what keeps notices from being sent keeps no points from members.
    """
    return [
        *problems_of_notices(loaded.notices, development=loaded.development),
        *problems_of_links(loaded.notices, development=loaded.development),
        *problems_of_directory(loaded.notices, development=loaded.development),
        *problems_of_providers(
            loaded.smtp,
            loaded.twilio,
            loaded.mitake,
            loaded.webhook,
            development=loaded.development,
        ),
    ]


def problems_of_database(database: "DatabaseConfiguration", *, development: bool) -> list[str]:
    """As `problems_of`, of the database's variables alone."""
    problems = []
    for name, url in (("URL", database.url), ("OWNER_URL", database.owner_url)):
        wrong = _wrong_with_url(url) if url is not None else None
        if wrong is not None:
            problems.append(f"POINTS_DATABASE__{name}: {wrong}")
    # What no URL is has no host to judge.
    return problems or problems_of_database_transport(database, development=development)


def problems_of_redis(redis: "RedisConfiguration") -> list[str]:
    """As `problems_of`, of Redis's variable alone."""
    return _problems_of_redis_url(redis.url, "POINTS_REDIS__URL")


def problems_of_notices(notices: "NoticesConfiguration", *, development: bool) -> list[str]:
    """As `problems_of`, of the servers that the notices lane has for itself."""
    problems = _problems_of_redis_url(notices.redis_url, "POINTS_NOTICES__REDIS_URL")
    url, name = notices.database_url, "POINTS_NOTICES__DATABASE_URL"
    if url is None:
        return problems
    wrong = _wrong_with_url(url)
    if wrong is not None:
        return [*problems, f"{name}: {wrong}"]
    return [*problems, *problems_of_database_url(url, name, development=development)]


def _problems_of_redis_url(url: SecretStr | None, name: str) -> list[str]:
    text = url.get_secret_value() if url is not None else ""
    wrong = _wrong_with_redis_url(text) if text else None
    return [f"{name}: {wrong}"] if wrong is not None else []


def _wrong_with_redis_url(text: str) -> str | None:
    """What is wrong with a URL of Redis; no part of it is repeated, as of a database's."""
    if not text.startswith(("redis://", "rediss://")):
        return "is not a URL of Redis: write redis://:password@host:6379/0, or rediss:// for TLS"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        port = 0
    if port == 0 or "@" in parts.path or not _HOST.fullmatch(parts.hostname or " "):
        return f"has a host or a port that is none: {_ESCAPE}"
    if not re.fullmatch(r"/?\d{0,3}", parts.path):
        return "has a path that is no number of a database: write redis://host:6379/0"
    return None


def _wrong_with_url(url: SecretStr) -> str | None:
    """What is wrong with a URL. No part of it is repeated: the password may be anywhere in it."""
    text = url.get_secret_value()
    if not text.startswith(("postgresql://", "postgres://")):
        return "is not a PostgreSQL URL: write postgresql://user:password@host:port/database"
    try:
        parts = conninfo_to_dict(text)
    except ProgrammingError:
        return "cannot be read: write postgresql://user:password@host/database, with %-escapes"
    before_query = text.partition("://")[2].partition("?")[0]
    login, _, database = before_query.partition("/")
    if login.count("@") > 1 or "@" in database:
        return f"has an @ in the user or the password, or a / in it: {_ESCAPE}"
    hosts, ports = str(parts.get("host", "")), str(parts.get("port", ""))
    if not all(_HOST.fullmatch(host) for host in hosts.split(",")):
        return f"has a host that is no name or address: {_ESCAPE}"
    if not all(_PORT.fullmatch(port) for port in ports.split(",")):
        return f"has a port that is no number: {_ESCAPE}"
    return None


def _of_kafka(kafka: "KafkaConfiguration") -> Iterator[str]:
    if "@" in kafka.bootstrap_servers:
        yield (
            "POINTS_KAFKA__BOOTSTRAP_SERVERS: has an @: write host:port, and the login into "
            "POINTS_KAFKA__SASL_USERNAME and POINTS_KAFKA__SASL_PASSWORD"
        )
    locations = ("ssl_ca_location", "ssl_certificate_location", "ssl_key_location")
    for name in (*locations, "https_ca_location"):
        location = getattr(kafka, name)
        if location is not None and ("\n" in location or "-----BEGIN" in location):
            yield f"POINTS_KAFKA__{name.upper()}: is the name of a file, not what is in it"


def _of_topics(topics: "TopicsConfiguration") -> Iterator[str]:
    names = topics.model_dump()
    for field, name in names.items():
        if not _TOPIC.fullmatch(name):
            yield (
                f"POINTS_TOPICS__{field.upper()}: is no topic's name: "
                "write up to 249 letters, digits, dots, hyphens and underscores"
            )
    values = list(names.values())
    for name in sorted({name for name in values if values.count(name) > 1}):
        if _TOPIC.fullmatch(name):
            yield f"POINTS_TOPICS__…: two topics have the name {name}"


def _of_tracing(*, enabled: bool) -> Iterator[str]:
    # Looked for only where it is wanted: looking imports the package around it.
    if enabled and not _is_installed(
        "opentelemetry", "opentelemetry.sdk", "opentelemetry.exporter"
    ):
        yield (
            "POINTS_TRACING__ENABLED: needs the extra `tracing`: "
            "install member-points[tracing], or leave it off"
        )


def _is_installed(*packages: str) -> bool:
    """Whether all of these can be imported; a package before what is in it."""
    return all(find_spec(package) is not None for package in packages)


def unknown_variables(environment: Mapping[str, str], sections: Collection[str]) -> list[str]:
    """The variables that look like ours and that we do not read: POINTS_DATABASE_URL."""
    known = {f"POINTS_{name.upper()}" for name in sections} | _OWN
    return sorted(
        name
        for name in environment
        if name.startswith("POINTS_") and name.split("__")[0] not in known
    )
