"""Which messages of a chunk may be written after all: asked where that is committed.

Since they were worded, somebody may have opted out, quiet hours begun, a shop used up its month.
"""

from collections.abc import Callable, Mapping, Sequence

from processors.notices.sending.chunks.months import Month
from processors.notices.sending.in_hand import by_the_clock
from processors.notices.sending.in_hand.hand import Ready, ended, put_back
from rules.notices.wishes import is_opted_out
from schemas.ids import SECOND, Micros
from schemas.notices.words import State, Why
from store.notices.members.members import Member
from store.notices.members.optouts import OptedOut
from store.notices.sending.settling import Settled

IN_HAND_WAIT: Micros = SECOND
"""For a notice that fits into its shop's month only if one that is being sent comes to nothing."""


def judged(
    chunk: Sequence[Ready],
    wishes: Mapping[Member, OptedOut],
    months: Mapping[int, Month],
    now: Micros,
    not_before: Callable[[Micros, str | None, str], Micros],
) -> tuple[list[Ready], list[Settled]]:
    """Those that go, and what becomes of the others. `not_before` as of `Outside`."""
    in_hand = {number: of.used.in_hand for number, of in months.items()}
    going, stopped = list[Ready](), list[Settled]()
    for ready in chunk:
        taken, parts = ready.taken, ready.worded.parts or 0
        unwanted = wishes.get(taken.member, frozenset())
        waits = _by_the_clock(ready, now, not_before)
        month = months.get(taken.merchant_no)
        left = parts if month is None else month.limit - month.used.owed
        if is_opted_out(unwanted, taken.channel, taken.kind):
            stopped.append(ended(taken, State.skipped, Why.opted_out))
        elif waits is not None:
            stopped.append(waits)
        elif left < parts:
            stopped.append(ended(taken, State.skipped, Why.limit))
        elif left - in_hand.get(taken.merchant_no, 0) < parts:
            stopped += put_back([taken], delay_us=IN_HAND_WAIT)
        else:
            if month is not None:
                in_hand[taken.merchant_no] += parts
            going.append(ready)
    return going, stopped


def _by_the_clock(
    ready: Ready, now: Micros, not_before: Callable[[Micros, str | None, str], Micros]
) -> Settled | None:
    taken = ready.taken
    late = by_the_clock.too_late(taken, now)
    if late is None:
        return by_the_clock.quiet(taken, ready.shop, now, not_before)
    # What may have arrived is metered as unknown. Rows of the meter are locked by one statement of
    # a transaction, in one order, and that one is over: whoever takes it next says so.
    return late if taken.asked_us is None else put_back([taken])[0]
