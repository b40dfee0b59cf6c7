"""One transaction between two chunks: what became of the last, and that the next may be written.

A chunk is *sending*, committed, before its requests are made: whoever finds it after a crash knows
that they may have been. Both in one commit, since each costs a disk's answer.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from processors.notices.sending.in_hand import by_the_clock
from processors.notices.sending.in_hand.hand import Ready, Sent, ended, put_back
from processors.notices.sending.ports import Outside, Shop
from rules.notices.wishes import is_opted_out
from schemas.ids import SECOND, Micros
from schemas.notices.words import Channel, State, Why
from store.notices.sending import breakers, limits, queue, settling
from store.notices.sending.limits import LeftOut, Parts
from store.notices.sending.queue import Mark, Taken
from store.notices.sending.settling import Ended, Settled
from store.postgres.session import Cursor, Database, meanwhile, transaction


@dataclass(frozen=True, slots=True)
class LimitReached:
    """A shop that used up its parts of a month (such as 202611); told once."""

    merchant_id: str
    month: int
    limit: int


IN_HAND_WAIT: Micros = SECOND
"""For a notice that fits into its shop's month only if one that is being sent comes to nothing."""


@dataclass(frozen=True, slots=True)
class Exchanged:
    """What a transaction did: messages that may be written, notices that ended, and when it was.

    `used_up`: the shops that reached the limit of their month.
    """

    sent: list[Sent] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)
    used_up: list[LimitReached] = field(default_factory=list)
    now: Micros = 0


@dataclass(frozen=True, slots=True)
class _Month:
    """A shop's month with a limit of parts, and what was used of it."""

    shop: Shop
    month: int
    limit: int
    used: Parts


class Exchange:
    """The transactions of one provider's sender."""

    def __init__(self, provider: str, sender: str, lease_us: int, outside: Outside) -> None:
        self._provider, self._sender, self._lease_us = provider, sender, lease_us
        self._outside = outside

    def run(
        self,
        connection: Database,
        done: Sequence[Settled],
        chunk: Sequence[Ready],
        least: UUID,
        work: Callable[[], None] | None = None,
    ) -> Exchanged:
        """Settles what is done, and marks a chunk; both may be empty.

        Whoever does not want to hear by now, and what does not fit into a shop's month, is
        skipped; what changed in hand, or met quiet hours, waits again; what is too late is given
        up. `work` is done while the commit is waited for; see `meanwhile`.
        """
        with transaction(connection) as cursor:
            finished = list(settling.settle(cursor, done))
            # What was settled was so in this transaction: the clock need not be asked once more.
            now = finished[-1].at if finished else breakers.clock(cursor)
            months = self._months(cursor, chunk, now, least)
            going, stopped = self._judged(cursor, chunk, months, now)
            marks = [self._mark(each, now) for each in going]
            marked = queue.mark(cursor, marks, self._sender, self._lease_us, least)
            changed = [r.taken for r in going if r.taken.notice_id not in marked]
            ends = settling.settle(cursor, [*stopped, *put_back(changed)])
            used_up = _used_up(cursor, ends, months.values())
            if work is not None:
                meanwhile(connection, work)
        sent = [
            Sent(ready, marked[ready.taken.notice_id])
            for ready in going
            if ready.taken.notice_id in marked
        ]
        return Exchanged(sent, finished + ends, used_up, now)

    def _judged(
        self, cursor: Cursor, chunk: Sequence[Ready], months: Mapping[int, _Month], now: Micros
    ) -> tuple[list[Ready], list[Settled]]:
        members = sorted({_member(each.taken) for each in chunk})
        wishes = self._outside.opted_out(cursor, members) if members else {}
        in_hand = {number: of.used.in_hand for number, of in months.items()}
        going, stopped = list[Ready](), list[Settled]()
        for ready in chunk:
            taken, parts = ready.taken, ready.worded.parts or 0
            unwanted = wishes.get(_member(taken), frozenset())
            month = months.get(taken.merchant_no)
            left = parts if month is None else month.limit - month.used.owed
            waits = self._by_the_clock(ready, now)
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

    def _by_the_clock(self, ready: Ready, now: Micros) -> Settled | None:
        taken, shop = ready.taken, ready.shop
        late = by_the_clock.too_late(taken, now)
        return late or by_the_clock.quiet(taken, shop, now, self._outside.not_before)

    def _months(
        self, cursor: Cursor, chunk: Sequence[Ready], now: Micros, least: UUID
    ) -> dict[int, _Month]:
        """The months of shops with a limit, of SMS, by their numbers."""
        limited = {
            r.shop.merchant_no: (r.shop, r.shop.limit)
            for r in chunk
            if r.shop.limit is not None and r.taken.channel is Channel.sms
        }
        if not limited:
            return {}
        months = {no: self._outside.month_of(now, shop.zone) for no, (shop, _) in limited.items()}
        used = limits.used(cursor, months.items(), least)
        return {
            no: _Month(shop, months[no], limit, used[no]) for no, (shop, limit) in limited.items()
        }

    def _mark(self, ready: Ready, now: Micros) -> Mark:
        return Mark(
            ready.taken.notice_id,
            ready.taken.sequence,
            self._provider,
            ready.worded.parts,
            self._outside.month_of(now, ready.shop.zone),
            ready.address_hmac,
        )


def _member(taken: Taken) -> tuple[int, str]:
    return taken.merchant_no, taken.member_id


def _used_up(
    cursor: Cursor, ends: Sequence[Ended], months: Collection[_Month]
) -> list[LimitReached]:
    """Counts what was left out of months, and says which of them were used up just now."""
    skipped = Counter(each.merchant_id for each in ends if each.reason == Why.limit)
    of = [each for each in months if skipped[each.shop.merchant_id]]
    first = limits.leave_out(
        cursor,
        [LeftOut(m.shop.merchant_no, m.month, m.limit, skipped[m.shop.merchant_id]) for m in of],
    )
    return [
        LimitReached(m.shop.merchant_id, m.month, m.limit)
        for m in of
        if m.shop.merchant_no in first
    ]
