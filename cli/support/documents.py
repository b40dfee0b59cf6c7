"""Files that a person hands to a command."""

from pathlib import Path

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


def read_file(file: Path, limit: int) -> bytes:
    """The first `limit` bytes of a file at most. Raises Failure."""
    try:
        with file.open("rb") as source:
            return source.read(limit)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        why = error.strerror if isinstance(error, OSError) else "that is no name of a file"
        raise Failure(
            Exit.USAGE, f"{file} cannot be read: {why}", "name a file that can be read"
        ) from None


def shown_name(file: Path) -> str:
    """The name of a document, for people."""
    return "standard input" if str(file) == "-" else str(file)
