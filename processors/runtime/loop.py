"""The loop that all workers share: turn, wait, and outlive failing servers.

See architecture.md 2.6, 2.7.
"""

import errno
import random
import socket
import time
from collections.abc import Callable
from typing import TypeVar

import psycopg
from confluent_kafka import KafkaException
from psycopg.pq import TransactionStatus

from processors import metrics
from processors.runtime.configuration import Configuration
from processors.runtime.failures import (
    NEEDS_OPERATOR,
    TopicChanged,
    is_too_slow,
    is_waited_out,
    leave_standby,
    one_line,
    refusal,
    server_of,
)
from processors.runtime.garbage import Garbage
from processors.runtime.health import Health, HealthServer
from processors.runtime.kafka.errors import LACKING
from processors.runtime.kafka.rights import rights_of
from processors.runtime.kafka.rights_check import RightsCheck
from processors.runtime.logs import log, set_up
from processors.runtime.phases import PHASES
from processors.runtime.stopping import Stop
from processors.runtime.worker import Worker, WorkerFactory, new_instance
from processors.tracing import spans as tracing
from schemas.errors import AccessRefused, Exit, PointsError
from store.postgres import migrate, session, worker_beats
from store.postgres.session import Database, transaction
from store.streams import quarantine
from store.streams.cursors import CursorRefused
from store.streams.quarantine import MustPause, Paused

SAMPLE_SECONDS = 5.0
"""Between two looks at what is only counted for metrics, and two proofs that it can write."""
UNANSWERED_SECONDS = 5.0
"""A statement that has no answer for so long makes the worker not ready; locks end sooner."""
GIVE_UP_SECONDS, CUT_OFF_SECONDS = 2.0, 4.0
"""Once asked to stop: a statement without an answer is cancelled, then the connection is cut."""
UNSETTLED_SECONDS = 10.0
"""After a rollback: turns without work are no success until the batch had time to come again."""
LEAST_SHARE = 1 / 1024
GROW_SECONDS = 60.0
"""Without a limit met for so long, batches grow again: each try may cost a statement's limit."""
PAUSE_LOOK_SECONDS = 1.0
FIRST_WAIT, LONGEST_WAIT = 0.1, 5.0


def give_up(connection: Database, seconds: float, *, cancelled: bool) -> None:
    """Asked to stop while a statement has had no answer for so long: cancels it, then cuts it off.

    Raises OperationalError once the connection is cut.
    """
    if not cancelled:
        connection.cancel_safe(timeout=1.0)
    elif seconds > CUT_OFF_SECONDS:
        connection.close()
        raise psycopg.OperationalError("asked to stop while a statement had no answer")


