"""The engine of the sample days: the product's workers, a clock that jumps, Kafka at both ends."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, Self

import orjson
import psycopg
from confluent_kafka import Consumer, Producer, TopicPartition
from psycopg import sql

from cli.demo.figures import Figures, Reader, settled
from cli.demo.notices import Lane, Told
from cli.demo.site import LINES_SHOWN
from cli.demo.upstream import Json
from cli.support.errors import Exit, Failure
from processors.registry import ENGINE, WORKERS
from processors.runtime.kafka.clients import common
from processors.runtime.stopping import PARENT_PIPE
from schemas.ids import Micros

if TYPE_CHECKING:
    from cli.demo.site import Site
    from cli.demo.story import Story, StoryRecord, StoryStep
    from store.postgres.session import Database

POINTS = (sys.executable, "-m", "cli")
COMMAND_SECONDS = 60
READY_SECONDS = 120.0
"""All workers start at once, which keeps two busy cores busy for a minute."""
STOP_SECONDS = 30.0
SETTLE_SECONDS = 30.0
"""For a step of some records: much longer than it ever takes, so that a machine under load is no
failure.
"""
LOOK_SECONDS = 0.08


class Watcher(Protocol):
    """Is informed while the day is played."""

    def event_read(self, event: Json) -> None:
        """A points-changed event was read from the topic."""

    def answer_read(self, answer: Json) -> None:
        """The answer to a command was read from the topic."""

    def told(self, news: Sequence[Told]) -> None:
        """What became of notices in this step."""

    def update(self, figures: Figures, events: int) -> None:
        """The figures now, and how many events were read."""


def command(site: "Site", *arguments: str) -> str:
    """Runs a `points` command to its end, and answers what it printed.

    Raises Failure with its complaint.
    """
    try:
        done = subprocess.run(  # noqa: S603 - our own command
            [*POINTS, *arguments],
            env=dict(site.environment),
            capture_output=True,
            text=True,
            check=False,
            timeout=COMMAND_SECONDS,
        )
    except subprocess.TimeoutExpired:
        wrong = f"`points {' '.join(arguments)}` did not end within {COMMAND_SECONDS} s"
        raise Failure(
            Exit.UNREACHABLE,
            wrong,
            "see whether Kafka and PostgreSQL answer, and how busy this machine is",
        ) from None
    if done.returncode:
        complaint = [line for line in done.stderr.splitlines() if line.strip()][-LINES_SHOWN:]
        code = Exit(done.returncode) if done.returncode in set(Exit) else Exit.UNEXPECTED
        raise Failure(code, [f"`points {' '.join(arguments)}` failed:", *complaint])
    return done.stdout


class Clock:
    """The clock of the sample's database, points_now(), replaced by one that jumps and runs on."""

    def __init__(self, connection: "Database") -> None:
        """The clock of this database, as its owner."""
        self._connection = connection

    def set(self, moment: Micros) -> None:
        """It is `moment` now; from here on it runs as fast as any clock."""
        ahead = moment - time.time_ns() // 1000
        now = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
        create = sql.SQL(
            "CREATE OR REPLACE FUNCTION points_now() RETURNS bigint "
            "LANGUAGE sql VOLATILE PARALLEL SAFE AS {}"
        )
        body = sql.Literal(f"SELECT {now} + ({ahead})")
        self._connection.execute(create.format(body))


def kinds_of(site: "Site") -> tuple[str, ...]:
    """The kinds of workers that `points run all` starts there."""
    return ENGINE if site.sinks is None else tuple(WORKERS)


