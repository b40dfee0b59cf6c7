"""What ends a worker and with which code, what it waits out, and how it is told to stop."""

import os
import signal
import sys
import time
from pathlib import Path

import psycopg
import pytest
from confluent_kafka import KafkaError, KafkaException

from processors.runtime.failures import (
    TopicChanged,
    is_too_slow,
    is_waited_out,
    refusal,
    waited_out,
)
from processors.runtime.loop import Backoff
from processors.runtime.stopping import PARENT_PIPE, Stop
from processors.runtime.supervisor import Supervisor, child_specs
from schemas.errors import Exit, PointsError
from store.postgres.migrate import SchemaMismatch
from store.settings.versions import VersionConflict
from tests.support.machine.inherited import inherited


@pytest.fixture(autouse=True)
def own_signals() -> object:
    """A Stop takes the process's signals; they are given back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    signal.set_wakeup_fd(-1)
    for number, handler in before.items():
        signal.signal(number, handler)


def kafka(code: int, *, fatal: bool = False) -> KafkaException:
    return KafkaException(KafkaError(code, "said", fatal))


@pytest.mark.parametrize(
    "error",
    [
        psycopg.OperationalError("connection failed: Connection refused"),
        psycopg.InterfaceError("the connection is closed"),
        psycopg.errors.AdminShutdown("terminating connection"),
        psycopg.errors.DeadlockDetected("deadlock detected"),
        kafka(KafkaError._TRANSPORT),
        kafka(KafkaError._TIMED_OUT),
        kafka(KafkaError.COORDINATOR_LOAD_IN_PROGRESS),
    ],
)
def test_trouble_of_the_infrastructure_is_waited_out(error: Exception) -> None:
    assert refusal(error, first=True) is None
    assert is_waited_out(error)


@pytest.mark.parametrize(
    "error",
    [
        psycopg.errors.LockNotAvailable(),
        psycopg.errors.QueryCanceled(),
        psycopg.errors.IdleInTransactionSessionTimeout(),
        psycopg.errors.TransactionTimeout(),
    ],
)
def test_what_took_too_long_is_tried_again_in_smaller_pieces(error: psycopg.Error) -> None:
    assert is_waited_out(error)
    assert is_too_slow(error)


@pytest.mark.parametrize(
    "error",
    [
        ValueError("a bug"),
        psycopg.errors.UniqueViolation("a bug too"),
        kafka(KafkaError._FATAL, fatal=True),
        VersionConflict("of no worker"),
    ],
)
def test_what_nobody_foresaw_ends_the_process(error: Exception) -> None:
    assert refusal(error, first=True) is None
    assert not is_waited_out(error)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SchemaMismatch("run `points migrate`"), Exit.SCHEMA),
        (TopicChanged("recreated"), Exit.CURSOR),
        (kafka(KafkaError._AUTHENTICATION), Exit.USAGE),
        (kafka(KafkaError.TOPIC_AUTHORIZATION_FAILED), Exit.USAGE),
        (kafka(KafkaError._INVALID_ARG), Exit.USAGE),
        (
            psycopg.OperationalError('FATAL:  password authentication failed for user "points"'),
            Exit.USAGE,
        ),
        (psycopg.OperationalError('FATAL:  database "nope" does not exist'), Exit.USAGE),
        (psycopg.errors.InvalidParameterValue('role "points_app" does not exist'), Exit.SCHEMA),
    ],
)
def test_what_somebody_must_mend_is_refused_with_its_code(error: Exception, code: Exit) -> None:
    refused = refusal(error, first=True)
    assert refused is not None
    assert refused.exit_code == code


def test_who_does_one_thing_until_it_is_done_hears_why_it_is_not() -> None:
    away = psycopg.OperationalError("connection failed: Connection refused")
    assert waited_out(away, first=True) == "connection failed: Connection refused"
    denied = psycopg.OperationalError('FATAL:  password authentication failed for user "points"')
    with pytest.raises(PointsError) as refused:
        waited_out(denied, first=True)
    assert refused.value.__cause__ is denied
    ours = psycopg.errors.UndefinedColumn("a fault of ours")
    with pytest.raises(psycopg.errors.UndefinedColumn) as raised:
        waited_out(ours, first=True)
    assert raised.value is ours


def test_a_password_changed_under_a_running_worker_is_waited_out() -> None:
    error = psycopg.OperationalError('FATAL:  password authentication failed for user "points"')
    assert refusal(error, first=False) is None
    assert is_waited_out(error)


@pytest.mark.parametrize(
    "code", [KafkaError._AUTHENTICATION, KafkaError.GROUP_AUTHORIZATION_FAILED]
)
def test_rights_lost_under_a_running_worker_are_waited_out(code: int) -> None:
    assert refusal(kafka(code), first=False) is None
    assert is_waited_out(kafka(code))


def test_waits_grow_to_a_limit_and_begin_anew_after_success() -> None:
    backoff = Backoff(0.1, 5.0)
    waits = [backoff.next() for _ in range(200)]
    assert 0.05 <= waits[0] <= 0.1
    assert all(2.5 <= wait <= 5.0 for wait in waits[10:])
    assert len(set(waits[10:])) > 100
    backoff.reset()
    assert backoff.next() <= 0.1


def test_several_workers_take_ports_upward_and_names_of_their_own() -> None:
    planned = child_specs(["relay", "intake", "intake"], 9464)
    assert [(one.name, one.kind, one.port) for one in planned] == [
        ("relay", "relay", 9464),
        ("intake-1", "intake", 9465),
        ("intake-2", "intake", 9466),
    ]
    assert {one.port for one in child_specs(["relay", "intake"], 0)} == {0}


def test_a_signal_ends_a_wait_at_once() -> None:
    stop = Stop()
    assert not stop.asked
    os.kill(os.getpid(), signal.SIGTERM)
    began = time.monotonic()
    assert stop.wait(600)
    assert time.monotonic() - began < 300  # however busy the machine is
    assert stop.asked


def test_the_end_of_the_supervisor_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    monkeypatch.setenv(PARENT_PIPE, str(reading))
    stop = Stop()
    assert not stop.asked
    os.close(writing)
    assert stop.wait(30)
    os.close(reading)


CHILD = """
import os, pathlib, sys, time
kind, refused = sys.argv[2], pathlib.Path(sys.argv[1])
if kind == "notices":
    refused.write_text(str(os.getpid()))
    raise SystemExit(2)
while True:
    try:
        os.kill(int(refused.read_text()), 0)
    except ProcessLookupError:
        raise SystemExit(3)
    except (FileNotFoundError, ValueError):
        pass
    time.sleep(0.01)
"""
"""The lane's worker is refused. The other lives until that was seen, and ends by itself then."""


def test_a_worker_of_the_notices_lane_that_is_refused_stops_no_worker_of_the_engine(
    tmp_path: Path,
) -> None:
    command = [sys.executable, "-c", CHILD, str(tmp_path / "refused")]
    tree = Supervisor(command, child_specs(["notices", "grants"], 0), inherited(), Stop())
    assert tree.run() == Exit.SCHEMA


def test_workers_of_the_notices_lane_alone_end_when_all_are_refused(tmp_path: Path) -> None:
    command = [sys.executable, "-c", CHILD, str(tmp_path / "refused")]
    tree = Supervisor(command, child_specs(["notices", "notices"], 0), inherited(), Stop())
    assert tree.run() == Exit.USAGE
