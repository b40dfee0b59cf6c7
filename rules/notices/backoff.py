"""How long a notice waits before it is tried again: full jitter, growing, and what a provider asks.

Full jitter (any time up to a bound that doubles) spreads what failed together; the bound ends at a
quarter of an hour, so that a provider that comes back is noticed.
"""

from datetime import timedelta
from typing import Final

FIRST: Final = timedelta(seconds=1)
LONGEST: Final = timedelta(minutes=15)
LONGEST_ASKED: Final = timedelta(hours=6)
"""A provider that asks for more is tried nevertheless: a slip of its own must not silence it."""


def wait_before(attempt: int, luck: float, retry_after: timedelta | None = None) -> timedelta:
    """How long to wait after the n-th attempt, from 1 on. `luck`: at random in [0, 1).

    Between a second and twice as long as after the attempt before, at most a quarter of an hour;
    not less than the provider asks for.
    """
    bound = min(LONGEST, FIRST * (1 << min(max(attempt, 1), 20)))
    wait = max(FIRST, bound * luck)
    if retry_after is None:
        return wait
    return max(wait, min(retry_after, LONGEST_ASKED) + FIRST * luck)