class WorkerTree:
    """`points run all` as a process tree. It ends with this process, however that ends."""

    def __init__(self, site: "Site") -> None:
        """Starts the tree."""
        self.log = site.folder / "workers.log"
        self.kinds = kinds_of(site)
        reading, self._writing = os.pipe()
        # A session of its own: Ctrl-C reaches only us, and we stop the tree in order.
        with self.log.open("wb") as sink:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                [*POINTS, "run", "all"],
                env={**site.environment, PARENT_PIPE: str(reading)},
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                pass_fds=[reading],
                start_new_session=True,
            )
        os.close(reading)

    def wait_ready(self, waiting: Callable[[int], None] = lambda _: None) -> None:
        """Returns once all workers are ready; `waiting` gets how many are. Raises Failure."""
        deadline = time.monotonic() + READY_SECONDS
        while True:
            started = len(self._logged("child_started", "child"))
            urls = self._logged("serving", "url")
            ready = sum(_is_ready(url) for url in urls)
            waiting(ready)
            if ready >= started >= len(self.kinds):
                return
            self.check()
            if time.monotonic() > deadline:
                raise self.failure(
                    f"{ready} of {started} workers got ready within {READY_SECONDS:.0f} s"
                )
            time.sleep(0.1)

    def check(self) -> None:
        """Raises Failure when the tree has ended."""
        code = self._process.poll()
        if code is not None:
            raise self.failure(f"the workers ended with exit code {code}")

    def stop(self) -> None:
        """Lets them finish their batch and end; nothing happens when they have."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._writing)

    def _logged(self, event: str, name: str) -> set[str]:
        """The different values of a field in the log lines with this event."""
        lines = (
            line
            for line in self.log.read_bytes().splitlines()
            if line.startswith(b"{") and line.endswith(b"}")
        )
        entries = [orjson.loads(line) for line in lines]
        return {str(entry[name]) for entry in entries if entry.get("event") == event}

    def failure(self, why: str) -> Failure:
        """What went wrong, with the end of the workers' log."""
        lines = self.log.read_text(errors="replace").splitlines()[-LINES_SHOWN:]
        return Failure(Exit.UNEXPECTED, [why, *lines], "the lines above are the end of their log")


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=2) as answer:  # noqa: S310 - our own http URL
            return bool(answer.status == 200)  # noqa: PLR2004 - as HTTP has it
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False


