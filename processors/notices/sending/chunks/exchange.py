"""One transaction between two chunks: what became of the last, and that the next may be written.

A chunk is *sending*, committed, before its requests are made: whoever finds it after a crash knows
that they may have been. Both in one commit, since each costs a disk's answer; and in two round
trips, since each costs nearly as much.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias
from uuid import UUID

from processors.notices.sending.chunks.judging import judged
from processors.notices.sending.chunks.months import LimitReached, limited_of, months_of, used_up
from processors.notices.sending.in_hand.hand import Ready, Sent, put_back
from processors.notices.sending.ports import Outside
from schemas.ids import Micros
from store.notices.members.members import Member
from store.notices.members.optouts import OptedOut
from store.notices.sending import breakers, queue, settling
from store.notices.sending.queue import Mark, Marked, Taken
from store.notices.sending.settling import Ended, Moved, Settled
from store.postgres.session import Answer, Cursor, Database, meanwhile, quick_transaction, raw

_Asked: TypeAlias = tuple[Answer[Moved], Answer[Mapping[Member, OptedOut]] | None]
"""What becomes of what is done, and what members want; here, since it is made each time else."""


@dataclass(frozen=True, slots=True)
class Exchanged:
    """What a transaction did: messages that may be written, and notices that ended.

    `afterwards`: what is to be written down next, of those that changed in hand, which wait again,
    and of those of which nobody knows. `used_up`: the shops that reached the limit of their month.
    """

    sent: list[Sent] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)
    afterwards: list[Settled] = field(default_factory=list)
    used_up: list[LimitReached] = field(default_factory=list)


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
        skipped; what met quiet hours waits again; what is too late is given up. `work` is done
        while the commit is waited for, if it is; see `meanwhile`.
        """
        members, limited = [each.taken.member for each in chunk], limited_of(chunk)

        def ask(cursor: Cursor) -> _Asked:
            settled = settling.send_to_settle(cursor, done)
            # Whoever waits for a shop's month asks behind that what its members want.
            wishes = None if limited else self._outside.opted_out(raw(connection), members)
            return settled, wishes

        with quick_transaction(connection, ask) as quick:
            cursor, (moved_as, wishes) = quick.cursor, quick.asked
            moved = moved_as()
            # What was settled was so in this transaction: the clock need not be asked once more.
            now = moved.ended[-1].at if moved.ended else breakers.clock(cursor)
            months = months_of(cursor, limited, now, self._outside.month_of, least)
            wishes = wishes or self._outside.opted_out(cursor, members)
            found = judged(chunk, wishes(), months, now, self._outside.not_before)
            ends = settling.settle(cursor, found.stopped)
            reached = used_up(cursor, ends, months.values())
            quick.last()
            marks = [self._mark(each, now) for each in found.going]
            marked_as = queue.mark(raw(connection), marks, self._sender, self._lease_us, least)
            settling.announce(cursor, moved.told)  # made while PostgreSQL marks
            if work is not None:
                meanwhile(connection, work)
        sent, changed = _parted(found.going, marked_as())
        return Exchanged(sent, moved.ended + ends, changed + found.afterwards, reached)

    def _mark(self, ready: Ready, now: Micros) -> Mark:
        return Mark(
            ready.taken.notice_id,
            ready.taken.sequence,
            self._provider,
            ready.worded.parts,
            self._outside.month_of(now, ready.shop.zone),
            ready.address_hmac,
            ready.taken.changed_us,
        )


def _parted(
    going: Sequence[Ready], marked: Mapping[UUID, Marked]
) -> tuple[list[Sent], list[Settled]]:
    """Those that may be written, and what becomes of those that changed in hand.

    One that was let go and taken once more may be in hand twice: the mark is of one taking.
    """
    sent, changed = list[Sent](), list[Taken]()
    for ready in going:
        mark = marked.get(ready.taken.notice_id)
        if mark is not None and mark.claimed_us == ready.taken.changed_us:
            sent.append(Sent(ready, mark))
        else:
            changed.append(ready.taken)
    return sent, put_back(changed)
