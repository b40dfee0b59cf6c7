"""Messages of the local stack to the person who waits for it."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console


def console() -> Console:
    """Standard error, so that printed environment lines stay clean.

    Made for each use, since tests redirect it.
    """
    return Console(file=sys.stderr, highlight=False, soft_wrap=True)


@contextmanager
def step(what: str) -> Iterator[None]:
    """Show a spinner on a terminal, a line elsewhere, and at the end how long it took."""
    out = console()
    started = time.monotonic()
    if not out.is_terminal:
        out.print(f"{what} …", markup=False)
    with out.status(what):
        yield
    out.print(f"{what}: {time.monotonic() - started:.1f} s", markup=False)


def note(text: str) -> None:
    """One line for the person."""
    console().print(text, markup=False)


def warn(text: str) -> None:
    """One line that must not be overlooked."""
    console().print(f"WARNING: {text}", style="bold yellow", markup=False)
