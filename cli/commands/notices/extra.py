"""The packages of the notices lane, which an engine runs without."""

from collections.abc import Iterator
from contextlib import contextmanager

from cli.support.errors import Exit, Failure


@contextmanager
def needed() -> Iterator[None]:
    """For imports of what the extra brings. Raises Failure when it is not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise Failure(
            Exit.USAGE,
            f"this command needs the package {error.name}, which is not installed",
            "install member-points[notices]",
        ) from None
