"""One provider's sender: takes notices in hand, hands them over in chunks, settles what came of it.

A chunk's way, top to bottom: `_fill` takes notices in hand and words them; the hand gives as many
as may go now; `_exchanged` commits that they are being sent, together with what became of the chunk
before, and asks the fence; `_send` hands them to the provider. One loop a provider, one chunk at a
time: a slow provider holds nobody else, and a kill leaves one chunk in doubt. The hand is filled
while chunks are out, since the thread that has the connection is idle then: nothing is written of
what is in hand.
"""

import asyncio
import random
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

import psycopg

from processors import metrics
from processors.notices.directory.port import Directory, DirectoryUnavailable, MemberKey
from processors.notices.providers.port import Answer
from processors.notices.sending.delivering import Delivers
from processors.notices.sending.exchange import Exchange
from processors.notices.sending.fence import Gatekeeper
from processors.notices.sending.gate import Gate
from processors.notices.sending.hand import Hand, Ready, Sent, put_back
from processors.notices.sending.measuring import observe, tell
from processors.notices.sending.pausing import pause
from processors.notices.sending.ports import Outside, Shop
from processors.notices.sending.preparing import (
    Background,
    Prepared,
    Preparing,
    background,
    members_of,
)
from processors.notices.sending.rates import SharedRates
from processors.runtime.failures import is_waited_out, one_line
from processors.runtime.logs import log
from processors.runtime.loop import Backoff
from rules.notices.backoff import wait_before
from rules.notices.outcomes import Answered, after_answer, custom_of
from rules.notices.turns import round_from, shares
from rules.notices.values import Contact
from schemas.ids import SECOND, Micros
from schemas.notices.words import State
from store.notices import breakers, queue
from store.notices.queue import DueShop, Taken, least_id
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

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Terms:
    """How a loop sends: `rate` messages a second, a chunk, its name, its lease.

    `reach_us`: what was recorded longer ago does not wait any more.
    """

    rate: float
    chunk: int
    sender: str
    lease_us: int
    reach_us: int


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
        self._provider, self._terms, self._outside = provider, terms, outside
        self._directory, self._guards, self._connect = directory, guards, connect
        self._gate = guards.gate
        self._custom = custom_of(provider.channel, provider.window)
        self._preparing = Preparing(provider.name, provider.channel, self._custom, outside)
        self._exchange = Exchange(provider.name, terms.sender, terms.lease_us, outside)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"send-{provider.name}")
        self._connection: Database | None = None
        self._hand = Hand(provider.name, provider.channel, terms.rate)
        self._size = max(terms.chunk, min(LARGEST_HAND, int(terms.rate)))
        self._filling: asyncio.Task[None] | None = None
        self._done: list[Settled] = []
        self._due: list[DueShop] = []
        self._shops: dict[int, Shop] = {}
        self._last_shop = 0
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
            await self._run(self._close)
            await self._directory.close()
            self._thread.shutdown()

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
            await self._in_thread(self._look)
        room = self._gate.room(self._clock(), self._terms.chunk)
        if not room:
            await self._give_back()
            return LOOK_SECONDS
        await self._hand_for(room)
        sent = await self._in_thread(self._next_chunk, room)
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
            due = queue.due_shops(cursor, self.channel, self._least())
            self._shops = dict(self._outside.shops(cursor, [shop.merchant_no for shop in due]))
        self._due = [shop for shop in due if self._is_mine(shop)]
        self.oldest = min((shop.since for shop in self._due), default=None)
        half = self._now - self._terms.lease_us // 2
        self._done += put_back(self._hand.older_than(half))
        # Where very many shops wait, looking at them must not be all that is done.
        took = time.monotonic() - began
        self._look_at = time.monotonic() + max(LOOK_SECONDS, 10 * took)

    def _is_mine(self, due: DueShop) -> bool:
        shop = self._shops.get(due.merchant_no)
        return shop is not None and shop.provider_of(self.channel) == self.name

    def _mine(self) -> list[int]:
        """The shops that may have something to be taken now."""
        numbers = [shop.merchant_no for shop in self._due]
        return [number for number in numbers if not self._hand.is_blocked(self._shops[number])]

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
        if self._filling is None and self._hand.free() < little and self._mine():
            self._filling = asyncio.create_task(self._fill())

    async def _filled(self) -> None:
        """Waits for the filling that has begun. Raises what it does."""
        if self._filling is not None:
            filling, self._filling = self._filling, None
            await filling

    async def _fill(self) -> None:
        """Takes notices in hand, the shops in turn, and words them."""
        taken, known = await self._in_thread(self._take, self._size - self._hand.free())
        if not taken or known is None:
            return
        try:
            contacts = await self._directory.contacts(members_of(taken))
        except DirectoryUnavailable as error:
            self._directory_trouble = f"directory: {one_line(error)}"
            later = put_back(taken, "directory", DIRECTORY_DELAY)
            await self._run(self._keep, Prepared(ended=later))
            return
        self._directory_trouble = None
        await self._run(self._word, taken, known, contacts)

    def _word(
        self, taken: Sequence[Taken], known: Background, contacts: Mapping[MemberKey, Contact]
    ) -> None:
        self._keep(self._preparing.prepare(taken, known, contacts))

    def _keep(self, prepared: Prepared) -> None:
        """In the thread, as all that changes the hand: chunks are taken out of it meanwhile."""
        self._hand.add(prepared.ready)
        self._done += prepared.ended

    def _take(self, connection: Database, room: int) -> tuple[list[Taken], Background | None]:
        shared = shares(round_from(self._mine(), self._last_shop), room)
        if not shared:
            return [], None
        terms = self._terms
        with transaction(connection) as cursor:
            taken = queue.claim(
                cursor, self.channel, shared, terms.sender, terms.lease_us, self._least()
            )
            known = background(cursor, self._outside, taken, taken[0].now) if taken else None
        self._last_shop = shared[-1][0]
        # Those that had less than their share are looked at again with the next look.
        counts = {number: 0 for number, _ in shared}
        for each in taken:
            counts[each.merchant_no] += 1
        emptied = {number for number, share in shared if counts[number] < share}
        self._due = [shop for shop in self._due if shop.merchant_no not in emptied]
        return taken, known

    async def _give_back(self) -> None:
        await self._filled()
        self._done += put_back(self._hand.empty())
        await self._settle()

    # What is handed over

    async def _settle(self) -> None:
        if self._done or self._gate_moved:
            await self._in_thread(self._exchanged, [])

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
            self._done.append(self._settled(each, answer, now))
        answered = [Answered(answer.outcome.value) for answer in answers]
        if self._provider.shared:
            self._gate_moved |= self._gate.learn(answered, self._clock())

    def _settled(self, sent: Sent, answer: Answer, now: Micros) -> Settled:
        marked = sent.marked
        becomes = after_answer(
            Answered(answer.outcome.value),
            self._custom,
            marked.asked_us,
            marked.at,
            now,
            sent.ready.shop.on_unknown,
        )
        delay = 0
        if becomes.backs_off:
            luck = random.random()  # noqa: S311 - jitter, no secret
            wait = wait_before(marked.attempt, luck, answer.retry_after)
            delay = int(wait.total_seconds() * SECOND)
        return Settled(
            marked.notice_id,
            State.sending,
            marked.attempt,
            becomes.state,
            becomes.reason,
            delay,
            becomes.may_have_arrived,
            answer.provider_id,
            answer.parts,
        )

    # The thread that has the connection

    async def _in_thread(self, work: Callable[..., _T], *args: object) -> _T:
        """Work with the connection, which is made if there is none."""

        def run() -> _T:
            if self._connection is None or self._connection.closed:
                self._connection = self._connect()
            return work(self._connection, *args)

        return await self._run(run)

    async def _run(self, work: Callable[..., _T], *args: object) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *args)

    def _lost(self, error: psycopg.Error, backoff: Backoff) -> float:
        """Trouble with the database that passes; seconds to wait. Raises any other."""
        if not is_waited_out(error):
            raise error
        self._database_trouble = f"database: {one_line(error)}"
        log().warning("database_trouble", provider=self.name, why=one_line(error))
        return backoff.next()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
