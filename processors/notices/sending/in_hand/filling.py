"""Keeps a sender's hand full: takes notices and asks who their members are; see `ahead`.

It goes on beside the chunks that are out, since the thread that has the connection is idle then:
nothing is written of what is in hand.
"""

import asyncio
from collections.abc import Iterable
from uuid import UUID

from processors.notices.directory.port import Directory, DirectoryUnavailable
from processors.notices.sending.in_hand.ahead import Ahead
from processors.notices.sending.in_hand.hand import Hand, put_back
from processors.notices.sending.in_hand.preparing import members_of
from processors.notices.sending.in_hand.taking import Taking, Terms
from processors.notices.sending.thread import ConnectionThread
from processors.runtime.failures import one_line
from schemas.ids import SECOND
from store.notices.sending.settling import Settled

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
        thread: ConnectionThread,
        terms: Terms,
    ) -> None:
        """Begins nothing yet."""
        self._hand, self._taking, self._ahead = hand, taking, ahead
        self._directory, self._thread = directory, thread
        self._size = max(terms.chunk, min(LARGEST_HAND, int(terms.rate)))
        self._little = min(self._size, max(2 * terms.chunk, self._size // LOW_HAND))
        self._task: asyncio.Task[None] | None = None
        self.trouble: str | None = None

    def in_hand(self) -> int:
        """How many may go as far as is known, with those that have no words yet."""
        return self._hand.free() + self._ahead.count

    @property
    def is_under_way(self) -> bool:
        """Whether a piece has begun that nobody has waited for yet."""
        return self._task is not None

    def has_enough(self) -> bool:
        """Whether the hand need not be filled yet, nor is. Other threads ask, too."""
        return self._task is None and self.in_hand() >= self._little

    def begin(self, least: UUID) -> None:
        """Begins to fill the hand if little is left in it. `least`: see `least_id`."""
        is_wanted = self._task is None and self.in_hand() < self._little
        if is_wanted and self._taking.shops(self._hand):
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
        taken, known = await self._thread.connected(
            self._taking.take, self._hand, self._size - self.in_hand(), least
        )
        if not taken or known is None:
            return
        try:
            contacts = await self._directory.contacts(members_of(taken))
        except DirectoryUnavailable as error:
            self.trouble = f"directory: {one_line(error)}"
            later = put_back(taken, "directory", DIRECTORY_DELAY)
            await self._thread.run(self._put_off, later)
            return
        self.trouble = None
        await self._thread.run(self._ahead.add, taken, known, contacts)

    def _put_off(self, later: Iterable[Settled]) -> None:
        """In the thread, as all that changes the hand: chunks are taken out of it meanwhile."""
        self._hand.done += later
