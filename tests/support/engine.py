"""A whole engine for a test: a database, topics, merchants with settings, workers as processes."""

import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Self, TypeVar

import orjson
import psycopg
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from psycopg import sql

from schemas.packing import unpack_id
from schemas.settings import load_settings
from store.postgres import migrate, session
from store.settings import versions
from tests.support.database.looking import Looking
from tests.support.machine import loaded
from tests.support.machine.inherited import inherited
from tests.support.upstream import Json, Record

TOPICS = (
    "orders",
    "deliveries",
    "customers",
    "commands",
    "points_changed",
    "command_results",
    "settings",
    "heartbeat",
    "notices",
    "notices_feedback",
    "dlq_orders",
    "dlq_deliveries",
    "dlq_customers",
    "dlq_commands",
    "dlq_notices",
)
PATIENCE = 60.0
"""Seconds to wait for an expected state; a busy machine needs most of them."""
SHOWN = 4_000
"""Characters of a worker's output that a failed test shows."""


Answer = TypeVar("Answer")


class WaitedInVain(AssertionError):
    """What should have come did not come in time."""


def wait_for(what: str, state: Callable[[], Answer], within: float = PATIENCE) -> Answer:
    """The first true answer of `state`.

    WaitedInVain after `within` seconds, with the last answer.
    """
    deadline = time.monotonic() + within
    while True:
        answer = state()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise WaitedInVain(f"{what}: not within {within:.0f} s; the last answer was {answer!r}")
        time.sleep(0.03)


