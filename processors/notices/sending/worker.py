"""The worker `notices-send`: hands notices to providers, and says what became of each.

loop: one provider's sender, a task each
in_hand: notices that are taken, judged and worded
chunks: what goes out of the hand, marked, handed over, settled
guards: what a chunk must pass: gate, rates, fence
upkeep: what is done by the clock, with a connection of its own
relaying: what became of notices goes to Kafka, in a thread
wiring: what the other parts of the lane answer
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Final

import psycopg

from processors import metrics
from processors.notices import directory
from processors.notices.connecting import connect
from processors.notices.directory.port import Directory, MemberKey
from processors.notices.providers import make_mail, make_sms
from processors.notices.sending.chunks.delivering import ByMail, BySms, Delivers
from processors.notices.sending.guards.fence import SharedFence
from processors.notices.sending.guards.gate import Gate, Shut
from processors.notices.sending.guards.rates import SharedRates
from processors.notices.sending.in_hand.taking import Terms
from processors.notices.sending.loop import Guards, ProviderLoop
from processors.notices.sending.pausing import pause
from processors.notices.sending.relaying import Relaying
from processors.notices.sending.upkeep import KIND, Upkeep
from processors.notices.sending.wiring import outside
from processors.runtime.configuration import LaneConfiguration
from processors.runtime.failures import TROUBLES, leave_standby, waited_out
from processors.runtime.garbage import Garbage
from processors.runtime.health import Health
from processors.runtime.logs import log
from processors.runtime.loop import Backoff
from processors.runtime.stopping import Stop
from processors.runtime.worker import new_instance
from rules.notices.values import Contact
from schemas.ids import HOUR, SECOND
from schemas.notices.words import Channel
from store.notices.sending.queue import reach
from store.postgres import migrate, worker_beats
from store.postgres.session import Database
from store.valkey import client as valkey
from store.valkey.notices import Breakers, Fence, Rates

TURN_SECONDS: Final = 0.1
UPKEEP_SECONDS: Final = 1.0
VALKEY_SECONDS: Final = 0.5
"""Nothing waits longer for what is never the truth."""
TURNS_TO_COLLECT: Final = 50
"""Some seconds: errors and connections that broke off leave cycles behind, and messages none."""
STILL_SECONDS: Final = 30.0
"""A loop that did not turn for so long makes the worker count as dead; or for a lease, which a
provider that says nothing may take.
"""


def run(configuration: LaneConfiguration, health: Health, stop: Stop) -> None:
    """Runs until it is asked to stop. Raises as the loop of the other workers does."""
    asyncio.run(Sender(configuration, health, stop).live())


class Sender:
    """One process that sends."""

    def __init__(self, configuration: LaneConfiguration, health: Health, stop: Stop) -> None:
        """Raises ConfigurationRefused for what cannot be."""
        directory.refuse_unusable(configuration)
        self._configuration, self._health, self._stop = configuration, health, stop
        self._instance = new_instance()
        self._outside = outside(configuration)
        notices = configuration.notices
        self._wait_us = max(notices.sms_hours, notices.email_hours) * HOUR
        self._still = max(STILL_SECONDS, notices.lease_seconds)
        self._reach_us = reach(self._wait_us, notices.too_old_hours * HOUR)
        self._relaying = Relaying(configuration, partial(self._connect, "relay"))
        self._rates: list[SharedRates] = []
        self._loops: list[ProviderLoop] = []
        self._upkeep_trouble: str | None = None

    async def live(self) -> None:
        """Works until it is asked to stop. Raises what ends it otherwise."""
        await self._first_connection()
        providers = self._providers()
        self._loops = [self._loop(provider) for provider in providers]
        windows = {provider.name: provider.window for provider in providers}
        upkeep = Upkeep(self._instance, self._reach_us, self._outside, windows)
        stopping, garbage = asyncio.Event(), Garbage(TURNS_TO_COLLECT)
        self._relaying.start()
        tasks = [asyncio.create_task(loop.run(stopping)) for loop in self._loops]
        tasks.append(asyncio.create_task(self._keep_up(upkeep, stopping)))
        try:
            while not self._stop.asked:
                self._look(tasks)
                garbage.turn()
                await asyncio.sleep(TURN_SECONDS)
        finally:
            stopping.set()
            done = await asyncio.gather(*tasks, return_exceptions=True)
            for provider in providers:
                await provider.close()
            await asyncio.to_thread(self._relaying.stop)
        for result in done:
            if isinstance(result, BaseException):
                raise result

    def _look(self, tasks: Sequence["asyncio.Task[None]"]) -> None:
        for task in tasks:
            if task.done():
                task.result()
        if self._relaying.failure is not None:
            raise self._relaying.failure
        oldest = min((loop.turned for loop in self._loops), default=time.monotonic())
        if time.monotonic() - oldest < self._still:
            self._health.beat()
        self._show()
        if self._health.become(self._trouble()):
            reason = self._health.reason
            if reason is None:
                log().info("ready")
            else:
                log().warning("not_ready", why=reason)

    def _trouble(self) -> str | None:
        if not self._loops:
            return "no provider is configured: set POINTS_SMTP__HOST, or an account for SMS"
        troubles = (self._upkeep_trouble, *(loop.trouble() for loop in self._loops))
        return next(filter(None, (*troubles, self._relaying.trouble)), None)

    def _show(self) -> None:
        for loop in self._loops:
            for why in Shut:
                metrics.NOTICES_BREAKER_OPEN.labels(loop.name, why).set(loop.shut is why)
            metrics.NOTICES_LEFT_ALONE.labels(loop.name).set(loop.left_alone)
        for channel in Channel:
            waiting = [
                loop.oldest
                for loop in self._loops
                if loop.channel is channel and loop.oldest is not None
            ]
            if waiting:
                metrics.NOTICES_OLDEST_WAITING.labels(channel).set(min(waiting) / SECOND)
            else:
                with suppress(KeyError):
                    metrics.NOTICES_OLDEST_WAITING.remove(channel)

    async def _keep_up(self, upkeep: Upkeep, stopping: asyncio.Event) -> None:
        connection: Database | None = None
        backoff = Backoff()
        while not stopping.is_set():
            wait = UPKEEP_SECONDS
            try:
                if connection is None or connection.closed:
                    connection = await asyncio.to_thread(self._connect, "upkeep")
                await asyncio.to_thread(upkeep.turn, connection, self._health.reason)
            except psycopg.Error as error:
                self._upkeep_trouble = f"database: {waited_out(error, first=False)}"
                leave_standby(error, connection)
                wait = backoff.next()
            else:
                self._upkeep_trouble = None
                backoff.reset()
                for rates in self._rates:
                    rates.share(upkeep.senders, upkeep.counted_at)
            await pause(wait, stopping)
        if connection is not None and not connection.closed:
            with suppress(psycopg.Error):
                await asyncio.to_thread(worker_beats.leave, connection, KIND, self._instance)
            connection.close()

    async def _first_connection(self) -> None:
        """Waits for PostgreSQL. Raises a PointsError that needs an operator."""
        backoff = Backoff()
        while not self._stop.asked:
            try:
                with self._health.connecting():
                    connection = await asyncio.to_thread(self._connect, "start")
                try:
                    migrate.check(connection)
                    worker_beats.forget(connection)
                finally:
                    connection.close()
            except TROUBLES as error:
                self._health.become(f"database: {waited_out(error, first=True)}")
                await asyncio.sleep(backoff.next())
            else:
                return

    def _connect(self, who: str) -> Database:
        return connect(self._configuration, f"{KIND}-{who}")

    def _providers(self) -> list[Delivers]:
        mail = make_mail(self._configuration)
        found: list[Delivers] = [ByMail(mail)] if mail is not None else []
        return [*found, *(BySms(each) for each in make_sms(self._configuration).values())]

    def _loop(self, provider: Delivers) -> ProviderLoop:
        notices = self._configuration.notices
        rates, fence, breakers = self._shared()
        self._rates.append(rates)
        terms = Terms(
            rate=self._rate_of(provider.name),
            chunk=notices.chunk,
            sender=self._instance,
            lease_us=notices.lease_seconds * SECOND,
            reach_us=self._reach_us,
            wait_us=self._wait_us,
        )
        connect = partial(self._connect, provider.name)
        return ProviderLoop(
            provider,
            terms,
            self._outside,
            FreshDirectory(self._configuration, partial(self._connect, "directory")),
            Guards(rates, fence, Gate(provider.name, breakers)),
            connect,
        )

    def _rate_of(self, provider: str) -> float:
        rates: Mapping[str, float] = {
            "smtp": self._configuration.smtp.rate,
            "twilio": self._configuration.twilio.rate,
            "mitake": self._configuration.mitake.rate,
            "webhook": self._configuration.webhook.rate,
        }
        return rates[provider]

    def _shared(self) -> tuple[SharedRates, SharedFence, Breakers | None]:
        """A client each, since loops ask from threads of their own."""
        lease = self._configuration.notices.lease_seconds
        url = self._configuration.notices.redis_url or self._configuration.redis.url
        if url is None:
            return SharedRates(None), SharedFence(None, lease), None
        made = valkey.connect(
            url.get_secret_value(),
            seconds=VALKEY_SECONDS,
            name=f"points-{KIND}",
            of=valkey.BusyClient,
        )
        return SharedRates(Rates(made)), SharedFence(Fence(made), lease), Breakers(made)


class FreshDirectory:
    """The configured directory, made with the first question, and again on a new connection."""

    def __init__(self, configuration: LaneConfiguration, connect: Callable[[], Database]) -> None:
        """Connects to nothing yet."""
        self._configuration, self._connect = configuration, connect
        self._connection: Database | None = None
        self._made: Directory | None = None

    async def contacts(self, members: Sequence[MemberKey]) -> Mapping[MemberKey, Contact]:
        """As the directory. A psycopg error passes through."""
        if self._made is None or self._connection is None or self._connection.closed:
            self._connection = await asyncio.to_thread(self._connect)
            self._made = directory.make(self._configuration, self._connection)
        return await self._made.contacts(members)

    async def close(self) -> None:
        """Closes its connections."""
        if self._made is not None:
            await self._made.close()
        if self._connection is not None:
            self._connection.close()
