"""What surrounds a record's value, read in one place: its key, headers and time.

Producers put anything there, and none of it may stop intake (architecture.md 2.6).
"""

from operator import methodcaller
from typing import Any, Final

from processors.tracing.context import is_traceparent
from schemas.ids import Micros
from store.streams.outbox import TRACEPARENT

_LATEST_MS: Final = 253_402_300_799_999
"""The end of the year 9999: what lies beyond it is no time that anybody could be shown."""

_headers: Final = methodcaller("headers")
"""The client answers over a name that is not UTF-8 and leaves its error pending. A call from C sees
that at once; one that the interpreter has specialised does not, and the error comes up anywhere.
"""

Headers = list[tuple[str, bytes | None]]


def key_of(message: Any) -> bytes | None:
    """The record's key."""
    key = message.key()
    return key.encode() if isinstance(key, str) else key


def headers_of(message: Any) -> Headers:
    """The record's headers; none when the client cannot read them.

    It fails over a name that is not UTF-8. Asked again, it answers with a list that has holes in
    it, and whoever looks into a hole ends the process: so the message forgets them.
    """
    try:
        return list(_headers(message) or ())
    except (SystemError, ValueError):
        message.set_headers([])
        return []


def received_ms(message: Any) -> int:
    """The record's own time in milliseconds, 0 where it has none."""
    moment: int = message.timestamp()[1]
    # Asked of every record: `min` and `max` would be two calls more.
    return moment if 0 <= moment <= _LATEST_MS else max(0, min(moment, _LATEST_MS))


def received_at(message: Any) -> Micros:
    """The record's own time, 0 where it has none."""
    return received_ms(message) * 1000


def traceparent_of(message: Any) -> bytes | None:
    """The trace that the record belongs to, if a header says one in W3C's form.

    It goes on to the public topic, so that nothing else may pass for one.
    """
    for name, value in headers_of(message):
        if name == TRACEPARENT and isinstance(value, bytes) and is_traceparent(value):
            return value
    return None
