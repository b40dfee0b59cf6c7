"""What can go wrong with a worker: what ends it with which exit code, and what it waits out (DESIGN 2.6, 2.7)."""

from enum import IntEnum

import psycopg
from confluent_kafka import KafkaError, KafkaException

from store.postgres.migrate import SchemaMismatch


class Exit(IntEnum):
    """Exit codes of `points run`.

    A supervisor restarts after CRASHED only: the others need somebody to act.
    """

    OK = 0
    CRASHED = 1
    CONFIGURATION = 2
    SCHEMA = 3
    TOPIC = 4


class TopicChanged(Exception):
    """The topic behind a name is missing, or another one than the cursor knows, or the cursor lies outside its log."""


class Refused(Exception):
    """The worker cannot do its work until somebody acts: the exit code, what is wrong and what to do."""

    def __init__(self, code: Exit, message: str) -> None:
        """`message` names what is wrong, where, and what to do."""
        super().__init__(message)
        self.code = code


_WAITED_OUT = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.errors.IdleInTransactionSessionTimeout,
    psycopg.errors.ReadOnlySqlTransaction,  # a standby took over, and this one is no longer the primary
)
_LOGIN_REFUSED = (
    "password authentication failed",
    "no password supplied",
    "no pg_hba.conf entry",
    "is not permitted to log in",
    "permission denied for database",
)
_DENIED = (
    KafkaError._AUTHENTICATION,  # noqa: SLF001 - librdkafka's name
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
)


def is_waited_out(error: BaseException) -> bool:
    """Whether it is the infrastructure's trouble, which passes: the worker stays up and tries again."""
    if isinstance(error, KafkaException):
        return not kafka_error(error).fatal()
    return isinstance(error, _WAITED_OUT)


def kafka_error(error: KafkaException) -> KafkaError:
    """The error inside the exception."""
    inner = error.args[0] if error.args else None
    return inner if isinstance(inner, KafkaError) else KafkaError(KafkaError.UNKNOWN)


def refusal(error: BaseException, *, first: bool) -> Refused | None:
    """The reason to end at once, if the error is one. `first`: the worker was never connected yet.

    A login refused later is waited out: passwords are changed in two places, one after the other.
    """
    if isinstance(error, Refused):
        return error
    if isinstance(error, SchemaMismatch):
        return Refused(Exit.SCHEMA, str(error))
    if isinstance(error, TopicChanged):
        return Refused(Exit.TOPIC, str(error))
    if isinstance(error, KafkaException):
        return _kafka_refusal(kafka_error(error))
    return _login_refusal(error) if first and isinstance(error, psycopg.Error) else None


def _kafka_refusal(error: KafkaError) -> Refused | None:
    if error.code() in _DENIED:
        return Refused(
            Exit.CONFIGURATION,
            f"Kafka refuses us ({error.str()}): check POINTS_KAFKA__… and the rights of this user",
        )
    if error.code() == KafkaError._INVALID_ARG:  # noqa: SLF001 - librdkafka's name
        return Refused(
            Exit.CONFIGURATION,
            f"the Kafka client refuses its configuration ({error.str()}): check POINTS_KAFKA__…",
        )
    return None


def _login_refusal(error: psycopg.Error) -> Refused | None:
    text = one_line(error)
    if isinstance(error, psycopg.errors.InsufficientPrivilege) or any(
        part in text for part in _LOGIN_REFUSED
    ):
        return Refused(
            Exit.CONFIGURATION,
            f"the database refuses us ({text}): check POINTS_DATABASE__URL and the rights of its user",
        )
    if "role" in text and "does not exist" in text and isinstance(error, psycopg.DataError):
        return Refused(Exit.SCHEMA, f"the database was not migrated ({text}): run `points migrate`")
    if "does not exist" in text and isinstance(error, psycopg.OperationalError):
        return Refused(
            Exit.CONFIGURATION,
            f"the database refuses us ({text}): check the name in POINTS_DATABASE__URL",
        )
    return None


def one_line(error: BaseException) -> str:
    """The error in one line, without the values that PostgreSQL adds as detail."""
    if isinstance(error, KafkaException):
        inner = kafka_error(error)
        return f"{inner.name()}: {inner.str()}"
    if isinstance(error, psycopg.Error) and error.diag.message_primary:
        return error.diag.message_primary
    text = str(error).partition("DETAIL:")[0] if isinstance(error, psycopg.Error) else str(error)
    return " ".join(text.split()) or type(error).__name__
