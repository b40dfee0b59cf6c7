"""What is done to the lane: workers killed, frozen and doubled, servers taken away."""

import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import redis

from deploy.local.sinks.process import SinksProcess
from deploy.local.stack import Stack
from tests.support.engine import Engine, Worker

CHUNK = 8
LEASE_SECONDS = 5
FROZEN_SECONDS = LEASE_SECONDS + 1.5
MOODS: Mapping[Any, Mapping[str, float]] = {
    # No `wrong`: of a key that it knows Mitake never says so.
    "mitake": {"normal": 85, "slow": 5, "busy": 4, "deaf": 1, "drop": 2, "lost": 2, "html": 1},
    "twilio": {"normal": 85, "slow": 5, "busy": 4, "wrong": 2, "deaf": 1, "drop": 1, "lost": 2},
    "smtp": {"normal": 88, "slow": 5, "busy": 3, "deaf": 1, "drop": 2, "lost": 1},
}
"""How providers are throughout, by weight."""


class Chaos:
    """The lane's workers, two senders and a reader, and faults that befall them by a seed."""

    def __init__(
        self,
        engine: Engine,
        stack: Stack,
        cache: Stack,
        sinks: SinksProcess,
        environment: Mapping[str, str],
        seed: int,
    ) -> None:
        """`cache` has Valkey, `stack` the other servers."""
        self._engine, self._stack, self._cache, self._sinks = engine, stack, cache, sinks
        self._environment, self._draw = dict(environment), random.Random(seed)
        self.seed = seed
        self.done: Counter[str] = Counter()
        self.kills = 0
        """Senders that ended in the middle of whatever they did."""
        self.moody()
        self.readers = [self._run("notices")]
        self.senders = [self._run("notices-send"), self._run("notices-send")]

    def _run(self, kind: str) -> Worker:
        return self._engine.run(kind, **self._environment)

    def moody(self) -> None:
        """Providers as they are: now and then busy, deaf, or gone in the middle."""
        for provider, weights in MOODS.items():
            self._sinks.become(provider, weights=dict(weights), seed=self.seed, delay_ms=40)

    def calm(self) -> None:
        """Providers that take everything, so that what waits comes to an end."""
        for provider in MOODS:
            self._sinks.become(provider, mood="normal")

    def some(self, faults: int) -> None:
        """So many faults, one after the other, by weight; each kind once if there are enough.

        A few are the quick ones.
        """
        kinds: dict[Callable[[], None], int] = {
            self.kill_a_sender: 34,
            self.kill_a_reader: 20,
            self.freeze_a_sender: 4,
            self.freeze_a_reader: 2,
            self.another_reader: 10,
            self.flush_valkey: 12,
            self.restart_valkey: 8,
            self.restart_postgresql: 4,
            self.restart_kafka: 2,
            self.lock_out: 4,
        }
        quick = [self.kill_a_sender, self.restart_postgresql, self.kill_a_reader, self.flush_valkey]
        drawn = self._draw.choices(list(kinds), list(kinds.values()), k=faults)
        first = list(kinds) if faults >= len(kinds) else quick
        chosen = [*first, *drawn][:faults]
        self._draw.shuffle(chosen)
        for fault in chosen:
            time.sleep(self._draw.uniform(0.2, 0.9))  # somewhere in the middle of whatever it does
            fault()
            self.done[fault.__name__.replace("_", " ")] += 1
            self._restart_what_ended()

    def _restart_what_ended(self) -> None:
        """As the supervisor of `points run` does."""
        for workers, kind in ((self.readers, "notices"), (self.senders, "notices-send")):
            for at, worker in enumerate(workers):
                if worker.process.poll() is not None:
                    workers[at] = self._run(kind)

    def kill_a_sender(self) -> None:
        """SIGKILL, and another one."""
        at = self._draw.randrange(len(self.senders))
        self.senders[at].kill()
        self.kills += 1
        self.senders[at] = self._run("notices-send")

    def kill_a_reader(self) -> None:
        """SIGKILL, and another one."""
        self.readers[0].kill()
        self.readers[0] = self._run("notices")

    def freeze_a_sender(self) -> None:
        """Beyond its lease: others take what it has in hand."""
        frozen = self._draw.choice(self.senders).process
        frozen.send_signal(signal.SIGSTOP)
        time.sleep(FROZEN_SECONDS)
        frozen.send_signal(signal.SIGCONT)
        self.kills += 1  # what it had in doubt is as after a kill

    def freeze_a_reader(self) -> None:
        """Beyond its session: the group goes on without it."""
        frozen, other = self.readers[0].process, self._run("notices")
        frozen.send_signal(signal.SIGSTOP)
        time.sleep(12)
        frozen.send_signal(signal.SIGCONT)
        other.terminate()

    def another_reader(self) -> None:
        """One that joins and leaves: two rebalances."""
        other = self._run("notices")
        time.sleep(3)
        other.terminate()

    def flush_valkey(self) -> None:
        """Rates, fence and breakers are forgotten."""
        with redis.Redis.from_url(self._cache.redis_url) as client:
            client.flushall()

    def restart_valkey(self) -> None:
        """Away for a while, and empty afterwards."""
        if self._cache.valkey is not None:
            self._cache.valkey.kill()
            time.sleep(self._draw.uniform(0.3, 1.5))
            self._cache.valkey.restart()

    def restart_postgresql(self) -> None:
        """Crashes, and recovers."""
        if self._stack.postgres is not None:
            self._stack.postgres.kill()
            time.sleep(self._draw.uniform(0.2, 1.0))
            self._stack.postgres.restart()
            self.kills += len(self.senders)  # what they could not write down is in doubt

    def restart_kafka(self) -> None:
        """Crashes, and recovers."""
        if self._stack.kafka is not None:
            self._stack.kafka.kill(1)
            time.sleep(self._draw.uniform(0.2, 1.0))
            self._stack.kafka.restart(1)

    def lock_out(self) -> None:
        """A provider lets nobody in for a while."""
        provider = self._draw.choice(list(MOODS))
        self._sinks.become(provider, mood="credentials")
        time.sleep(1.0)
        self.moody()
