"""Logs: one line for what is noteworthy, for people or as JSON, without personal data and without secrets."""

import logging
import re
import sys
import traceback
from collections.abc import Mapping, MutableMapping
from typing import Any, Literal, cast

import structlog

from processors.runtime.failures import plain

_SECRET_NAME = re.compile(r"passw|secret|token|credential", re.IGNORECASE)
_IN_URL = re.compile(r"(://[^:/@\s]*:)[^@\s]+@")
_IN_TEXT = re.compile(r"(password\s*=\s*)('[^']*'|\S+)", re.IGNORECASE)
MASK = "***"

Fields = MutableMapping[str, Any]


def set_up(level: str, form: Literal["console", "json"], **always: str) -> None:
    """Sets up logging for this process; `always` are fields of every line. Librdkafka's own lines go the same way."""
    number = logging.getLevelNamesMapping()[level.upper()]
    last: Any = structlog.processors.JSONRenderer() if form == "json" else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _crash,
            mask_secrets,
            last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        # One write a line, so that the lines of several workers on one terminal stay whole.
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(**always)


def log() -> Any:
    """The logger."""
    return structlog.get_logger()


def mask_text(text: str) -> str:
    """The text without passwords of URLs and connection strings."""
    return _IN_TEXT.sub(rf"\g<1>{MASK}", _IN_URL.sub(rf"\g<1>{MASK}@", text))


def mask_secrets(_: Any, __: str, fields: Fields) -> Fields:
    """Masks fields whose names speak of secrets, and secrets inside texts."""
    for name, value in fields.items():
        if _SECRET_NAME.search(name):
            fields[name] = MASK
        elif isinstance(value, str):
            fields[name] = mask_text(value)
    return fields


def _crash(_: Any, __: str, fields: Fields) -> Mapping[str, Any]:
    """An exception as its frames and one plain line: PostgreSQL's detail holds values of rows, which are not for logs."""
    error = fields.pop("exc_info", None)
    if isinstance(error, BaseException):
        fields["error"] = f"{type(error).__name__}: {plain(error)}"
        fields["frames"] = [f"{f.filename}:{f.lineno} {f.name}" for f in traceback.extract_tb(error.__traceback__)]
    return cast("Mapping[str, Any]", fields)


class LibrdkafkaHandler(logging.Handler):
    """Librdkafka's own log lines, as ours."""

    def emit(self, record: logging.LogRecord) -> None:
        """Hands one line on; most of them are about connections, which readiness tells better."""
        if not structlog.is_configured():
            return  # a command that prints data: its output is not for our lines
        name = "warning" if record.levelno >= logging.WARNING else "debug"
        getattr(log(), name)("kafka_client", says=record.getMessage())


def librdkafka_logger() -> logging.Logger:
    """The logger to give to Kafka clients."""
    logger = logging.getLogger("points.librdkafka")
    if not logger.handlers:
        logger.addHandler(LibrdkafkaHandler())
        logger.propagate = False
        logger.setLevel(logging.DEBUG)
    return logger
