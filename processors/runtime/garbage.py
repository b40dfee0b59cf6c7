"""The cycle collector, at times of our choosing.

A batch makes some hundred thousand short-lived values and no cycles; collecting in its middle costs
a fifth of the CPU and finds nothing. So the collector is off while batches run, and looks now and
then for what errors left behind.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

TURNS_BETWEEN = 500


@contextmanager
def paused() -> Iterator[None]:
    """Lets what is loaded meanwhile be made at once: it lives for ever, and none of it is garbage.

    Looking through it again and again would take a seventh of a worker's start.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class Garbage:
    """Switches the collector off; `turn` runs it every so many turns."""

    def __init__(self, turns_between: int = TURNS_BETWEEN) -> None:
        """What lives now lives for ever, so later collections need not look at it."""
        self._between = turns_between
        gc.collect()
        gc.freeze()
        gc.disable()
        self._turns = 0

    def turn(self) -> None:
        """Counts a turn of the loop."""
        self._turns += 1
        if self._turns % self._between == 0:
            gc.collect()
