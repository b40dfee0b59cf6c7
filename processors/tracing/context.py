"""W3C trace contexts: as the header `traceparent` has them, and packed for the plan.

    00-<32 hexadecimal digits of the trace>-<16 of the span>-<2 of flags>

Packed they are 25 bytes: trace, span and flags.
"""

import re
from typing import Final

_W3C: Final = re.compile(rb"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_TRACE, _SPAN, _FLAGS = slice(3, 35), slice(36, 52), slice(53, 55)
SAMPLED: Final = 1
"""The bit of the flags that says that somewhere the trace's spans are kept."""


def is_traceparent(value: bytes) -> bool:
    """Whether it has W3C's form, in the one version that there is."""
    return _W3C.fullmatch(value) is not None


def packed(traceparent: bytes) -> bytes:
    """The 25 bytes of a header in W3C's form."""
    return bytes.fromhex(
        (traceparent[_TRACE] + traceparent[_SPAN] + traceparent[_FLAGS]).decode("ascii")
    )


def traceparent_of(context: bytes) -> bytes:
    """The header of a packed context."""
    return b"00-%b-%b-%b" % (
        context[:16].hex().encode(),
        context[16:24].hex().encode(),
        context[24:].hex().encode(),
    )


def is_sampled(context: bytes) -> bool:
    """Whether the trace of a packed context is kept somewhere."""
    return bool(context[24] & SAMPLED)


def trace_id(traceparent: bytes | None) -> str | None:
    """The trace of a header in W3C's form, as log lines and exemplars name it."""
    return None if traceparent is None else traceparent[_TRACE].decode("ascii")
