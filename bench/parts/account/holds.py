"""How long a hold takes: through the topic and by the store's function, with eight clients."""

import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Self

import orjson
from confluent_kafka import Producer

from bench.kafka import BenchError
from bench.measure import Progress, Stack
from bench.pacing import Pacer, Spread
from bench.parts.account.running import Figures, at_work, commands_workers, run
from bench.parts.account.shop import Till
from bench.parts.latency import Running
from bench.workloads.commands import Commands, as_record, command, member_id

CLIENTS = 8
SHOPPERS = 2_000
"""Members whom only the clients hold points of, so that each has enough."""
WARM_UP = 0.2
"""Of the time: what is not counted."""
ANSWER_SECONDS = 30.0
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
            by_topic = _timed(topic.hold, shoppers, seconds)
        with Till(running.site.database_url, CLIENTS) as till:
            progress("holds: directly", 0.6)
            flat_out = _timed(till.hold, shoppers, seconds / 2)
            rate = len(flat_out) / (seconds / 2 * (1 - WARM_UP))
            half = _timed(till.hold, shoppers, seconds / 2, rate / 2)
            with _loaded(running, load[len(load) // 2 :], full / 2):
                beside = _timed(till.hold, shoppers, seconds / 2, rate / 4)
    return {
        "commands/s flat out, half of which is the load": full,
        "hold through the topic, produce to answer": str(Spread.of(by_topic)),
        "holds/s directly, flat out": rate,
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


def _timed(
    hold: Callable[[int, Mapping[str, Any]], None],
    shoppers: Sequence[str],
    seconds: float,
    rate: float | None = None,
) -> list[int]:
    """Microseconds of the holds of all clients, without the first ones.

    With a `rate` (all together, a second) each client keeps to its share, and waits at random.
    """
    end = time.monotonic() + seconds

    def client(number: int) -> list[int]:
        draw = random.Random(f"{number}/{seconds}/{rate}/{time.time_ns()}")
        taken: list[int] = []
        planned = time.monotonic()
        while time.monotonic() < end:
            if rate is not None:
                planned += draw.expovariate(rate / CLIENTS)
                time.sleep(max(0.0, planned - time.monotonic()))
            content = _hold(draw, shoppers)
            began = time.perf_counter_ns()
            hold(number, content)
            if time.monotonic() > end - seconds * (1 - WARM_UP):
                taken.append((time.perf_counter_ns() - began) // 1_000)
        return taken

    with ThreadPoolExecutor(CLIENTS) as clients:
        return [one for taken in clients.map(client, range(CLIENTS)) for one in taken]


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

    def __enter__(self) -> Self:
        self._running.output.listen(self._heard)
        return self

    def __exit__(self, *_: object) -> None:
        self._running.output.listen(None)

    def _heard(self, value: bytes) -> None:
        if b'"type":"hold"' in value:
            answer = orjson.loads(value)
            waiting = self._answered.get(answer["command_id"])
            if waiting is not None:
                waiting.set()

    def hold(self, _: int, content: Mapping[str, Any]) -> None:
        """Sends one and waits for its answer. Raises BenchError when there is none."""
        record, waiting = as_record(content), threading.Event()
        self._answered[content["command_id"]] = waiting
        self._producer.produce(self._topic, record.value, record.order_id)
        self._producer.poll(0)
        if not waiting.wait(ANSWER_SECONDS):
            raise BenchError("holds: a hold was not answered")
        del self._answered[content["command_id"]]