class Backoff:
    """Growing waits with jitter: workers that lost one server do not all come back at once."""

    def __init__(self, first: float = FIRST_WAIT, longest: float = LONGEST_WAIT) -> None:
        """`first` and `longest` in seconds."""
        self._first, self._longest = first, longest
        self.failures = 0

    def next(self) -> float:
        """Seconds to wait after one more failure."""
        full = min(self._longest, self._first * 2 ** min(self.failures, 30))
        self.failures += 1
        return float(full * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, no secret

    def reset(self) -> None:
        """It works again."""
        self.failures = 0


class Loop:
    """One worker's life in this process."""

    def __init__(
        self,
        kind: str,
        factory: WorkerFactory,
        configuration: Configuration,
        health: Health,
        stop: Stop,
    ) -> None:
        """Connects to nothing yet."""
        self._kind, self._factory, self._configuration = kind, factory, configuration
        self._health, self._stop = health, stop
        self._connection: Database | None = None
        self._worker: Worker | None = None
        self._backoff = Backoff()
        self._rights = RightsCheck(configuration.kafka, kind, rights_of(kind, configuration))
        self._used: Database | None = None
        self._proved: Database | None = None
        self._was_connected = self._was_ready = self._held = False
        self._to_pause: str | None = None
        self._sample_at = self._prove_at = self._grow_at = 0.0
        self._failures, self._unsettled_until = 0, 0.0
        self._share = 1.0
        self._instance = new_instance()
        self._cancelled = False

    def run(self) -> None:
        """Turns until it is asked to stop.

        Raises a PointsError when an operator must act, and any other error as it comes.
        """
        garbage = Garbage()
        try:
            while not self._stop.asked:
                self._health.beat()
                self._attempt()
                PHASES.turned(self._connection)
                garbage.turn()
        except BaseException as error:
            # Crash-only: nothing in hand is saved by an error; the database has what was committed.
            self._leave(f"ended: {in_short(error)}")
            self._disconnect()
            raise
        self._close()

    def _attempt(self) -> None:
        try:
            wait = self._turn()
        except CursorRefused as error:
            metrics.CURSOR_REFUSALS.inc()
            log().warning("cursor_refused", why=one_line(error))
            self._drop()
            # Two that fight for a partition must not block each other for ever (I6).
            self._idle(self._backoff.next())
        except Paused as error:
            # Nothing of the batch was written; the next turn writes the pause.
            self._to_pause = str(error) if isinstance(error, MustPause) else None
            self._held = True
            self._drop()
        except Exception as error:
            # PostgreSQL lets in or not at once, a group answers only after some turns.
            is_kafka = isinstance(error, KafkaException)
            worked = self._was_ready if is_kafka else self._was_connected
            refused = refusal(error, first=not worked)
            if refused is not None:
                explained = self._explained(refused, error)
                if explained is error:
                    raise
                raise explained from error
            if not is_waited_out(error):
                raise
            self._wait_out(error)
        else:
            self._settle()
            if wait:
                with PHASES.spending("poll"):
                    self._stop.wait(wait)

    def _explained(self, refused: PointsError, error: Exception) -> PointsError:
        """A topic that may not be seen looks like one that is not there; a right has a name."""
        if not isinstance(error, (KafkaException, TopicChanged)):
            return refused
        lacking = self._rights.now()
        return refused if lacking is None else AccessRefused(lacking, LACKING)

    def _turn(self) -> float:
        worker, connection = self._ready()
        self._rights.look()
        self._sample()
        self._prove(connection)
        if self._held and self._is_paused(worker, connection):
            return 0.0
        worker.batch_share = self._share
        wait = worker.turn()
        self._was_connected = True
        return wait

    def _settle(self) -> None:
        """A turn that succeeds ends trouble, if it had work: one without proves little."""
        worker = self._worker
        if worker is None or self._held:
            return
        if not worker.worked and time.monotonic() < self._unsettled_until:
            return
        self._backoff.reset()
        self._failures, self._unsettled_until = 0, 0.0
        self._grow()
        if self._rights.known:
            self._report(self._rights.trouble() or worker.trouble())

    def _sample(self) -> None:
        """Sets gauges by the clock, whatever became of the turn.

        A table that cannot be read for it holds up no work; a lost connection the turn notices.
        """
        worker, connection = self._worker, self._connection
        if worker is None or connection is None or self._used is not connection:
            return
        idle = connection.info.transaction_status == TransactionStatus.IDLE
        if time.monotonic() < self._sample_at or not idle:
            return
        self._sample_at = time.monotonic() + SAMPLE_SECONDS
        try:
            worker.sample()
        except psycopg.Error as error:
            if not is_waited_out(error):
                raise
            log().warning("not_sampled", why=one_line(error))
        else:
            metrics.LAST_SAMPLE.set(time.time())

    def _prove(self, connection: Database) -> None:
        """Proves by the clock that it can write, and that the schema is still one that it knows.

        A worker without work would not notice either. Until it succeeds it is tried every turn.
        """
        if time.monotonic() >= self._prove_at:
            if self._proved is connection:  # a new one was checked when it was made
                migrate.check(connection)
            worker_beats.beat(connection, self._kind, self._instance, self._health.reason)
            self._proved = connection
            self._prove_at = time.monotonic() + SAMPLE_SECONDS

    def _ready(self) -> tuple[Worker, Database]:
        if self._connection is None:
            self._connection = self._connect()
        if self._worker is None:
            self._worker = self._factory(self._configuration, self._connection, self._beat)
            self._used, self._held = self._connection, self._worker.pipeline is not None
        elif self._used is not self._connection:
            self._worker.use(self._connection)
            self._used = self._connection
        return self._worker, self._connection

    def _connect(self) -> Database:
        c = self._configuration.database
        with self._health.connecting():
            connection = session.connect(
                c.url.get_secret_value(),
                role=c.role,
                name=f"points-{self._kind}",
                waiting=self._waiting,
                check_pooling=True,
            )
        self._cancelled, self._prove_at = False, 0.0
        try:
            migrate.check(connection)
            worker_beats.forget(connection)
        except psycopg.errors.ReadOnlySqlTransaction:
            pass  # what it can do without writing, and why it is not ready, shows in its turns
        except BaseException:
            connection.close()
            raise
        return connection

    def _is_paused(self, worker: Worker, connection: Database) -> bool:
        """Writes a pause that a batch asked for; while one holds, waits a second and is True."""
        pipeline = worker.pipeline or ""
        with transaction(connection) as cursor:
            if self._to_pause is not None:
                quarantine.pause(cursor, pipeline, self._to_pause)
            pause = quarantine.paused(cursor, pipeline)
        self._to_pause, self._held = None, pause is not None
        metrics.PIPELINE_PAUSED.labels(pipeline).set(pause is not None)
        if pause is not None:
            self._was_connected = True
            self._backoff.reset()
            self._report(f"paused: {pause[1]}")
            self._idle(PAUSE_LOOK_SECONDS)
        return pause is not None

    def _beat(self) -> bool:
        self._health.beat()
        self._sample()
        return self._stop.asked

    def _waiting(self, connection: Database, seconds: float) -> None:
        """A statement has no answer yet: alive, soon not ready, and asked to stop all the same."""
        self._health.beat()
        if seconds > UNANSWERED_SECONDS:
            self._report(f"database: no answer for more than {UNANSWERED_SECONDS:.0f} s")
        if seconds < GIVE_UP_SECONDS or not self._stop.asked:
            return
        give_up(connection, seconds, cancelled=self._cancelled)
        self._cancelled = True

    def _report(self, reason: str | None) -> None:
        self._was_ready = self._was_ready or reason is None
        if self._health.become(reason):
            if reason is None:
                log().info("ready")
            else:
                log().warning("not_ready", why=reason)

    def _wait_out(self, error: Exception) -> None:
        """Keeps polling Kafka meanwhile, so that the membership of the group lives on."""
        lost = self._lose_connection(error)
        self._failures += 1
        server = server_of(error)
        self._shrink(error)  # also where the server cut off a batch that took too long
        if not lost and server == "database":
            log().warning("rolled_back", why=one_line(error))
            self._unsettled_until = time.monotonic() + UNSETTLED_SECONDS
        # A deadlock's victim succeeds the next time; what fails twice, whatever it is, is trouble.
        if lost or server != "database" or self._failures > 1:
            named = self._rights.trouble() if server == "kafka" else None
            self._report(named or f"{server}: {one_line(error)}")
        self._drop()
        self._idle(self._backoff.next())

    def _shrink(self, error: Exception) -> None:
        if is_too_slow(error):
            self._share = max(LEAST_SHARE, self._share / 2)
            self._grow_at = time.monotonic() + GROW_SECONDS

    def _grow(self) -> None:
        if self._share < 1 and time.monotonic() > self._grow_at:
            self._share *= 2
            self._grow_at = time.monotonic() + GROW_SECONDS

    def _lose_connection(self, error: Exception) -> bool:
        """Counts the trouble; whether the connection is lost (a deadlock's victim keeps it)."""
        if not isinstance(error, psycopg.Error):
            of_kafka = server_of(error) == "kafka"
            (metrics.BROKER_TROUBLES if of_kafka else metrics.READMODEL_TROUBLES).inc()
            return False
        if self._connection is None:
            return True
        leave_standby(error, self._connection)
        if not self._connection.closed:
            metrics.ROLLBACKS.inc()
            return False
        metrics.DATABASE_RECONNECTS.inc()
        self._disconnect()
        return True

    def _leave(self, trouble: str | None = None) -> None:
        """Takes its row among the workers away, or says there why it ended."""
        connection = self._connection
        if connection is None or connection.info.transaction_status != TransactionStatus.IDLE:
            return
        try:
            if trouble is None:
                worker_beats.leave(connection, self._kind, self._instance)
            else:
                worker_beats.beat(connection, self._kind, self._instance, trouble)
        except psycopg.Error as error:
            log().warning("not_noted", why=one_line(error))

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _drop(self) -> None:
        if self._worker is not None:
            self._worker.drop()

    def _idle(self, seconds: float) -> None:
        """Waits and polls in slices: a signal must not wait for the whole of it."""
        with PHASES.spending("poll"):
            self._let_pass(seconds)

    def _let_pass(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self._stop.asked:
            self._health.beat()
            self._sample()
            if self._worker is None:
                self._stop.wait(min(left, 0.5))
            else:
                self._worker.idle(min(left, 0.2))

    def _close(self) -> None:
        if self._worker is not None:
            self._worker.close()
        self._leave()
        self._disconnect()


_Configured = TypeVar("_Configured", bound=Configuration)
Body = Callable[[_Configured, Health, Stop], None]
"""A worker's life: turns until `stop.asked`, and says by `health` how it is. Raises as Loop.run."""


def run_worker(kind: str, factory: WorkerFactory, configuration: Configuration) -> int:
    """Runs one worker in this process until it is asked to stop.

    Answers the exit code (see schemas/errors.py).
    """

    def body(configuration: Configuration, health: Health, stop: Stop) -> None:
        Loop(kind, factory, configuration, health, stop).run()

    return run_process(kind, configuration, body)


def run_process(kind: str, configuration: _Configured, body: Body[_Configured]) -> int:
    """As `run_worker`, of a kind whose life is not the loop of this module."""
    set_up(configuration.log_level, configuration.log_format, worker=kind)
    stop = Stop()
    where = configuration.metrics
    health = Health(kind, where.stalled_after)
    try:
        server = HealthServer(health, where.host, where.port)
    except OSError as error:
        is_of_host = isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL
        log().error(
            "refused",
            why=f"cannot serve on {where.host}:{where.port} ({error.strerror}): "
            f"set POINTS_METRICS__{'HOST' if is_of_host else 'PORT'}",
        )
        return Exit.USAGE
    log().info("serving", url=server.url)
    try:
        tracing.set_up(configuration.tracing, kind)
        body(configuration, health, stop)
    except Exception as error:  # noqa: BLE001 - the last line before the process ends
        return _end(error)
    finally:
        server.close()
        tracing.spans().close()
    log().info("stopped")
    return Exit.OK


def in_short(error: BaseException) -> str:
    """The reason without values: an unexpected error's text may repeat what a record said."""
    return str(error) if isinstance(error, PointsError) else type(error).__name__


def _end(error: Exception) -> Exit:
    """The exit code, with the reason in the log: a sentence for an operator, or the frames."""
    if isinstance(error, PointsError) and error.exit_code in NEEDS_OPERATOR:
        log().error("refused", why=str(error), exit_code=int(error.exit_code))
        return error.exit_code
    log().error("crashed", exc_info=error, exit_code=int(Exit.UNEXPECTED))
    return Exit.UNEXPECTED
