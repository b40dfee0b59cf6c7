"""One transaction between two chunks: what became of the last, and that the next may be written.

A chunk is *sending*, committed, before its requests are made: whoever finds it after a crash knows
that they may have been. Both in one commit, since each costs a disk's answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from processors.notices.sending.hand import Ready, Sent, ended, put_back
from processors.notices.sending.ports import Outside
from rules.notices.wishes import is_opted_out
from schemas.ids import Micros
from schemas.notices.words import State, Why
from store.notices import breakers, meter, queue, settling
from store.notices.queue import Mark, Taken
from store.notices.settling import Ended, Settled
from store.postgres.session import Cursor, Database, transaction


@dataclass(frozen=True, slots=True)
class Exchanged:
    """What a transaction did: messages that may be written, notices that ended, and when it was."""

    sent: list[Sent] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)
    now: Micros = 0


class Exchange:
    """The transactions of one provider's sender."""

    def __init__(self, provider: str, sender: str, lease_us: int, outside: Outside) -> None:
        self._provider, self._sender, self._lease_us = provider, sender, lease_us
        self._outside = outside

    def run(
        self, connection: Database, done: Sequence[Settled], chunk: Sequence[Ready], least: UUID
    ) -> Exchanged:
        """Settles what is done, and marks a chunk; both may be empty.

        Whoever does not want to hear by now, and a shop that has used up its month, is skipped;
        what changed in hand waits again.
        """
        with transaction(connection) as cursor:
            finished = list(settling.settle(cursor, done))
            now = breakers.clock(cursor)
            going, stopped = self._judged(cursor, chunk, now)
            marks = [self._mark(each, now) for each in going]
            marked = queue.mark(cursor, marks, self._sender, self._lease_us, least)
            changed = [r.taken for r in going if r.taken.notice_id not in marked]
            finished += settling.settle(cursor, [*stopped, *put_back(changed)])
        sent = [
            Sent(ready, marked[ready.taken.notice_id])
            for ready in going
            if ready.taken.notice_id in marked
        ]
        return Exchanged(sent, finished, now)

    def _judged(
        self, cursor: Cursor, chunk: Sequence[Ready], now: Micros
    ) -> tuple[list[Ready], list[Settled]]:
        members = sorted({_member(each.taken) for each in chunk})
        wishes = self._outside.opted_out(cursor, members) if members else {}
        left = self._left_of_limits(cursor, chunk, now)
        going, stopped = list[Ready](), list[Settled]()
        for ready in chunk:
            taken = ready.taken
            unwanted = wishes.get(_member(taken), frozenset())
            parts = ready.worded.parts or 0
            if is_opted_out(unwanted, taken.channel, taken.kind):
                stopped.append(ended(taken, State.skipped, Why.opted_out))
            elif left.get(taken.merchant_no, parts) < parts:
                stopped.append(ended(taken, State.skipped, Why.limit))
            else:
                if taken.merchant_no in left:
                    left[taken.merchant_no] -= parts
                going.append(ready)
        return going, stopped

    def _left_of_limits(
        self, cursor: Cursor, chunk: Sequence[Ready], now: Micros
    ) -> dict[int, int]:
        """How many parts shops with a limit may still send this month."""
        limited = {r.shop.merchant_no: r.shop for r in chunk if r.shop.limit is not None}
        if not limited:
            return {}
        channel = chunk[0].taken.channel
        months = {no: self._outside.month_of(now, shop.zone) for no, shop in limited.items()}
        used = meter.used(cursor, channel, months.items())
        return {
            no: (shop.limit or 0) - used.get((no, months[no]), 0) for no, shop in limited.items()
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