class Worker:
    """A running `points run …`, its output in a file; or `module`, which does the same."""

    def __init__(
        self,
        arguments: Iterable[str],
        environment: Mapping[str, str],
        log: Path,
        module: str = "",
    ) -> None:
        self.log = log
        words = [*arguments] if module else ["run", *arguments]
        with log.open("wb") as sink:
            self.process = loaded.start(
                words, environment, stdout=sink, stderr=subprocess.STDOUT, module=module
            )

    @property
    def output(self) -> str:
        """Its whole output so far."""
        return self.log.read_text(errors="replace")

    def lines(self, event: str | None = None) -> list[Json]:
        """Its log lines (JSON) with this event, all of them without."""
        lines = [
            orjson.loads(line)
            for line in self.output.splitlines()
            if line.startswith("{") and line.endswith("}") and (event or "") in line
        ]
        return [line for line in lines if event in (None, line.get("event"))]

    def url(self, worker: str | None = None) -> str:
        """Where its (or its child's) health and metrics are served; waits until that is logged."""

        def served_at() -> str | None:
            lines = [line for line in self.lines("serving") if worker in (None, line.get("worker"))]
            return str(lines[-1]["url"]) if lines else None

        return (
            wait_for(f"the address of {worker or 'the worker'} in:\n{self.output}", served_at) or ""
        )

    def get(self, path: str, worker: str | None = None) -> tuple[int, str]:
        """Status and body of one of its pages."""
        try:
            with urllib.request.urlopen(self.url(worker) + path, timeout=5) as answer:  # noqa: S310 - our own http URL
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError as error:
            if self.process.poll() is not None:
                error.add_note(f"it has ended with {self.process.returncode}:\n{self.output}")
            raise

    def metric(self, name: str, worker: str | None = None, **labels: str) -> float:
        """A sample's value, summed over the labels not named; 0 when there is none."""
        total = 0.0
        for line in self.get("/metrics", worker)[1].splitlines():
            head, _, value = line.rpartition(" ")
            base, _, tail = head.partition("{")
            if base == name and all(
                f'{label}="{wanted}"' in tail for label, wanted in labels.items()
            ):
                total += float(value)
        return total

    def wait_metric(self, name: str, wanted: float, **labels: str) -> None:
        """Return once a metric says so: what it counts is there before it is counted."""
        wait_for(f"{name} {labels} of {wanted}", lambda: self.metric(name, **labels) == wanted)

    def wait_ready(self, within: float = PATIENCE) -> Self:
        """Return once /readyz says yes."""
        try:
            wait_for("ready", self._is_ready, within)
        except WaitedInVain:
            raise WaitedInVain(
                f"not ready within {within:.0f} s: {self.get('/readyz')}\n{self.output}"
            ) from None
        return self

    def _is_ready(self) -> bool:
        try:
            return self.get("/readyz")[0] == 200
        except OSError:
            # A busy machine cuts connections to one that is just starting; one that has ended is
            # not waited for.
            if self.process.poll() is not None:
                raise
            return False

    def terminate(self, within: float = PATIENCE) -> int:
        """SIGTERM, and the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait(within)

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.wait()

    def wait(self, within: float = PATIENCE) -> int:
        """The exit code, once it ends."""
        try:
            return self.process.wait(within)
        except subprocess.TimeoutExpired:
            raise WaitedInVain(f"it did not end within {within:.0f} s:\n{self.output}") from None


class Engine:
    """Everything of one test: `environment` starts any `points` command on it.

    Workers left are killed at the end.
    """

    def __init__(
        self,
        bootstrap: str,
        database_url: str,
        prefix: str,
        folder: Path,
        partitions: int = 2,
        login: Mapping[str, Any] | None = None,
        replicas: int = 1,
    ) -> None:
        """`login`: how the test itself logs in to Kafka, in librdkafka's words."""
        self.bootstrap = bootstrap
        self.login = dict(login or {})
        self.database_url = database_url
        self.prefix = prefix
        self.folder = folder
        self.partitions, self.replicas = partitions, replicas
        self.topics = {name: f"{prefix}{name}" for name in TOPICS}
        self.workers: list[Worker] = []
        self._looking = Looking(database_url)
        self._producer: Producer | None = None
        self._admin: AdminClient | None = None
        self.environment = {
            **inherited(),
            "POINTS_ENVIRONMENT": "development",
            "POINTS_KAFKA__BOOTSTRAP_SERVERS": bootstrap,
            "POINTS_KAFKA__GROUP_ID": f"{prefix}points",
            "POINTS_DATABASE__URL": database_url,
            "POINTS_METRICS__PORT": "0",
            "POINTS_LOG_FORMAT": "json",
            **{f"POINTS_TOPICS__{name.upper()}": topic for name, topic in self.topics.items()},
        }

    def move_to(self, database_url: str) -> None:
        """Ask another database from now on, which commands and new workers use as well."""
        self._looking.close()
        self.database_url = self.environment["POINTS_DATABASE__URL"] = database_url
        self._looking = Looking(database_url)

    def prepare(self) -> Self:
        """Migrates the database and creates the topics."""
        migrate.upgrade(self.database_url)
        self.create_topics(*TOPICS)
        return self

    @property
    def admin(self) -> AdminClient:
        """A client for what an operator would do to topics."""
        if self._admin is None:
            self._admin = AdminClient(
                {"bootstrap.servers": self.bootstrap, "log_level": 0, **self.login}
            )
        return self._admin

    def create_topics(self, *names: str) -> None:
        """Creates topics by their short names, and waits until clients are told of them."""
        made = self.admin.create_topics(
            [NewTopic(self.topics[name], self.partitions, self.replicas) for name in names]
        )
        for future in made.values():
            try:
                future.result(20)
            except KafkaException as error:
                # A busy broker answers late, and is asked again by the client: it has them now.
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise
        # The controller answers as soon as it has them, the broker knows them a moment later.
        wanted = {self.topics[name] for name in names}
        wait_for("new topics", lambda: wanted <= self.admin.list_topics(timeout=10).topics.keys())

    def delete_topics(self, *names: str) -> None:
        """Deletes topics by their short names, and waits until they are gone."""
        for future in self.admin.delete_topics([self.topics[name] for name in names]).values():
            future.result(20)
        gone = {self.topics[name] for name in names}
        wait_for(
            "deleted topics", lambda: not gone & self.admin.list_topics(timeout=10).topics.keys()
        )

    def merchant(self, merchant: str, **earn: object) -> None:
        """Settings in force since 2023: 1 point for 10, due at once, no expiry.

        `earn` changes that section.
        """
        document = {
            "timezone": "Asia/Taipei",
            "currency": "TWD",
            "languages": ["en"],
            "enabled": True,
            "entitlement": {"plan": "enterprise", "app_installed": True, "modules": []},
            "earn": {
                "rules": [{"unit_price": 10, "points_per_unit": 1, "membership_tier_id": None}],
                "channels": ["ec", "retail"],
                "pending_days": 0,
                "grant_on": "delivery_final",
                "expiry": {"kind": "never"},
                "deduct_store_credit": False,
                "on_return": "claw_back",
                **earn,
            },
            "effective_at": "2023-01-01T00:00:00Z",
        }
        with session.connect(self.database_url) as connection:
            versions.apply(
                connection, merchant, load_settings(orjson.dumps(document), name="test"), "test"
            )

    def move_clock(self, seconds: float) -> None:
        """Sets the database's one clock ahead (or back to the true time with 0)."""
        ahead = int(seconds * 1_000_000)
        body = f"SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint + {ahead}"
        statement = sql.SQL(
            "CREATE OR REPLACE FUNCTION points_now() RETURNS bigint LANGUAGE sql VOLATILE AS {}"
        )
        self._looking.do(statement.format(body))

    def run(self, *workers: str, **environment: str) -> Worker:
        """Starts `points run <workers>`; `environment` are further variables."""
        log = self.folder / f"{len(self.workers)}-{workers[0]}.log"
        worker = Worker(workers, {**self.environment, **environment}, log)
        self.workers.append(worker)
        return worker

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs any other `points` command to its end."""
        with TemporaryFile("w+") as out, TemporaryFile("w+") as err:
            process = loaded.start(arguments, self.environment, stdout=out, stderr=err)
            try:
                code = process.wait(PATIENCE)
            finally:
                process.kill()
            out.seek(0)
            err.seek(0)
            return subprocess.CompletedProcess(arguments, code, out.read(), err.read())

    def produce(self, records: Iterable[Record]) -> None:
        """Produces records and returns once the broker has all of them."""
        if self._producer is None:
            config = {
                "bootstrap.servers": self.bootstrap,
                "enable.idempotence": True,
                "linger.ms": 5,
                "log_level": 0,
                **self.login,
            }
            self._producer = Producer(config)
        for record in records:
            self._producer.produce(
                self.topics[record.topic], record.value, record.key, headers=[*record.headers]
            )
            self._producer.poll(0)
        left = self._producer.flush(60)
        assert left == 0, f"{left} records were not taken by the broker"

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Rows of a query in the engine's database."""
        return self._looking.rows(query, parameters)

    def value(self, query: str, *parameters: object) -> Any:
        """The first column of the first row."""
        return self.rows(query, *parameters)[0][0]

    def consumed(self) -> int:
        """Records that the cursors have counted (I7)."""
        return int(
            self.value(
                "SELECT coalesce(sum(applied + duplicate + ignored + parked + dead), 0) FROM cursor"
            )
        )

    def counts(self) -> dict[str, int]:
        """What became of them, over all partitions."""
        names = ("applied", "duplicate", "ignored", "parked", "dead")
        sums = ", ".join(f"coalesce(sum({name}), 0)::bigint" for name in names)
        row = self.rows(f"SELECT {sums} FROM cursor")[0]
        return dict(zip(names, row, strict=True))

    def balances(self) -> dict[tuple[str, str], int]:
        """(merchant, member) → available + held − debt, of everyone who ever had an entry."""
        rows = self.rows(
            "SELECT merchant_id, member, available + held - debt"
            " FROM account JOIN merchant USING (merchant_no)"
        )
        return {(merchant, unpack_id(bytes(member))): points for merchant, member, points in rows}

    def events(self, topic: str = "points_changed") -> list[Any]:
        """All records of a topic so far, as Kafka messages."""
        return read_all(self.bootstrap, self.topics[topic], self.partitions, self.login)

    def wait_consumed(self, records: int, within: float = PATIENCE) -> None:
        """Return once so many records are counted."""
        wait_for(f"{records} records consumed", lambda: self.consumed() >= records, within)

    def wait_published(self, within: float = PATIENCE) -> None:
        """Return once the outbox is empty and nothing is due any more."""
        query = """SELECT NOT EXISTS (SELECT FROM outbox)
                      AND NOT EXISTS (SELECT FROM due WHERE due_us <= points_now())"""
        wait_for("nothing due and the outbox empty", lambda: self.value(query), within)

    def audit(self, expected: Mapping[tuple[str, str], int]) -> None:
        """Asserts I2, I4, I6, I7 and the balances, once all is consumed and published."""
        assert self.balances() == {k: v for k, v in expected.items() if v}
        broken = """
            SELECT a.account_no FROM account a
            LEFT JOIN (SELECT account_no, sum(points) p, count(*) n, max(sequence) m
                       FROM ledger GROUP BY 1) l USING (account_no)
            LEFT JOIN (SELECT account_no, sum(remaining) r FROM lot GROUP BY 1) t USING (account_no)
            WHERE coalesce(l.p, 0) <> a.available + a.held - a.debt
               OR coalesce(l.n, 0) <> a.sequence OR coalesce(l.m, 0) <> a.sequence
               OR coalesce(t.r, 0) <> a.available + a.held
               OR (a.available <> 0 AND a.debt <> 0)"""
        assert self.rows(broken) == []
        offsets = """
            SELECT topic, partition FROM cursor
            WHERE next_offset - first_offset
                  <> applied + duplicate + ignored + parked + dead + control"""
        assert self.rows(offsets) == []
        ledger = Counter(str(row[0]) for row in self.rows("SELECT event_id FROM ledger"))
        assert set(ledger.values()) <= {1}
        payloads: dict[str, bytes] = {}
        last: Counter[str] = Counter()
        for message in self.events():
            event = orjson.loads(message.value())
            first = payloads.setdefault(event["event_id"], message.value())
            assert first == message.value(), "an event id with two payloads"
            member = message.key().decode()
            # Redelivery may repeat a stretch, but never opens a gap.
            assert event["sequence"] <= last[member] + 1, f"a gap in the events of {member}"
            last[member] = max(last[member], event["sequence"])
        assert set(payloads) == set(ledger)

    def said(self) -> list[tuple[str, str]]:
        """How each worker stands, and the end of its output: what a failed test shows."""
        cursors = "SELECT pipeline, topic, partition, first_offset, next_offset, dead FROM cursor"
        try:
            read = "\n".join(str(row) for row in self.rows(cursors))
        except psycopg.Error as error:
            read = str(error)
        ended = ((worker, worker.process.poll()) for worker in self.workers)
        return [
            ("cursors", read),
            *(
                (
                    f"{worker.log.name}: " + ("runs" if code is None else f"ended with {code}"),
                    worker.output[-SHOWN:],
                )
                for worker, code in ended
            ),
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._producer = self._admin = None
        self._looking.close()
        for worker in self.workers:
            if worker.process.poll() is None:
                worker.kill()


def read_all(
    bootstrap: str, topic: str, partitions: int, login: Mapping[str, Any] | None = None
) -> list[Any]:
    """All records of a topic, each partition from its beginning to the end it has now."""
    group = {"group.id": f"read-{topic}", "enable.auto.commit": False}
    consumer = Consumer({"bootstrap.servers": bootstrap, **group, **(login or {})})
    try:
        ends = {
            p: consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=20)
            for p in range(partitions)
        }
        consumer.assign(
            [TopicPartition(topic, p, low) for p, (low, high) in ends.items() if high > low]
        )
        left = {p: high for p, (low, high) in ends.items() if high > low}
        messages: list[Any] = []
        deadline = time.monotonic() + PATIENCE
        while left:
            if time.monotonic() > deadline:
                raise WaitedInVain(f"{topic} could not be read to its end: {left}")
            for message in consumer.consume(1000, 0.1):
                assert message.error() is None, message.error()
                messages.append(message)
                partition = int(message.partition() or 0)
                if int(message.offset() or 0) + 1 >= left.get(partition, 0):
                    left.pop(partition, None)
        return messages
    finally:
        consumer.close()
