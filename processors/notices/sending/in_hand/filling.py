"""Keeps a sender's hand full: takes notices and asks who their members are; see `ahead`.

It goes on beside the chunks that go out, in a thread and on a connection of its own: nothing is
written of what is in hand. Only what has come is let into the hand by the chunks' thread.
"""

import asyncio
from collections.abc import Mapping
from uuid import UUID

from processors.notices.directory.port import Directory, DirectoryUnavailable, MemberKey
from processors.notices.sending.in_hand.ahead import Ahead
from processors.notices.sending.in_hand.hand import Hand, put_back
from processors.notices.sending.in_hand.preparing import members_of
from processors.notices.sending.in_hand.taking import Taking, Terms, Took
from processors.notices.sending.thread import ConnectionThread
from processors.runtime.failures import one_line
from rules.notices.values import Contact
from schemas.ids import SECOND

LARGEST_HAND = 200
"""Of notices in hand at a high rate; at a low one as many as go in a second, so that what was read
of their members is about a second old.
"""
LOW_HAND = 4
"""The hand is filled when one part in so many is left of it, which goes meanwhile."""
DIRECTORY_DELAY = 15 * SECOND
"""For those whose address could not be asked for."""


class Filling:
    """Fills one hand, one piece at a time. `trouble`: why notices wait whose members are asked."""

    def __init__(
        self,
        hand: Hand,
        taking: Taking,
        ahead: Ahead,
        directory: Directory,
        taker: ConnectionThread,
        thread: ConnectionThread,
        terms: Terms,
    ) -> None:
        """Begins nothing yet. `taker`: whose connection takes; `thread`: whose the hand is."""
        self._hand, self._taking, self._ahead = hand, taking, ahead
        self._directory, self._taker, self._thread = directory, taker, thread
        self._size = max(terms.chunk, min(LARGEST_HAND, int(terms.rate)))
        self._little = min(self._size, max(2 * terms.chunk, self._size // LOW_HAND))
        self._task: asyncio.Task[None] | None = None
        self._has_come = False
        """Whether what was asked for is there, and waits for the thread."""
        self.trouble: str | None = None

    def in_hand(self) -> int:
        """How many may go as far as is known, with those that have no words yet."""
        return self._hand.free() + self._ahead.count

    @property
    def is_under_way(self) -> bool:
        """Whether a piece has begun that nobody has waited for yet."""
        return self._task is not None

    def has_enough(self, room: int) -> bool:
        """Whether a chunk of `room` can go, with nothing to be done first. Other threads ask."""
        if self._task is None:
            return self.in_hand() >= self._little
        return not self._has_come and self.in_hand() >= room

    def begin(self, least: UUID) -> None:
        """Begins to fill the hand if little is left in it. `least`: see `least_id`."""
        is_wanted = self._task is None and self.in_hand() < self._little
        if is_wanted and self._taking.shops(self._hand):
            self._has_come = False
            self._task = asyncio.create_task(self._fill(least))

    async def look(self) -> None:
        """Notes the end of what has begun, if it has one. Raises what filling does."""
        if self._task is not None and self._task.done():
            await self.finish()

    async def finish(self) -> None:
        """Waits for what has begun. Raises what filling does."""
        if self._task is not None:
            task, self._task = self._task, None
            await task

    def cancel(self) -> None:
        """Gives up what has begun: leases give back what was taken."""
        if self._task is not None:
            self._task.cancel()

    async def _fill(self, least: UUID) -> None:
        """Takes notices in hand, the shops in turn, with how their members are reached."""
        try:
            took, contacts = await self._asked(least)
        finally:
            self._has_come = True
        await self._thread.run(self._let_in, took, contacts)

    async def _asked(self, least: UUID) -> tuple[Took, Mapping[MemberKey, Contact] | None]:
        """What was taken, and how its members are reached; None where nobody says."""
        room = self._size - self.in_hand()
        took = await self._taker.connected(self._taking.take, self._hand, room, least)
        if not took.taken:
            return took, {}
        try:
            contacts = await self._directory.contacts(members_of(took.taken))
        except DirectoryUnavailable as error:
            self.trouble = f"directory: {one_line(error)}"
            return took, None
        self.trouble = None
        return took, contacts

    def _let_in(self, took: Took, contacts: Mapping[MemberKey, Contact] | None) -> None:
        """In the thread, as all that changes the hand: chunks are taken out of it meanwhile."""
        self._hand.done += took.ended
        if contacts is None:
            self._hand.done += put_back(took.taken, "directory", DIRECTORY_DELAY)
        elif took.known is not None:
            self._ahead.add(took.taken, took.known, contacts)
