"""Standard input, output and errors of a command, whatever the shell made of them.

Each may be closed, full, a pipe that was left, or of an encoding that lacks our signs.
"""

import codecs
import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from schemas.errors import Exit, PointsError
from schemas.printable import printable

PLAIN = "points.plain"
_SIGNS = {
    "✓": "ok", "✗": "x", "→": "->", "…": "...", "–": "-", "·": "-", "‹": "<", "›": ">", "×": "x",
    "≥": ">=", "≤": "<=", "“": '"', "”": '"', "’": "'",
}  # fmt: skip


class OutputRefused(PointsError):
    """The answer cannot be written to where the shell sends it."""

    code = "output_refused"
    exit_code = Exit.USAGE


def _plainly(error: UnicodeError) -> tuple[str | bytes, int]:
    """What an encoding lacks, in ASCII: an error handler as codecs wants it."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    plain = "".join(
        _SIGNS.get(c) or printable(c).encode("ascii", "backslashreplace").decode() for c in text
    )
    return plain, error.end


codecs.register_error(PLAIN, _plainly)


class _Nowhere(io.TextIOBase):
    """Takes everything and keeps nothing."""

    def write(self, text: str, /) -> int:
        return len(text)

    def writable(self) -> bool:
        return True


class _Closed(io.TextIOBase):
    """An output that the shell closed (`>&-`)."""

    def write(self, text: str, /) -> int:
        del text
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))

    def writable(self) -> bool:
        return True


class _Around:
    """A text stream with other manners; everything else is the stream's."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Answers(_Around):
    """Standard output: what cannot be written is an expected failure.

    A pipe that is read no longer is none: `points … | head` ends quietly.
    """

    def write(self, text: str) -> int:
        with _writing():
            return int(self._stream.write(text))

    def flush(self) -> None:
        with _writing():
            self._stream.flush()


@contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputRefused(
            f"the answer cannot be written: {error.strerror}",
            "look at where standard output goes",
        ) from None


class _Remarks(_Around):
    """Standard errors: logs and remarks. What cannot be written is lost, and ends nothing."""

    def write(self, text: str) -> int:
        with suppress(OSError):
            return int(self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()


@contextmanager
def prepared() -> Iterator[None]:
    """The standard streams for as long as a command runs, each fit for use."""
    before = sys.stdin, sys.stdout, sys.stderr
    _open_again()
    for stream in before[1:]:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=PLAIN)
    # Python has None for a stream that was closed before the start.
    sys.stdin = before[0] or io.TextIOWrapper(io.BytesIO())
    sys.stdout = _Answers(before[1] or _Closed())
    sys.stderr = _Remarks(before[2] or _Nowhere())
    try:
        yield
    finally:
        sys.stdin, sys.stdout, sys.stderr = before
        _leave_nothing_behind()


def _open_again() -> None:
    """Occupies the numbers of closed streams.

    The next socket would get one, and whatever a library writes to its standard errors would go to
    the database.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def give_up_answers() -> None:
    """Standard output takes nothing: what is left in its buffer is not tried again at the end."""
    sys.stdout = _Nowhere()


def _leave_nothing_behind() -> None:
    """Python flushes once more at its end, and a failure there would replace the exit code."""
    for name in ("stdout", "stderr"):
        try:
            getattr(sys, name).flush()
        except AttributeError:
            continue
        except (OSError, ValueError):
            setattr(sys, name, _Nowhere())
