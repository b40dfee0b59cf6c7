"""One provider's sender: takes notices in hand, hands them over in chunks, settles what came of it.

A chunk's way, top to bottom: `Filling` takes notices in hand, and `Ahead` words them while a commit
is waited for; the hand gives as many as may go now; `Handing` commits that they are being sent,
together with what became of the chunk before, and asks the fence; `Outgoing` hands them to the
provider. One loop a provider, one chunk at a time: a slow provider holds nobody else, and a kill
leaves one chunk in doubt.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from uuid import UUID

import psycopg

from processors.notices.directory.port import Directory
from processors.notices.sending.chunks.delivering import Delivers
from processors.notices.sending.chunks.exchange import Exchange
from processors.notices.sending.chunks.handing import Guards, Handing
from processors.notices.sending.chunks.outgoing import Outgoing, Written
from processors.notices.sending.guards.gate import Shut
from processors.notices.sending.in_hand.ahead import Ahead
from processors.notices.sending.in_hand.filling import Filling
from processors.notices.sending.in_hand.hand import Hand, put_back
from processors.notices.sending.in_hand.preparing import Preparing
from processors.notices.sending.in_hand.taking import Taking, Terms
from processors.notices.sending.pausing import pause
from processors.notices.sending.ports import Outside
from processors.notices.sending.thread import ConnectionThread
from processors.runtime.failures import is_waited_out, one_line
from processors.runtime.logs import log
from processors.runtime.loop import Backoff
from rules.notices.outcomes import custom_of
from schemas.ids import SECOND, Micros
from store.notices.sending import breakers
from store.notices.sending.queue import least_id
from store.postgres.session import Database, transaction

__all__ = ["Guards", "ProviderLoop"]

LOOK_SECONDS = 0.5
"""Between two looks at who has something due, and at what operators say."""


class ProviderLoop:
    """Sends through one provider until it is asked to stop."""

    def __init__(
        self,
        provider: Delivers,
        terms: Terms,
        outside: Outside,
        directory: Directory,
        guards: Guards,
        connect: Callable[[], Database],
    ) -> None:
        """Connects to nothing yet."""
        self.name, self.channel = provider.name, provider.channel
        self._terms, self._directory, self._gate = terms, directory, guards.gate
        self._alone = provider.alone
        self._taking = Taking(provider.name, provider.channel, terms, outside)
        self._thread = ConnectionThread(f"send-{provider.name}", connect)
        self._taker = ConnectionThread(f"take-{provider.name}", connect)
        self._hand = Hand(provider.name, provider.channel, terms.rate, provider.alone)
        custom = custom_of(provider.channel, provider.window)
        preparing = Preparing(provider.name, provider.channel, custom, outside)
        self._ahead = Ahead(self._hand, preparing)
        self._filling = Filling(
            self._hand, self._taking, self._ahead, directory, self._taker, self._thread, terms
        )
        exchange = Exchange(provider.name, terms.sender, terms.lease_us, outside)
        self._handing = Handing(self._hand, self._ahead, exchange, guards)
        self._outgoing = Outgoing(
            provider, custom, self._hand, self._handing, guards.gate, self._clock
        )
        self._look_at = self._looked_at = 0.0
        self._now: Micros = 0
        self._database_trouble: str | None = None
        self._stopping = asyncio.Event()
        self.turned = time.monotonic()
        self.oldest: Micros | None = None
        """Since when its oldest notice could have gone."""

    async def run(self, stopping: asyncio.Event) -> None:
        """Turns until it is asked to stop; then what is in hand waits again."""
        self._stopping, backoff = stopping, Backoff()
        try:
            while not stopping.is_set():
                self.turned = time.monotonic()
                try:
                    wait = await self._turn()
                except psycopg.Error as error:
                    wait = self._lost(error, backoff)
                else:
                    backoff.reset()
                    self._database_trouble = None
                await pause(wait, stopping)
            await self._thread.run(self._outgoing.drain)
            with suppress(psycopg.Error):  # then its lease gives it back
                await self._give_back()
        finally:
            self._filling.cancel()
            await self._taker.close()
            await self._thread.close()
            await self._directory.close()

    @property
    def shut(self) -> Shut | None:
        """Why nothing is handed over: the breaker is open, or an operator paused it."""
        return self._gate.shut

    @property
    def left_alone(self) -> int:
        """Of how many shops' senders and gateways it hands over nothing, since they do not work."""
        return self._alone.lately()

    def trouble(self) -> str | None:
        """Why notices wait that should not."""
        return self._database_trouble or self._gate.trouble() or self._filling.trouble

    async def _turn(self) -> float:
        """Some chunks; how many seconds to wait before the next."""
        if time.monotonic() >= self._look_at:
            await self._thread.connected(self._look)
        room = self._gate.room(self._clock(), self._terms.chunk)
        if not room:
            await self._thread.run(self._outgoing.look, 0.0)
            await self._give_back()
            return LOOK_SECONDS
        await self._hand_for(room)
        went = await self._thread.connected(
            self._outgoing.go, room, self._least(), partial(self._goes_on, room)
        )
        if not went:
            return self._hand.wait(max(0.0, self._look_at - time.monotonic()))
        self._filling.begin(self._least())
        if isinstance(went, Written):
            await self._outgoing.finish(went)
        return 0.0

    def _goes_on(self, room: int) -> bool:
        """Whether nothing is to be done between two chunks. Asked by the connection's thread."""
        self.turned = time.monotonic()
        return (
            not self._stopping.is_set()
            and self.turned < self._look_at
            and self._filling.has_enough(room)
            and self._gate.room(self._clock(), self._terms.chunk) == room
        )

    # Who is next

    def _look(self, connection: Database) -> None:
        """Who has something due, what operators and other processes say, and what time it is."""
        began = time.monotonic()
        with transaction(connection) as cursor:
            self._now, self._looked_at = breakers.clock(cursor), began
            self._gate.look(cursor, self._now)
            self._taking.look(cursor, self._least())
        self.oldest = self._taking.oldest(self._hand, self._now)
        half = self._now - self._terms.lease_us // 2
        old = [*self._ahead.older_than(half), *self._hand.older_than(half)]
        self._hand.done += put_back(old)
        # Where very many shops wait, looking at them must not be all that is done.
        took = time.monotonic() - began
        self._look_at = time.monotonic() + max(LOOK_SECONDS, 10 * took)

    def _clock(self) -> Micros:
        """The database's clock, as of the last look, and the time since then."""
        return self._now + int((time.monotonic() - self._looked_at) * SECOND)

    def _least(self) -> UUID:
        return least_id(self._now, self._terms.reach_us)

    # What is in hand, and goes out of it

    async def _hand_for(self, room: int) -> None:
        """Has as much in hand as may go now, if there is. Raises what filling it does."""
        await self._filling.look()
        self._filling.begin(self._least())
        if self._filling.is_under_way and self._filling.in_hand() < room:
            await self._settle()
            await self._filling.finish()

    async def _give_back(self) -> None:
        await self._filling.finish()
        self._hand.done += put_back([*self._ahead.empty(), *self._hand.empty()])
        await self._settle()

    async def _settle(self) -> None:
        if self._handing.has_something_done:
            await self._thread.connected(self._handing.settle, self._least(), self._clock())

    def _lost(self, error: psycopg.Error, backoff: Backoff) -> float:
        """Trouble with the database that passes; seconds to wait. Raises any other."""
        if not is_waited_out(error):
            raise error
        self._database_trouble = f"database: {one_line(error)}"
        log().warning("database_trouble", provider=self.name, why=one_line(error))
        return backoff.next()
