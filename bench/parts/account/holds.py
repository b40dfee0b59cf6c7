"""How long a hold takes: through the topic and by the store's function, with eight clients."""

import os
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing import get_context
from typing import Any, Self

import orjson
import psutil
from confluent_kafka import Producer

from bench.kafka import BenchError
from bench.machine import Usage
from bench.measure import Progress, Stack
from bench.pacing import Pacer, Spread
from bench.parts.account.running import Figures, at_work, commands_workers, run, shown_cpu
from bench.parts.account.shop import Till
from bench.parts.account.stages import Stages
from bench.parts.latency import Running
from bench.workloads.commands import Commands, as_record, command, member_id

CLIENTS = 8
SHOPPERS = 2_000
"""Members whom only the clients hold points of, so that each has enough."""
WARM_UP = 0.2
"""Of the time: what is not counted."""
ANSWER_SECONDS = 30.0
START_SECONDS = 0.5
"""All clients begin at one instant."""
POINTS = 10


def holds(count: int, entries: int, seconds: int, stack: Stack, progress: Progress) -> Figures:
    """Holds of eight clients while commands come in at half of what `count` of them made a second.

    Each client sends its next hold when the last one was answered. Then the same clients call the
    store's function: flat out, at half of that rate, and while half of the commands' load runs.
    """
    members = max(1, entries // 4 - SHOPPERS)
    with at_work(commands_workers(entries), Commands(1, 1).settings(), stack) as running:
        progress("holds: how many commands a second", 0)
        full, _ = run(running, Commands(count, members, name="full"))
        shoppers = [member_id(members + n + 1) for n in range(SHOPPERS)]
        load = list(Commands(int(full / 2 * seconds * 1.5), members, name="half").records())
        progress("holds: through the topic", 0.3)
        with _loaded(running, load, full / 2), _Topic(running) as topic:
            by_topic = _by_topic(topic, _Round(shoppers, seconds))
        stages = topic.stages.figures(running.site.database_url, topic.counted(len(by_topic)))
        with _Tills(running.site.database_url) as tills:
            progress("holds: directly", 0.6)
            before = Usage.of([*running.workers.parts(), *tills.parts()])
            flat_out = tills.timed(_Round(shoppers, seconds / 2))
            after = Usage.of([*running.workers.parts(), *tills.parts()])
            rate = len(flat_out) / (seconds / 2 * (1 - WARM_UP))
            half = tills.timed(_Round(shoppers, seconds / 2, rate / 2))
            with _loaded(running, load[len(load) // 2 :], full / 2):
                beside = tills.timed(_Round(shoppers, seconds / 2, rate / 4))
    return {
        "commands/s flat out, half of which is the load": full,
        "hold through the topic, produce to answer": str(Spread.of(by_topic)),
        **stages,
        "holds/s directly, flat out": rate,
        "CPU µs of each of these": shown_cpu(
            after.cpu_of_each(len(flat_out) / (1 - WARM_UP), before)
        ),
        "hold directly, at half of that": str(Spread.of(half)),
        "hold directly, a quarter of that beside the commands' load": str(Spread.of(beside)),
    }


@contextmanager
def _loaded(running: Running, load: Sequence[Any], rate: float) -> Iterator[Pacer]:
    site = running.site
    with Pacer(site.bootstrap_servers, site.topics["commands"], load, rate) as pacer:
        yield pacer
        if pacer.done:
            raise BenchError("holds: the load ended before the clients did")


@dataclass(frozen=True)
class _Round:
    """So long all clients send holds for these shoppers, together at a `rate` a second if given."""

    shoppers: Sequence[str]
    seconds: float
    rate: float | None = None
    begin: float = field(default_factory=lambda: time.monotonic() + START_SECONDS)

    def of_client(self, number: int, hold: Callable[[Mapping[str, Any]], None]) -> list[int]:
        """Microseconds of one client's holds, without the first ones.

        With a rate each keeps to its share, and waits at random.
        """
        draw = random.Random(f"{number}/{self.seconds}/{self.rate}/{time.time_ns()}")
        taken: list[int] = []
        time.sleep(max(0.0, self.begin - time.monotonic()))
        end, planned = self.begin + self.seconds, self.begin
        while time.monotonic() < end:
            if self.rate is not None:
                planned += draw.expovariate(self.rate / CLIENTS)
                time.sleep(max(0.0, planned - time.monotonic()))
            content = _hold(draw, self.shoppers)
            began = time.perf_counter_ns()
            hold(content)
            if time.monotonic() > end - self.seconds * (1 - WARM_UP):
                taken.append((time.perf_counter_ns() - began) // 1_000)
        return taken


def _by_topic(topic: "_Topic", asked: _Round) -> list[int]:
    """Through the topic: a thread a client, as all of them only wait."""
    with ThreadPoolExecutor(CLIENTS) as clients:
        rounds = clients.map(lambda n: asked.of_client(n, topic.hold), range(CLIENTS))
        return [one for taken in rounds for one in taken]


class _Tills:
    """Eight processes, each with a client that calls the store's function, as HTTP's will."""

    def __init__(self, database_url: str) -> None:
        self._pools = [
            ProcessPoolExecutor(1, get_context("spawn"), _open_till, (database_url,))
            for _ in range(CLIENTS)
        ]

    def __enter__(self) -> Self:
        self._processes = [pool.submit(os.getpid) for pool in self._pools]
        self.parts()
        return self

    def parts(self) -> list[tuple[str, psutil.Process]]:
        """The processes, as a part whose CPU is counted."""
        return [("clients", psutil.Process(started.result())) for started in self._processes]

    def __exit__(self, *_: object) -> None:
        for pool in self._pools:
            pool.shutdown()

    def timed(self, asked: _Round) -> list[int]:
        """Microseconds of the holds of all clients."""
        rounds = [pool.submit(_at_till, number, asked) for number, pool in enumerate(self._pools)]
        return [one for taken in rounds for one in taken.result()]


_till: list[Till] = []


def _open_till(database_url: str) -> None:
    """In a session of its own, as a service is: the cores are shared out among sessions first."""
    os.setsid()
    _till.append(Till(database_url))


def _at_till(number: int, asked: _Round) -> list[int]:
    return asked.of_client(number, _till[0].hold)


def _hold(draw: random.Random, shoppers: Sequence[str]) -> Mapping[str, Any]:
    own = {
        "type": "hold",
        "hold_id": f"{draw.getrandbits(96):024x}",
        "points": POINTS,
        "purpose": "cash",
    }
    return command(draw, draw.choice(shoppers), datetime.now(UTC).isoformat(), own)


class _Topic:
    """Sends holds to the topic and waits for each one's answer."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self._topic = running.site.topics["commands"]
        self._producer = Producer(
            {
                "bootstrap.servers": running.site.bootstrap_servers,
                "linger.ms": 0,
                "partitioner": "murmur2_random",
            }
        )
        self._answered: dict[str, threading.Event] = {}
        self.stages = Stages()

    def __enter__(self) -> Self:
        self._running.output.listen(self._heard)
        return self

    def __exit__(self, *_: object) -> None:
        self._running.output.listen(None)

    def counted(self, holds: int) -> list[str]:
        """The newest holds: those before them warm up."""
        return list(self.stages.sent)[-holds:]

    def _heard(self, value: bytes, stamp: int) -> None:
        if b'"type":"hold"' in value:
            answer, at = orjson.loads(value), time.time_ns() // 1_000
            waiting = self._answered.get(answer["command_id"])
            if waiting is not None:
                self.stages.heard(answer, stamp, at)
                waiting.set()

    def hold(self, content: Mapping[str, Any]) -> None:
        """Sends one and waits for its answer. Raises BenchError when there is none."""
        record, waiting = as_record(content), threading.Event()
        self._answered[content["command_id"]] = waiting
        self.stages.sent[content["command_id"]] = time.time_ns() // 1_000
        self._producer.produce(self._topic, record.value, record.order_id)
        self._producer.poll(0)
        if not waiting.wait(ANSWER_SECONDS):
            raise BenchError("holds: a hold was not answered")
        del self._answered[content["command_id"]]
