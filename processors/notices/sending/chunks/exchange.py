"""One transaction between two chunks: what became of the last, and that the next may be written.

A chunk is *sending*, committed, before its requests are made: whoever finds it after a crash knows
that they may have been. Both in one commit, since each costs a disk's answer; and in two round
trips, since each costs nearly as much.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from processors.notices.sending.chunks.judging import judged, member_of
from processors.notices.sending.chunks.months import LimitReached, months_of, used_up
from processors.notices.sending.in_hand.hand import Ready, Sent, put_back
from processors.notices.sending.ports import AskWishes, Outside
from schemas.ids import Micros
from store.notices.sending import breakers, queue, settling
from store.notices.sending.queue import Mark, Marked, Taken
from store.notices.sending.settling import Ended, Settled
from store.postgres.session import Cursor, Database, meanwhile, quick_transaction, raw


@dataclass(frozen=True, slots=True)
class Exchanged:
    """What a transaction did: messages that may be written, notices that ended, and when it was.

    `changed`: what is to be written down of those that changed in hand, and wait again. `used_up`:
    the shops that reached the limit of their month.
    """

    sent: list[Sent] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)
    changed: list[Settled] = field(default_factory=list)
    used_up: list[LimitReached] = field(default_factory=list)
    now: Micros = 0


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
        first = _First(connection, done, chunk, self._outside.opted_out)
        with quick_transaction(connection, first.ask) as quick:
            cursor, moved = quick.cursor, first.moved()
            # What was settled was so in this transaction: the clock need not be asked once more.
            now = moved.ended[-1].at if moved.ended else breakers.clock(cursor)
            months = months_of(cursor, chunk, now, self._outside.month_of, least)
            going, stopped = judged(chunk, first.wishes(), months, now, self._outside.not_before)
            ends = settling.settle(cursor, stopped)
            reached = used_up(cursor, ends, months.values())
            quick.last()
            settling.announce(cursor, moved.told)
            marks = [self._mark(each, now) for each in going]
            marked_as = queue.send_to_mark(
                raw(connection), marks, self._sender, self._lease_us, least
            )
            if work is not None:
                meanwhile(connection, work)
        sent, changed = _parted(going, marked_as())
        return Exchanged(sent, moved.ended + ends, changed, reached, now)

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


class _First:
    """What is sent together with BEGIN: what is done, and the question who opted out."""

    def __init__(
        self,
        connection: Database,
        done: Sequence[Settled],
        chunk: Sequence[Ready],
        opted_out: AskWishes,
    ) -> None:
        self._connection, self._done, self._opted_out = connection, done, opted_out
        self._members = sorted({member_of(each.taken) for each in chunk})

    def ask(self, cursor: Cursor) -> None:
        """Sends both; `moved` and `wishes` read the answers."""
        self.moved = settling.send_to_settle(cursor, self._done)
        self.wishes = self._opted_out(raw(self._connection), self._members)
