"""What a worker does about an error: wait, end with an exit code, or crash.

See architecture.md 2.6, 2.7.
"""

import psycopg
from confluent_kafka import KafkaException

from processors.runtime.database_errors import login_refusal, rights_refusal
from processors.runtime.kafka.errors import kafka_error, kafka_refusal
from processors.runtime.masking import mask_text
from schemas.errors import Exit, PointsError
from store.postgres.migrate import SchemaMismatch
from store.postgres.session import Database
from store.valkey.errors import ReadModelUnavailable

NEEDS_OPERATOR = (Exit.USAGE, Exit.SCHEMA, Exit.CURSOR)
"""A worker that ended with one of these would only end the same way again.

After every other code the supervisor starts it again.
"""


class TopicChanged(PointsError):
    """A topic is missing or was recreated, or the cursor lies outside its log."""

    code = "topic_changed"
    exit_code = Exit.CURSOR


_WAITED_OUT = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.errors.IdleInTransactionSessionTimeout,
    psycopg.errors.TransactionTimeout,
    # A standby took over, and this one is no longer the primary.
    psycopg.errors.ReadOnlySqlTransaction,
    ReadModelUnavailable,
)


def is_waited_out(error: BaseException) -> bool:
    """Whether the infrastructure is in trouble that passes: the worker stays up and tries again."""
    if isinstance(error, KafkaException):
        return not kafka_error(error).fatal()
    return isinstance(error, _WAITED_OUT)


TROUBLES = (psycopg.Error, KafkaException, ReadModelUnavailable)
"""What servers fail with; nothing else is ever waited out."""


def waited_out(error: Exception, *, first: bool) -> str:
    """One of TROUBLES in one line, if it passes; for whoever does one thing until it is done.

    Raises what ends the worker otherwise: the refusal, or the error itself. See `refusal`.
    """
    refused = refusal(error, first=first)
    if refused is not None:
        raise refused from error
    if not is_waited_out(error):
        raise error
    return one_line(error)


def leave_standby(error: BaseException, connection: Database | None) -> None:
    """Closes a connection to a server that takes no writes; any other error leaves it as it is.

    After a failover a name may lead to the old primary for a while. Such a connection would last,
    and the next one can lead to the new primary.
    """
    if isinstance(error, psycopg.errors.ReadOnlySqlTransaction) and connection is not None:
        connection.close()


def server_of(error: BaseException) -> str:
    """Which server an error comes from that is waited out, as people know it."""
    if isinstance(error, psycopg.Error):
        return "database"
    return "redis" if isinstance(error, ReadModelUnavailable) else "kafka"


def is_too_slow(error: BaseException) -> bool:
    """Whether a limit in time ended a statement or a transaction: a smaller batch may keep it."""
    return isinstance(
        error,
        (
            psycopg.errors.LockNotAvailable,
            psycopg.errors.QueryCanceled,
            psycopg.errors.IdleInTransactionSessionTimeout,
            psycopg.errors.TransactionTimeout,
        ),
    )


def refusal(error: BaseException, *, first: bool) -> PointsError | None:
    """Why the worker must end until an operator acts; None when it need not.

    `first`: it never worked yet. A login or a right refused later is waited out: passwords are
    changed in two places, one after the other, and what is lost by mistake comes back.
    """
    if isinstance(error, PointsError):
        return error if error.exit_code in NEEDS_OPERATOR else None
    if not first:
        return None
    if isinstance(error, KafkaException):
        return kafka_refusal(kafka_error(error))
    return _database_refusal(error) if isinstance(error, psycopg.Error) else None


def _database_refusal(error: psycopg.Error) -> PointsError | None:
    text = one_line(error)
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return rights_refusal(text)
    if isinstance(error, psycopg.DataError) and "role" in text and "does not exist" in text:
        return SchemaMismatch(f"the database was not migrated: {text}", "run `points migrate`")
    return login_refusal(text) if isinstance(error, psycopg.OperationalError) else None


def one_line(error: BaseException) -> str:
    """The error in one line, without the values that PostgreSQL adds as detail, and no password."""
    if isinstance(error, KafkaException):
        inner = kafka_error(error)
        return mask_text(f"{inner.name()}: {inner.str()}")
    if isinstance(error, psycopg.Error) and error.diag.message_primary:
        return mask_text(error.diag.message_primary)
    text = str(error).partition("DETAIL:")[0] if isinstance(error, psycopg.Error) else str(error)
    return mask_text(" ".join(text.split())) or type(error).__name__
