"""Whose notices a provider's sender takes next: the shops in turn, each its share."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from processors.notices.sending.in_hand.hand import Hand, unsaid
from processors.notices.sending.in_hand.preparing import Background, background
from processors.notices.sending.ports import Outside, Shop
from rules.notices.turns import round_from, shares
from schemas.ids import Micros
from schemas.notices.words import Channel, State, Why
from store.notices.sending import queue, resending
from store.notices.sending.queue import DueShop, Taken
from store.notices.sending.settling import Settled
from store.postgres.session import Cursor, Database, transaction


@dataclass(frozen=True, slots=True)
class Terms:
    """How a loop sends: `rate` messages a second, a chunk, its name, its lease.

    `reach_us`: what was recorded longer ago does not wait any more. `wait_us`: nor does what was
    decided longer ago, unless somebody has had it sent again.
    """

    rate: float
    chunk: int
    sender: str
    lease_us: int
    reach_us: int
    wait_us: int


class Took(NamedTuple):
    """Notices that were taken, what must be known of them, and what becomes of those left out."""

    taken: list[Taken]
    known: Background | None = None
    ended: Sequence[Settled] = ()


class Taking:
    """The shops of one provider that have something due, and where their round goes on.

    One thread takes while another may look.
    """

    def __init__(self, provider: str, channel: Channel, terms: Terms, outside: Outside) -> None:
        """Knows of no shop yet."""
        self._provider, self._channel = provider, channel
        self._terms, self._outside = terms, outside
        self._due: Sequence[tuple[DueShop, Shop]] = ()
        """Replaced as a whole. What one thread replaces for another, the next look puts right."""
        self._last_shop = 0

    def look(self, cursor: Cursor, least: UUID) -> None:
        """Asks who has something due."""
        due = queue.due_shops(cursor, self._channel, least)
        shops = self._outside.shops(cursor, [shop.merchant_no for shop in due])
        known = [(each, shops[each.merchant_no]) for each in due if each.merchant_no in shops]
        self._due = [each for each in known if each[1].provider_of(self._channel) == self._provider]

    def oldest(self, hand: Hand, now: Micros) -> Micros | None:
        """Since when the oldest notice could have gone, as of the last look.

        But for shops that are left alone: what is their own, nobody who is woken can mend. Where
        it may as well be the provider that refuses all, somebody must look: then since when it
        does. Their notices say less, as each that tries it waits anew, and is not due meanwhile.
        """
        could_go = [due.since for due, shop in self._due if not hand.is_left_alone(shop)]
        doubted_us = hand.alone.doubted_us()
        if doubted_us is not None:
            could_go.append(now - doubted_us)
        return min(could_go, default=None)

    def shops(self, hand: Hand) -> list[int]:
        """Those that may have something to be taken now."""
        return [due.merchant_no for due, shop in self._due if not hand.is_blocked(shop)]

    def take(self, connection: Database, hand: Hand, room: int, least: UUID) -> Took:
        """Takes so many notices at most."""
        shared = shares(round_from(self.shops(hand), self._last_shop), room)
        if not shared:
            return Took([])
        sender, lease_us = self._terms.sender, self._terms.lease_us
        with transaction(connection) as cursor:
            claimed = queue.claim(cursor, self._channel, shared, sender, lease_us, least)
            taken, gone = resending.bring_up(cursor, claimed, least, self._terms.wait_us)
            known = background(cursor, self._outside, taken, taken[0].now) if taken else None
        self._last_shop = shared[-1][0]
        self._leave_out(shared, claimed)
        return Took(taken, known, [unsaid(each, State.withdrawn, Why.taken_back) for each in gone])

    def _leave_out(self, shared: Sequence[tuple[int, int]], taken: Sequence[Taken]) -> None:
        """Those that had less than their share are looked at again with the next look."""
        counts = {number: 0 for number, _ in shared}
        for each in taken:
            counts[each.merchant_no] += 1
        emptied = {number for number, share in shared if counts[number] < share}
        self._due = [each for each in self._due if each[0].merchant_no not in emptied]
