"""How a command ends: exit codes, and expected failures as sentences instead of tracebacks."""

import sys
from collections.abc import Sequence
from enum import IntEnum

TABLE = (
    (0, "done"),
    (1, "unexpected error, or something that `doctor` or a question left undone"),
    (2, "wrong usage or configuration; a login that Kafka or PostgreSQL refuses"),
    (3, "the database's schema or version is not the one this version works with"),
    (4, "a topic or a cursor is not as it must be"),
    (
        5,
        "refused: invalid settings, another version in force, a dead letter already dealt with, missing rights",
    ),
    (6, "not found: merchant, version, dead letter, pipeline, carrier's code"),
    (7, "Kafka or PostgreSQL cannot be reached"),
)


class Exit(IntEnum):
    """The exit codes of every command.

    Scripts rely on them: a number never gets another meaning.
    """

    OK = 0
    UNEXPECTED = 1
    USAGE = 2
    SCHEMA = 3
    CURSOR = 4
    REFUSED = 5
    NOT_FOUND = 6
    UNREACHABLE = 7


class Failure(Exception):
    """An expected failure: the exit code, what was wrong (a line each), and what to do."""

    def __init__(self, code: Exit, wrong: str | Sequence[str], remedy: str = "") -> None:
        """`wrong` is one line or several, without the word "error"."""
        self.code = code
        self.lines = (wrong,) if isinstance(wrong, str) else tuple(wrong)
        self.remedy = remedy
        super().__init__("\n".join(self.lines))


def failure_of(error: Exception) -> Failure | None:
    """The failure that an exception means; None for one that nobody expected.

    Only packages that are loaded can have raised something, so nothing is imported to find out.
    """
    if isinstance(error, Failure):
        return error
    for module, known in (
        ("store", _of_store),
        ("psycopg", _of_psycopg),
        ("confluent_kafka", _of_kafka),
    ):
        if module in sys.modules:
            found = known(error)
            if found is not None:
                return found
    return None


def _of_store(error: Exception) -> Failure | None:
    name, text = type(error).__name__, str(error)
    if not type(error).__module__.startswith(("store.", "processors.", "schemas.")):
        return None
    match name:
        case "SchemaMismatch":
            return Failure(Exit.SCHEMA, text)
        case "TopicChanged" | "CursorRefused" | "Paused":
            return Failure(Exit.CURSOR, text)
        case "SettingsError":
            return Failure(Exit.REFUSED, text.split("\n"))
        case "VersionConflict" | "AlreadyDone":
            return Failure(Exit.REFUSED, text)
        case "UnknownMerchant" | "UnknownLetters":
            return Failure(Exit.NOT_FOUND, text)
        case _:
            return None


def _of_psycopg(error: Exception) -> Failure | None:
    import psycopg

    if not isinstance(error, psycopg.Error):
        return None
    text = " ".join(str(error).split())
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return Failure(
            Exit.REFUSED,
            f"PostgreSQL refuses: {text}",
            "use a role that may do this (see `points doctor`)",
        )
    if isinstance(error, psycopg.errors.UndefinedTable | psycopg.errors.UndefinedColumn):
        return Failure(
            Exit.SCHEMA,
            f"the schema is not the one this version knows: {text}",
            "run `points migrate`",
        )
    if isinstance(error, psycopg.OperationalError):
        return _of_connection(text)
    return None


_LOGIN = (
    "password authentication failed",
    "no password supplied",
    "no pg_hba.conf entry",
    "not permitted to log in",
)


def _of_connection(text: str) -> Failure:
    """As the workers end (DESIGN 4): who is refused mends the configuration, who is not heard waits or looks around."""
    if any(part in text for part in _LOGIN):
        remedy = "check user and password in POINTS_DATABASE__URL (or POINTS_DATABASE__OWNER_URL, when migrating)"
        return Failure(Exit.USAGE, f"PostgreSQL refuses us: {text}", remedy)
    if "does not exist" in text:
        remedy = "check the database and the user in POINTS_DATABASE__URL; create what is missing"
        return Failure(Exit.USAGE, f"PostgreSQL refuses us: {text}", remedy)
    remedy = (
        "check that PostgreSQL runs at the address in POINTS_DATABASE__URL and lets this machine in"
    )
    return Failure(Exit.UNREACHABLE, f"PostgreSQL cannot be reached: {text}", remedy)


def _of_kafka(error: Exception) -> Failure | None:
    from confluent_kafka import KafkaError, KafkaException

    if (
        not isinstance(error, KafkaException)
        or not error.args
        or not isinstance(error.args[0], KafkaError)
    ):
        return None
    told = error.args[0]
    if told.code() == KafkaError._INVALID_ARG:  # noqa: SLF001 - librdkafka's name for it
        return Failure(
            Exit.USAGE, f"the Kafka configuration is refused: {told.str()}", "mend POINTS_KAFKA__…"
        )
    denied = (
        KafkaError._AUTHENTICATION,  # noqa: SLF001 - librdkafka's name
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    )
    if told.code() in (
        *denied,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
    ):
        return Failure(
            Exit.USAGE,
            f"Kafka refuses us: {told.str()}",
            "check POINTS_KAFKA__SASL_… and the rights of this user",
        )
    if told.code() in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC):  # noqa: SLF001 - as above
        return Failure(
            Exit.CURSOR, f"Kafka: {told.str()}", "create topics with `points topics apply`"
        )
    return Failure(
        Exit.UNREACHABLE,
        f"Kafka: {told.str()}",
        "check POINTS_KAFKA__BOOTSTRAP_SERVERS and the broker",
    )
