"""Eight clients that make holds: through the topic, or each by the store's function."""

import os
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing import get_context
from typing import Any, Self

import orjson
import psutil
from confluent_kafka import Producer

from bench.kafka import BenchError
from bench.parts.account.shop import Till
from bench.parts.account.stages import Stages
from bench.parts.latency import Running
from bench.workloads.commands import as_record, command

CLIENTS = 8
WARM_UP = 0.2
"""Of the time: what is not counted."""
ANSWER_SECONDS = 30.0
START_SECONDS = 0.5
"""All clients begin at one instant."""
POINTS = 10


@dataclass(frozen=True)
class Round:
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


def by_topic(topic: "Topic", asked: Round) -> list[int]:
    """Through the topic: a thread a client, as all of them only wait."""
    with ThreadPoolExecutor(CLIENTS) as clients:
        rounds = clients.map(lambda n: asked.of_client(n, topic.hold), range(CLIENTS))
        return [one for taken in rounds for one in taken]


class Tills:
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

    def timed(self, asked: Round) -> list[int]:
        """Microseconds of the holds of all clients."""
        rounds = [pool.submit(_at_till, number, asked) for number, pool in enumerate(self._pools)]
        return [one for taken in rounds for one in taken.result()]


_till: list[Till] = []


def _open_till(database_url: str) -> None:
    """In a session of its own, as a service is: the cores are shared out among sessions first."""
    os.setsid()
    _till.append(Till(database_url))


def _at_till(number: int, asked: Round) -> list[int]:
    return asked.of_client(number, _till[0].hold)


def _hold(draw: random.Random, shoppers: Sequence[str]) -> Mapping[str, Any]:
    own = {
        "type": "hold",
        "hold_id": f"{draw.getrandbits(96):024x}",
        "points": POINTS,
        "purpose": "cash",
    }
    return command(draw, draw.choice(shoppers), datetime.now(UTC).isoformat(), own)


class Topic:
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
        self._refused: str | None = None
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
                if answer["outcome"] != "applied":
                    self._refused = answer["code"]
                waiting.set()

    def hold(self, content: Mapping[str, Any]) -> None:
        """Sends one and waits for its answer. Raises BenchError for none, and for a refusal."""
        record, waiting = as_record(content), threading.Event()
        self._answered[content["command_id"]] = waiting
        self.stages.sent[content["command_id"]] = time.time_ns() // 1_000
        self._producer.produce(self._topic, record.value, record.order_id)
        self._producer.poll(0)
        if not waiting.wait(ANSWER_SECONDS):
            raise BenchError("holds: a hold was not answered")
        if self._refused is not None:
            raise BenchError(f"holds: a hold was refused, {self._refused}")
        del self._answered[content["command_id"]]
