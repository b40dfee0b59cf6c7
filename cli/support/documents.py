"""Files that a person hands to a command."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from cli.support.errors import Exit, Failure


def read_document(file: Path) -> bytes:
    """The bytes of a document; of one that is too large only so many as tell that it is.

    `-` is standard input. Raises Failure.
    """
    import sys

    from schemas.settings.parsing import MAX_BYTES

    if str(file) == "-":
        return sys.stdin.buffer.read(MAX_BYTES + 1)
    return read_file(file, MAX_BYTES + 1)


@contextmanager
def open_file(file: Path) -> Iterator[BinaryIO]:
    """A file to be read as a stream; `-` is standard input. Raises Failure."""
    import sys

    if str(file) == "-":
        yield sys.stdin.buffer
        return
    with ExitStack() as opened:
        try:
            source = opened.enter_context(file.open("rb"))
            source.peek(1)  # a folder can be opened, and not read
        except (OSError, ValueError) as error:  # ValueError: a NUL in the name
            raise _unreadable(file, error) from None
        yield source


def read_file(file: Path, limit: int) -> bytes:
    """The first `limit` bytes of a file at most. Raises Failure."""
    try:
        with file.open("rb") as source:
            return source.read(limit)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise _unreadable(file, error) from None


def _unreadable(file: Path, error: Exception) -> Failure:
    why = error.strerror if isinstance(error, OSError) else "that is no name of a file"
    return Failure(Exit.USAGE, f"{file} cannot be read: {why}", "name a file that can be read")


def shown_name(file: Path) -> str:
    """The name of a document, for people."""
    return "standard input" if str(file) == "-" else str(file)
