"""How a command ends: expected failures become sentences and exit codes instead of tracebacks."""

import sys
from collections.abc import Sequence

from schemas.errors import Exit, PointsError

__all__ = ["Exit", "Failure", "PointsError", "failure_of"]


class Failure(PointsError):
    """A command cannot do what it was asked to. Its exit code is given where it is raised."""

    code = "command_failed"

    def __init__(
        self,
        exit_code: Exit,
        wrong: str | Sequence[str],
        remedy: str = "",
        *,
        where: str = "",
        code: str = code,
    ) -> None:
        """`exit_code` says how the command ends; the rest is as with every PointsError.

        `code`: the word that a refusal, and what is not found, begins with.
        """
        super().__init__(wrong, remedy, where=where)
        self.exit_code = exit_code
        self.code = code


def failure_of(error: Exception) -> PointsError | None:
    """The expected failure that an exception means; None for one that is unexpected.

    Only packages that are loaded can have raised something, so nothing is imported to find out.
    """
    if isinstance(error, PointsError):
        return error
    if isinstance(error, UnicodeEncodeError):
        return _no_value("it is no text in UTF-8")
    for module, translate in (("psycopg", _of_psycopg), ("confluent_kafka", _of_kafka)):
        if module in sys.modules:
            failure = translate(error)
            if failure is not None:
                return failure
    return None


def _of_psycopg(error: Exception) -> PointsError | None:
    import psycopg
    from psycopg import errors

    if not isinstance(error, psycopg.Error):
        return None
    from processors.runtime.masking import mask_text

    text = mask_text(" ".join(str(error).split()))
    if isinstance(error, psycopg.DataError):
        return _no_value(error.diag.message_primary or text)
    if isinstance(error, errors.InsufficientPrivilege):
        return Failure(
            Exit.REFUSED,
            f"PostgreSQL refuses: {text}",
            "use a role that may do this (see `points doctor`)",
            code="missing_rights",
        )
    if isinstance(error, errors.UndefinedTable | errors.UndefinedColumn):
        return Failure(
            Exit.SCHEMA,
            f"the schema is not the one this version knows: {text}",
            "run `points migrate`",
        )
    if isinstance(error, errors.ReadOnlySqlTransaction | errors.DiskFull):
        return Failure(
            Exit.UNREACHABLE,
            f"PostgreSQL writes nothing: {text}",
            "make the database writable, or lead to the one that is; the step that failed "
            "was undone, those before it stand",
        )
    if isinstance(
        error, errors.LockNotAvailable | errors.QueryCanceled | errors.TransactionTimeout
    ):
        return Failure(
            Exit.UNREACHABLE,
            f"PostgreSQL did not answer in time: {text}",
            "`points doctor` names who holds a lock",
        )
    return _of_connection(text) if isinstance(error, psycopg.OperationalError) else None


def _no_value(why: str) -> Failure:
    """A value that was typed and that no column can hold."""
    return Failure(
        Exit.USAGE, f"a value that was given cannot be used: {why}", "see the command's --help"
    )


def _of_connection(text: str) -> PointsError:
    """A refused login ends as it ends a worker, with 2; a server that does not answer with 7."""
    from processors.runtime.database_errors import login_refusal

    return login_refusal(text) or Failure(
        Exit.UNREACHABLE,
        f"PostgreSQL cannot be reached: {text}",
        "check that PostgreSQL runs at the address in POINTS_DATABASE__URL "
        "and lets this machine in",
    )


def _of_kafka(error: Exception) -> PointsError | None:
    from confluent_kafka import KafkaError, KafkaException

    from processors.runtime.kafka.errors import UNKNOWN_TOPIC, kafka_refusal
    from processors.runtime.masking import mask_text

    inner = error.args[0] if isinstance(error, KafkaException) and error.args else None
    if not isinstance(inner, KafkaError):
        return None
    if inner.code() in UNKNOWN_TOPIC:
        return Failure(
            Exit.CURSOR, f"Kafka: {inner.str()}", "create topics with `points topics apply`"
        )
    return kafka_refusal(inner) or Failure(
        Exit.UNREACHABLE,
        f"Kafka: {mask_text(inner.str())}",
        "check POINTS_KAFKA__BOOTSTRAP_SERVERS and the broker",
    )
