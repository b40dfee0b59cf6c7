"""One provider's sender: takes notices in hand, hands them over in chunks, settles what came of it.

A chunk's way, top to bottom: `_fill` takes notices in hand and words them; the hand gives as many
as may go now; `_exchanged` commits that they are being sent, together with what became of the chunk
before, and asks the fence; `_send` hands them to the provider. One loop a provider, one chunk at a
time: a slow provider holds nobody else, and a kill leaves one chunk in doubt. The hand is filled
while chunks are out, since the thread that has the connection is idle then: nothing is written of
what is in hand.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

import psycopg

from processors import metrics
from processors.notices.directory.port import Directory, DirectoryUnavailable, MemberKey
from processors.notices.sending.answered import settled
from processors.notices.sending.delivering import Delivers
from processors.notices.sending.exchange import Exchange
from processors.notices.sending.fence import Gatekeeper
from processors.notices.sending.gate import Gate
from processors.notices.sending.hand import Hand, Ready, Sent, put_back
from processors.notices.sending.measuring import observe, tell
from processors.notices.sending.pausing import pause
from processors.notices.sending.ports import Outside
from processors.notices.sending.preparing import (
    Background,
    Prepared,
    Preparing,
    members_of,
)
from processors.notices.sending.rates import SharedRates
from processors.notices.sending.taking import Taking, Terms
from processors.notices.sending.thread import ConnectionThread
from processors.runtime.failures import is_waited_out, one_line
from processors.runtime.logs import log
from processors.runtime.loop import Backoff
from rules.notices.outcomes import Answered, custom_of
from rules.notices.values import Contact
from schemas.ids import SECOND, Micros
from store.notices import breakers
from store.notices.queue import Taken, least_id
from store.notices.settling import Settled
from store.postgres.session import Database, transaction

LOOK_SECONDS = 0.5
"""Between two looks at who has something due, and at what operators say."""
LARGEST_HAND = 200
"""Of notices in hand at a high rate; at a low one as many as go in a second, so that what was read
of their members is about a second old.
"""
LOW_HAND = 4
"""The hand is filled when one part in so many is left of it, which goes meanwhile."""
DIRECTORY_DELAY = 15 * SECOND
"""For those whose address could not be asked for."""


@dataclass(frozen=True, slots=True)
class Guards:
    """What keeps a loop in its bounds: rates, the fence, the provider's gate."""

    rates: SharedRates
    gatekeeper: Gatekeeper
    gate: Gate


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
        self._provider, self._terms = provider, terms
        self._directory, self._guards = directory, guards
        self._gate = guards.gate
        self._custom = custom_of(provider.channel, provider.window)
        self._preparing = Preparing(provider.name, provider.channel, self._custom, outside)
        self._exchange = Exchange(provider.name, terms.sender, terms.lease_us, outside)
        self._taking = Taking(provider.name, provider.channel, terms, outside)
        self._thread = ConnectionThread(f"send-{provider.name}", connect)
        self._hand = Hand(provider.name, provider.channel, terms.rate)
        self._size = max(terms.chunk, min(LARGEST_HAND, int(terms.rate)))
        self._filling: asyncio.Task[None] | None = None
        self._done: list[Settled] = []
        self._look_at = self._looked_at = 0.0
        self._now: Micros = 0
        self._gate_moved = False
        self._database_trouble: str | None = None
        self._directory_trouble: str | None = None
        self.turned = time.monotonic()
        self.oldest: Micros | None = None
        """Since when its oldest notice could have gone."""

    async def run(self, stopping: asyncio.Event) -> None:
        """Turns until it is asked to stop; then what is in hand waits again."""
        backoff = Backoff()
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
            with suppress(psycopg.Error):  # then its lease gives it back
                await self._give_back()
        finally:
            if self._filling is not None:
                self._filling.cancel()
            await self._thread.close()
            await self._directory.close()

    @property
    def is_shut(self) -> bool:
        """Whether nothing is handed over: the breaker is open, or an operator paused it."""
        return self._gate.trouble() is not None

    def trouble(self) -> str | None:
        """Why notices wait that should not."""
        return self._database_trouble or self._gate.trouble() or self._directory_trouble

    async def _turn(self) -> float:
        """One chunk at most; how many seconds to wait before the next."""
        if time.monotonic() >= self._look_at:
            await self._thread.connected(self._look)
        room = self._gate.room(self._clock(), self._terms.chunk)
        if not room:
            await self._give_back()
            return LOOK_SECONDS
        await self._hand_for(room)
        sent = await self._thread.connected(self._next_chunk, room)
        if sent is None:
            return self._hand.wait(max(0.0, self._look_at - time.monotonic()))
        self._begin_to_fill()
        await self._send(sent)
        return 0.0

    # Who is next

    def _look(self, connection: Database) -> None:
        """Who has something due, what operators and other processes say, and what time it is."""
        began = time.monotonic()
        with transaction(connection) as cursor:
            self._now, self._looked_at = breakers.clock(cursor), began
            self._gate.look(cursor, self._now)
            self._taking.look(cursor, self._least())
        self.oldest = self._taking.oldest()
        half = self._now - self._terms.lease_us // 2
        self._done += put_back(self._hand.older_than(half))
        # Where very many shops wait, looking at them must not be all that is done.
        took = time.monotonic() - began
        self._look_at = time.monotonic() + max(LOOK_SECONDS, 10 * took)

    def _clock(self) -> Micros:
        """The database's clock, as of the last look, and the time since then."""
        return self._now + int((time.monotonic() - self._looked_at) * SECOND)

    def _least(self) -> UUID:
        return least_id(self._now, self._terms.reach_us)

    # What is in hand

    async def _hand_for(self, room: int) -> None:
        """Has as much in hand as may go now, if there is. Raises what filling it does."""
        if self._filling is not None and self._filling.done():
            await self._filled()
        self._begin_to_fill()
        if self._filling is not None and self._hand.free() < room:
            await self._settle()
            await self._filled()

    def _begin_to_fill(self) -> None:
        """Begins to fill the hand if little is left in it."""
        little = min(self._size, max(2 * self._terms.chunk, self._size // LOW_HAND))
        if self._filling is None and self._hand.free() < little and self._taking.shops(self._hand):
            self._filling = asyncio.create_task(self._fill())

    async def _filled(self) -> None:
        """Waits for the filling that has begun. Raises what it does."""
        if self._filling is not None:
            filling, self._filling = self._filling, None
            await filling

    async def _fill(self) -> None:
        """Takes notices in hand, the shops in turn, and words them."""
        taken, known = await self._thread.connected(
            self._taking.take, self._hand, self._size - self._hand.free(), self._least()
        )
        if not taken or known is None:
            return
        try:
            contacts = await self._directory.contacts(members_of(taken))
        except DirectoryUnavailable as error:
            self._directory_trouble = f"directory: {one_line(error)}"
            later = put_back(taken, "directory", DIRECTORY_DELAY)
            await self._thread.run(self._keep, Prepared(ended=later))
            return
        self._directory_trouble = None
        await self._thread.run(self._word, taken, known, contacts)

    def _word(
        self, taken: Sequence[Taken], known: Background, contacts: Mapping[MemberKey, Contact]
    ) -> None:
        self._keep(self._preparing.prepare(taken, known, contacts))

    def _keep(self, prepared: Prepared) -> None:
        """In the thread, as all that changes the hand: chunks are taken out of it meanwhile."""
        self._hand.add(prepared.ready)
        self._done += prepared.ended

    async def _give_back(self) -> None:
        await self._filled()
        self._done += put_back(self._hand.empty())
        await self._settle()

    # What is handed over

    async def _settle(self) -> None:
        if self._done or self._gate_moved:
            await self._thread.connected(self._exchanged, [])

    def _next_chunk(self, connection: Database, room: int) -> list[Sent] | None:
        """As many as may go now, marked; None when none may, and what is done is settled then."""
        chunk = self._hand.chunk(room, self._guards.rates.take)
        if not chunk and not self._done and not self._gate_moved:
            return None
        sent: list[Sent] = []
        try:
            sent = self._exchanged(connection, chunk)
        finally:
            self._give_tokens_back(chunk, sent)
        return sent if chunk else None

    def _give_tokens_back(self, chunk: Sequence[Ready], sent: Sequence[Sent]) -> None:
        """What is not written after all takes nothing out of its rate."""
        if len(sent) < len(chunk):
            going = self._hand.buckets(each.ready for each in sent)
            self._guards.rates.give_back(self._hand.buckets(chunk) - going)

    def _exchanged(self, connection: Database, chunk: Sequence[Ready]) -> list[Sent]:
        """Commits what became of the last chunk, and that this one is being sent; asks the fence.

        What the transaction does not keep is done again: whatever was kept all the same is no
        longer as it was.
        """
        try:
            exchanged = self._exchange.run(connection, self._done, chunk, self._least())
        except psycopg.Error:
            self._hand.add(chunk)
            raise
        marked_at = time.monotonic()
        self._done = []
        observe(exchanged.ended)
        tell(exchanged.used_up)
        if self._gate_moved:
            with transaction(connection) as cursor:
                self._gate.write(cursor, self._clock())
            self._gate_moved = False
        if not exchanged.sent:
            return []
        return self._guards.gatekeeper.passed(connection, exchanged.sent, marked_at)

    async def _send(self, sent: Sequence[Sent]) -> None:
        if not sent:
            return
        began = time.monotonic()
        answers = await self._provider.send(sent)
        took = time.monotonic() - began
        metrics.NOTICES_PROVIDER_SECONDS.labels(self.name).observe(took)
        now = sent[0].marked.at + int(took * SECOND)
        for each, answer in zip(sent, answers, strict=True):
            self._done.append(settled(each, answer, self._custom, now))
        answered = [Answered(answer.outcome.value) for answer in answers]
        if self._provider.shared:
            self._gate_moved |= self._gate.learn(answered, self._clock())

    def _lost(self, error: psycopg.Error, backoff: Backoff) -> float:
        """Trouble with the database that passes; seconds to wait. Raises any other."""
        if not is_waited_out(error):
            raise error
        self._database_trouble = f"database: {one_line(error)}"
        log().warning("database_trouble", provider=self.name, why=one_line(error))
        return backoff.next()
