"""Logs: one line for what is noteworthy, as text or JSON, without personal data or secrets."""

import logging
import re
import sys
import threading
import time
import traceback
from typing import Literal, cast

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

from processors.runtime.failures import one_line
from processors.runtime.masking import mask_field
from schemas.printable import printable

# What differs between lines of one meaning: the client, the thread, and how long it took.
_CHANGING = re.compile(r"\[[^\]]*\]:? ?|\(after [^)]*\)")
_QUOTED = frozenset(" \t=\r\n\"'")
SAME_LINE_SECONDS = 60.0


def set_up(level: str, form: Literal["auto", "console", "json"], **always: str) -> None:
    """Sets up logging for this process; `always` are fields of every line.

    `auto` is for people on a terminal, and JSON anywhere else.

    Librdkafka's own lines go the same way.
    """
    number = logging.getLevelNamesMapping()[level.upper()]
    is_json = form == "json" or (form == "auto" and not _is_terminal())
    last: list[Processor] = (
        [structlog.processors.JSONRenderer()]  # which escapes all that is not ASCII
        if is_json
        else [make_printable, structlog.dev.ConsoleRenderer(colors=_is_terminal())]
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _crash,
            _without_trace,
            mask_secrets,
            *last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        # One write a line, so that the lines of several workers on one terminal stay whole.
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(**always)
    threading.excepthook = _thread_crashed
    logging.getLogger().handlers[:] = [LibraryHandler(logging.WARNING)]


def _thread_crashed(crashed: threading.ExceptHookArgs) -> None:
    """Python would print the exception with all its values."""
    log().error("thread_crashed", exc_info=crashed.exc_value)


def _is_terminal() -> bool:
    """Whether people read the log as it is written."""
    try:
        return sys.stderr.isatty()
    except (AttributeError, ValueError):  # none, or closed
        return False


def log() -> FilteringBoundLogger:
    """The logger."""
    return cast("FilteringBoundLogger", structlog.get_logger())


def mask_secrets(_: WrappedLogger, __: str, fields: EventDict) -> EventDict:
    """Masks secrets and personal data, by the fields' names and by what is in them."""
    for name, value in fields.items():
        fields[name] = mask_field(name, value)
    return fields


def make_printable(_: WrappedLogger, __: str, fields: EventDict) -> EventDict:
    """A line stays a line, and acts on no terminal: ids in it come from outside."""
    for name, value in fields.items():
        # The renderer quotes a text with blanks, and escapes what is in it.
        if isinstance(value, str) and _QUOTED.isdisjoint(value):
            fields[name] = printable(value)
    return fields


def _without_trace(_: WrappedLogger, __: str, fields: EventDict) -> EventDict:
    """A record without a trace has no field for it."""
    if fields.get("trace_id", "") is None:
        del fields["trace_id"]
    return fields


def _crash(_: WrappedLogger, __: str, fields: EventDict) -> EventDict:
    """An exception as its frames and one plain line: PostgreSQL's detail holds values of rows."""
    error = fields.pop("exc_info", None)
    if isinstance(error, BaseException):
        fields["error"] = f"{type(error).__name__}: {one_line(error)}"
        fields["frames"] = [
            f"{f.filename}:{f.lineno} {f.name}" for f in traceback.extract_tb(error.__traceback__)
        ]
    return fields


class LibraryHandler(logging.Handler):
    """What libraries warn of, as our lines: what they repeat is masked there."""

    def emit(self, record: logging.LogRecord) -> None:
        """Hands one line on."""
        if structlog.is_configured():
            log().warning("library", of=record.name, says=record.getMessage())


class HandingOn(logging.Handler):
    """A library's own log lines, as ours under one name.

    Each at most once a minute: every client repeats it every second.
    """

    def __init__(self, event: str) -> None:
        super().__init__()
        self._event = event
        self._logged_at: dict[str, float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Hands one line on, unless it belongs to a command that prints data."""
        text = _CHANGING.sub("", record.getMessage())
        now = time.monotonic()
        if (
            not structlog.is_configured()
            or now - self._logged_at.get(text, -SAME_LINE_SECONDS) < SAME_LINE_SECONDS
        ):
            return
        self._logged_at[text] = now
        name = "warning" if record.levelno >= logging.WARNING else "debug"
        getattr(log(), name)(self._event, says=text)


def librdkafka_logger() -> logging.Logger:
    """The logger to give to Kafka clients."""
    return hand_on("points.librdkafka", "kafka_client")


def hand_on(name: str, event: str) -> logging.Logger:
    """The library's logger of this name, whose lines are ours from here on, called `event`."""
    logger = logging.getLogger(name)
    if not logger.handlers:
        logger.addHandler(HandingOn(event))
        logger.propagate = False
        logger.setLevel(logging.DEBUG)
    return logger
