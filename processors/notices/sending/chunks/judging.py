"""Which messages of a chunk may be written after all: asked where that is committed.

Since they were worded, somebody may have opted out, quiet hours begun, a shop used up its month.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from processors.notices.sending.chunks.months import Month
from processors.notices.sending.in_hand import by_the_clock
from processors.notices.sending.in_hand.hand import Ready, put_back, unsaid
from rules.notices.wishes import is_opted_out
from schemas.ids import SECOND, Micros
from schemas.notices.words import State, Why
from store.notices.members.members import Member
from store.notices.members.optouts import OptedOut
from store.notices.sending.settling import Settled

IN_HAND_WAIT: Micros = SECOND
"""For a notice that fits into its shop's month only if one that is being sent comes to nothing."""


class Judged(NamedTuple):
    """Those of a chunk that go, and what becomes of the others.

    `afterwards`: what is settled in the next transaction. What may have arrived is metered as
    unknown, and rows of the meter are locked by one statement of a transaction, in one order.
    """

    going: list[Ready]
    stopped: list[Settled]
    afterwards: list[Settled]


def judged(
    chunk: Sequence[Ready],
    wishes: Mapping[Member, OptedOut],
    months: Mapping[int, Month],
    now: Micros,
    not_before: Callable[[Micros, str | None, str], Micros],
) -> Judged:
    """What may be written of a chunk, and what not. `not_before` as of `Outside`."""
    in_hand = {number: of.used.in_hand for number, of in months.items()}
    going, others = list[Ready](), list[Settled]()
    for ready in chunk:
        taken, parts = ready.taken, ready.worded.parts or 0
        unwanted = wishes.get(taken.member, frozenset())
        waits = by_the_clock.too_late(taken, now) or by_the_clock.quiet(
            taken, ready.shop, now, not_before
        )
        month = months.get(taken.merchant_no)
        left = parts if month is None else month.limit - month.used.owed
        if is_opted_out(unwanted, taken.channel, taken.kind):
            others.append(unsaid(taken, State.skipped, Why.opted_out))
        elif waits is not None:
            others.append(waits)
        elif left < parts:
            others.append(unsaid(taken, State.skipped, Why.limit))
        elif left - in_hand.get(taken.merchant_no, 0) < parts:
            others += put_back([taken], delay_us=IN_HAND_WAIT)
        else:
            if month is not None:
                in_hand[taken.merchant_no] += parts
            going.append(ready)
    stopped = [each for each in others if each.state is not State.unknown]
    return Judged(going, stopped, [each for each in others if each.state is State.unknown])
