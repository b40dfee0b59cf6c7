"""The packages of the notices lane, which an engine runs without."""

from collections.abc import Iterator
from contextlib import contextmanager

from cli.support.errors import Exit, Failure


@contextmanager
def needed(what: str) -> Iterator[None]:
    """For imports of what the extra brings; `what` needs them. Raises Failure without them."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise Failure(
            Exit.USAGE,
            f"{what} needs the package {error.name}, which is not installed",
            "install member-points[notices]",
        ) from None
