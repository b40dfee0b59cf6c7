"""What the clock alone decides of a notice in hand: whether it is too late, or quiet hours.

Asked when it is worded, and once more when it may be written: half a lease can lie between.
"""

from collections.abc import Callable

from processors.notices.sending.in_hand.hand import ended
from processors.notices.sending.ports import Shop
from rules.notices.outcomes import given_up
from schemas.ids import DAY, Micros
from schemas.notices.words import State
from store.notices.sending.queue import Taken
from store.notices.sending.settling import Settled

LONGEST_QUIET: Micros = 7 * DAY
"""Until it is looked at again where quiet hours leave no time: it is too late by then."""


def too_late(taken: Taken, now: Micros) -> Settled | None:
    """What becomes of a notice that could not go in time."""
    if taken.give_up_us > now:
        return None
    late = given_up(taken.asked_us)
    return ended(taken, late.state, late.reason)


def quiet(
    taken: Taken, shop: Shop, now: Micros, not_before: Callable[[Micros, str | None, str], Micros]
) -> Settled | None:
    """That it waits until its shop's members may be disturbed; `not_before` as of `Outside`."""
    wait = not_before(now, shop.quiet.get(taken.channel), shop.zone) - now
    return ended(taken, State.waiting, "quiet", min(wait, LONGEST_QUIET)) if wait > 0 else None