class Engine:
    """Plays steps against a site whose workers run, and reads the events that come out."""

    def __init__(self, site: "Site", workers: WorkerTree) -> None:
        """Connects to both ends. Close it."""
        configured = site.configuration()
        self._site, self._workers, self.produced = site, workers, 0
        self.events: list[Json] = []
        self.answers: list[Json] = []
        self._commands = 0
        self._connection = psycopg.connect(
            site.database_url, autocommit=True, application_name="points-demo"
        )
        self.clock, self.reader = Clock(self._connection), Reader(configured, self._connection)
        self.lane = Lane(site, self._connection, site.sinks) if site.sinks is not None else None
        kafka = common(configured.kafka, name="points-demo") | {"log_level": 0}
        self._topics = configured.topics.model_dump()
        self._producer = Producer(
            {**kafka, "enable.idempotence": True, "partitioner": "murmur2_random", "linger.ms": 1}
        )
        group = {
            "group.id": configured.kafka.group_of("demo"),
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
        }
        self._consumer = Consumer({**kafka, **group})
        self._results = configured.topics.command_results
        self._consumer.assign(
            [
                TopicPartition(topic, number, 0)
                for topic in (configured.topics.points_changed, self._results)
                for number in self._consumer.list_topics(topic, timeout=10).topics[topic].partitions
            ]
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._consumer.close()
        self._producer.flush(5)
        self._connection.close()

    def play(self, step: "StoryStep", watcher: Watcher) -> None:
        """Moves the clock, produces the step's records, and returns when nothing moves any more.

        So for its command.
        """
        lane = self.lane
        if lane is not None and step.provider is not None:
            lane.become(*step.provider)
        self.clock.set(step.at)
        self._commands += len(step.spending)
        self._produce([*step.records, *(command.record for command in step.spending)])
        self._settle(watcher)
        if step.command:
            command(self._site, *step.command)
            self._settle(watcher)
        if lane is not None:
            if step.notices:
                command(self._site, *step.notices)
            self._tell(lane, watcher)

    def _tell(self, lane: Lane, watcher: Watcher) -> None:
        """Returns when members are told what may be told now. Raises Failure as `_settle` does."""
        began = time.monotonic()
        while not lane.done():
            self._workers.check()
            if time.monotonic() - began > SETTLE_SECONDS:
                raise self._workers.failure("the notices lane does not finish")
            time.sleep(LOOK_SECONDS)
        watcher.told(lane.news())

    def _settle(self, watcher: Watcher) -> None:
        """Returns when all that was produced is processed, published and read back.

        Raises Failure when that takes too long.
        """
        began = time.monotonic()
        figures = self._look(watcher)
        while (
            not settled(figures, self.produced, len(self.events))
            or len(self.answers) < self._commands
        ):
            if time.monotonic() - began > SETTLE_SECONDS:
                left = (
                    f"{self.produced - figures.consumed} records not consumed",
                    f"{figures.recheck} orders to decide again",
                    f"{figures.overdue} grants overdue",
                    f"{figures.outbox} rows in the outbox",
                    f"{figures.entries - len(self.events)} events not read",
                    f"{self._commands - len(self.answers)} commands not answered",
                )
                raise self._workers.failure(f"the engine does not finish: {', '.join(left)}")
            figures = self._look(watcher)

    def _look(self, watcher: Watcher) -> Figures:
        self._workers.check()
        for message in self._consumer.consume(100, LOOK_SECONDS):
            if message.error() is None:
                value = orjson.loads(message.value() or b"null")
                if message.topic() == self._results:
                    self.answers.append(value)
                    watcher.answer_read(value)
                else:
                    self.events.append(value)
                    watcher.event_read(value)
        figures = self.reader.read()
        watcher.update(figures, len(self.events))
        return figures

    def _produce(self, records: "Iterable[StoryRecord]") -> None:
        for record in records:
            self._producer.produce(self._topics[record.topic], record.value, record.key)
            self.produced += 1
        left = self._producer.flush(30)
        if left:
            raise Failure(
                Exit.UNREACHABLE,
                f"Kafka did not take {left} records within 30 s",
                "see whether the broker still runs",
            )


def prepare_engine(site: "Site", story: "Story") -> None:
    """The schema, the topics, the clock at the beginning of the day, and the shops' settings."""
    for _, act in preparations(site, story):
        act()


def preparations(site: "Site", story: "Story") -> list[tuple[str, Callable[[], None]]]:
    """What has to be done before workers start, in order, each with the words for it."""

    def migrate() -> None:
        command(site, "migrate")
        with psycopg.connect(site.database_url, autocommit=True) as connection:
            Clock(connection).set(story.begins)

    def apply() -> None:
        for shop in story.shops:
            command(site, "settings", "apply", shop.id, str(shop.file), "--by", "points demo")

    def topics() -> None:
        command(site, "topics", "apply")

    def tell() -> None:
        file = str(story.shops[0].file.with_name("lantern-notices.yaml"))
        arguments = ("apply", story.shops[0].id, file, "--by", "points demo")
        command(site, "notices", "settings", *arguments)

    telling = [(f"points notices settings apply, for {story.shops[0].name}", tell)]
    return [
        ("points migrate", migrate),
        ("points topics apply", topics),
        (f"points settings apply, for {len(story.shops)} shops", apply),
        *(telling if site.sinks is not None else ()),
    ]


@contextmanager
def working(site: "Site", waiting: Callable[[int], None] = lambda _: None) -> Iterator[Engine]:
    """Workers that are ready, and an engine to play on; both are ended afterwards."""
    workers = WorkerTree(site)
    try:
        workers.wait_ready(waiting)
        with Engine(site, workers) as engine:
            yield engine
    finally:
        workers.stop()
