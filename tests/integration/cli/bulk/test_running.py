"""Jobs applied: killed and resumed, two at once, cancelled, approved, undone (account.md 7)."""

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest
from psycopg.errors import LockNotAvailable

from cli.commands.doctor import progress
from processors.bulk import running
from processors.bulk.gates import cancel_job
from processors.bulk.making import Wanted, make_job
from processors.bulk.refusals import BulkRefused
from processors.bulk.running import run_job
from processors.bulk.shops import Shop, shop_of
from processors.bulk.undoing import make_undo
from processors.watch.waiting import Waiting
from schemas.bulk.states import Gate
from schemas.packing import pack_id
from store.bulk import jobs as stored
from store.ledger.jobs import JobKey
from store.postgres import session
from store.reads import status
from store.streams.outbox import OutboxKind
from tests.support.account.desk import SHOP, Desk
from tests.support.account.jobs import JobDesk
from tests.support.commands import points
from tests.support.engine import (
    PATIENCE,
    wait_for,
)
from tests.support.machine.inherited import inherited
from tests.support.operate.watching import shown
from tests.support.servers import Databases

MANY = 5 * stored.PIECE + 1


class Stopped(Exception):
    """The job was stopped where a test wanted it."""


def stop_after(pieces: int) -> Any:
    """Ends a job in the middle, as a person's Ctrl-C does."""
    left = [pieces]

    def advance(_done: int, _total: int) -> None:
        left[0] -= 1
        if not left[0]:
            raise Stopped

    return advance


def half_done(jobs: JobDesk, shop: Shop, count: int = MANY) -> None:
    """A job of which one piece is applied."""
    make(jobs, shop, count)
    try:
        run_job(shop, shop.key("june"), stop_after(1))
    except Stopped:
        return
    raise AssertionError("the job ended")


def make(jobs: JobDesk, shop: Shop, count: int = MANY) -> None:
    """A job that nobody has begun."""
    with Path(jobs.members(count)).open("rb") as source:
        make_job(shop, Wanted(source, "members.csv", "june", "thanks", "sue"))


def each_once(jobs: JobDesk, count: int = MANY) -> None:
    """Every member has one entry, one event and one command."""
    assert jobs.desk.rows(
        "SELECT count(*), count(DISTINCT account_no), sum(points) FROM ledger"
    ) == [(count, count, 10 * count)]
    assert jobs.desk.rows("SELECT count(*) FROM command") == [(count,)]
    assert jobs.desk.rows("SELECT sum(events) FROM outbox WHERE kind = 1") == [(count,)]
    commands = jobs.desk.rows("SELECT sum(events) FROM outbox WHERE kind = 9")
    assert commands == [(count,)]


def test_a_job_that_is_killed_goes_on_where_it_was(jobs: JobDesk) -> None:
    file = jobs.members(20 * stored.PIECE)
    arguments = ["bulk", "assign", SHOP, file, "--reason", "x", "--by", "sue", "--job", "june"]
    for arguments_of_try in (arguments, ["bulk", "resume", SHOP, "june"]):
        process = subprocess.Popen(
            [sys.executable, "-m", "cli", *arguments_of_try],
            env=inherited() | jobs.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        before = done_pieces(jobs)
        wait_for("some pieces", partial(has_more_pieces, jobs, before))
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert jobs.show()["state"] == "in_progress"
    assert jobs.bulk("resume", SHOP, "june", "--json").json == {
        "job_id": "june",
        "state": "done",
        "total_count": 20 * stored.PIECE,
        "successful_count": 20 * stored.PIECE,
        "failed_count": 0,
        "points": 200 * stored.PIECE,
    }
    each_once(jobs, 20 * stored.PIECE)


def has_more_pieces(jobs: JobDesk, before: int) -> bool:
    return done_pieces(jobs) > before + 2


def done_pieces(jobs: JobDesk) -> int:
    return int(jobs.desk.rows("SELECT count(*) FROM job_piece WHERE is_done")[0][0])


def test_two_at_once_do_each_row_once(jobs: JobDesk) -> None:
    with session.connect(jobs.desk.url) as first, session.connect(jobs.desk.url) as second:
        make(jobs, shop_of(first, SHOP))
        shops = [shop_of(connection, SHOP) for connection in (first, second)]
        threads = [
            threading.Thread(target=run_job, args=(shop, shop.key("june"))) for shop in shops
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert jobs.show()["state"] == "done"
    each_once(jobs)


def open_jobs_told(connection: session.Database) -> float | None:
    """What the watch says of it."""
    for part in Waiting([]).parts:
        part(session.raw(connection))
    return shown("points_open_jobs")


def test_an_open_job_is_counted_until_it_is_done_or_cancelled(jobs: JobDesk) -> None:
    with session.connect(jobs.desk.url) as connection:
        assert status.job_stats(connection) == (0, 0, None)
        half_done(jobs, shop_of(connection, SHOP))
        found = status.job_stats(connection)
        assert (found.open, found.waiting) == (1, 0)
        assert found.oldest is not None
        assert open_jobs_told(connection) == 1
        (line,) = progress.jobs(connection)
        assert (line.verdict, "points bulk resume" in str(line.remedy)) == ("warning", True)
        jobs.bulk("cancel", SHOP, "june")
        assert status.job_stats(connection) == (0, 0, None)
        assert open_jobs_told(connection) == 0
        (line,) = progress.jobs(connection)
        assert (line.verdict, line.what) == ("ok", "jobs: 0 jobs open, 0 waiting for approval")


def test_a_job_that_is_cancelled_keeps_what_was_applied(jobs: JobDesk) -> None:
    with session.connect(jobs.desk.url) as connection:
        shop = shop_of(connection, SHOP)
        half_done(jobs, shop)
        assert jobs.show()["state"] == "in_progress"
        for _ in range(2):
            cancelled = jobs.bulk("cancel", SHOP, "june", "--json").json
            assert cancelled["state"] == "cancelled"
            assert cancelled["successful_count"] == stored.PIECE
    ran = jobs.bulk("resume", SHOP, "june")
    assert (ran.code, "job_cancelled" in ran.err) == (5, True)
    each_once(jobs, stored.PIECE)
    waiting = jobs.bulk("rows", SHOP, "june", "--json", "--after", "1001", "--limit", "1").json
    assert [(row["outcome"], row["code"], row["sequence"]) for row in waiting] == [
        (None, None, None)
    ]


def test_a_job_that_is_done_cannot_be_cancelled(jobs: JobDesk) -> None:
    jobs.assign(jobs.members(1))
    ran = jobs.bulk("cancel", SHOP, "june")
    assert (ran.code, "not_cancellable" in ran.err) == (5, True)


def test_a_job_stops_when_the_feature_is_switched_off_and_goes_on_later(jobs: JobDesk) -> None:
    with session.connect(jobs.desk.url) as connection:
        half_done(jobs, shop_of(connection, SHOP))
    jobs.desk.settle_in(SHOP, enabled=False)
    ran = jobs.bulk("resume", SHOP, "june")
    assert (ran.code, "feature_off" in ran.err) == (5, True)
    jobs.desk.later(1)
    jobs.desk.settle_in(SHOP)
    assert jobs.bulk("resume", SHOP, "june", "--json").json["state"] == "done"
    each_once(jobs)


def test_a_job_above_the_limit_waits_for_a_second_person(jobs: JobDesk) -> None:
    jobs.desk.settle_in(SHOP, assign={"approval_above": 20})
    assert jobs.assign(jobs.members(2), "--json", job="small").json["state"] == "done"
    assert jobs.assign(jobs.members(3), "--json").json["state"] == "waiting_approval"
    for command, code in (
        (("resume", SHOP, "june"), "approval_required"),
        (("approve", SHOP, "june", "--by", "sue"), "same_person"),
        (("approve", SHOP, "small", "--by", "mei"), "no_approval_needed"),
    ):
        ran = jobs.bulk(*command)
        assert (ran.code, code in ran.err) == (5, True), ran
    assert jobs.available("m3") == 0
    approved = jobs.bulk("approve", SHOP, "june", "--by", "mei", "--json").json
    assert approved["state"] == "done"
    assert jobs.available("m3") == 10
    assert "approved by mei" in jobs.bulk("show", SHOP, "june").out


def test_who_cancels_a_job_waits_for_no_piece_that_is_begun_later(jobs: JobDesk) -> None:
    """Those that apply a job begin one piece after another: there is always one in hand."""
    names = ("first", "next", "acting")
    with ExitStack() as stack:
        sessions = [
            stack.enter_context(session.connect(jobs.desk.url, name=name)) for name in names
        ]
        first, following, cancelling = (shop_of(connection, SHOP) for connection in sessions)
        make(jobs, first, 1)
        cancel = partial(cancel_job, cancelling, "june")
        job = found_by_the_next_piece(jobs, first, following, first.key("june"), cancel)
    assert job.gate == Gate.cancelled


def found_by_the_next_piece(
    jobs: JobDesk, first: Shop, following: Shop, key: JobKey, act: Callable[[], object]
) -> stored.Job:
    """The job as a piece finds it that is begun behind `act`, while another one is in hand."""
    found: list[stored.Job] = []

    def next_piece() -> None:
        with session.transaction(following.connection) as cursor:
            found.append(stored.share(cursor, key))

    with session.transaction(first.connection) as cursor:
        stored.share(cursor, key)
        threads = [threading.Thread(target=what, daemon=True) for what in (act, next_piece)]
        for thread, name in zip(threads, ("acting", "next"), strict=True):
            thread.start()
            wait_for(f"{name} to wait", partial(waits, jobs, name))
    for thread in threads:
        thread.join(PATIENCE)
    (job,) = found
    return job


def waits(jobs: JobDesk, name: str) -> bool:
    query = """SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()
               AND application_name = %s AND wait_event_type = 'Lock')"""
    return bool(jobs.desk.rows(query, name)[0][0])


def test_a_job_waits_for_an_account_as_long_as_it_has_patience(jobs: JobDesk) -> None:
    """A statement that waits for a lock is one that takes long."""
    with session.connect(jobs.desk.url) as connection:
        shop = shop_of(connection, SHOP)
        make(jobs, shop, 1)
        run_job(shop, shop.key("june"))
        (limits,) = connection.execute(
            "SELECT current_setting('lock_timeout')::interval, "
            "current_setting('statement_timeout')::interval"
        ).fetchall()
    lock, statement = limits
    assert lock < timedelta(seconds=session.LOCK_SECONDS)  # who waits for the job waits longer
    assert timedelta(seconds=running.PATIENCE_SECONDS) == timedelta(seconds=60)
    assert statement > timedelta(seconds=running.PATIENCE_SECONDS)


@contextmanager
def an_account_kept(jobs: JobDesk, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """A shop whose job gives way at once, and needs an account that another session keeps."""
    monkeypatch.setattr(running, "GIVES_WAY", ("1ms", "75s"))
    jobs.desk.do("assign", member_id="m1")
    with session.connect(jobs.desk.url) as applying, session.connect(jobs.desk.url) as keeping:
        shop = shop_of(applying, SHOP)
        make(jobs, shop, 1)
        with session.transaction(keeping) as cursor:
            cursor.execute(b"SELECT FROM account FOR UPDATE")
            yield shop


def test_a_job_whose_patience_is_over_ends(jobs: JobDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "PATIENCE_SECONDS", 0)
    with an_account_kept(jobs, monkeypatch) as shop, pytest.raises(LockNotAvailable):
        run_job(shop, shop.key("june"))
    assert jobs.show()["state"] == "pending"


def test_a_job_that_waits_hears_that_it_is_to_stop(
    jobs: JobDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    with an_account_kept(jobs, monkeypatch) as shop, pytest.raises(Stopped):
        run_job(shop, shop.key("june"), stop_after(2))


def test_a_waiting_job_can_be_cancelled(jobs: JobDesk) -> None:
    jobs.desk.settle_in(SHOP, assign={"approval_above": 0})
    jobs.assign(jobs.members(1))
    assert jobs.bulk("cancel", SHOP, "june", "--json").json["state"] == "cancelled"
    assert jobs.bulk("approve", SHOP, "june", "--by", "mei").code == 5


def test_without_the_setting_nothing_is_undone(jobs: JobDesk) -> None:
    jobs.assign(jobs.members(1))
    ran = jobs.bulk("undo", SHOP, "june", "--reason", "oops")
    assert (ran.code, "not_allowed" in ran.err) == (5, True)
    assert jobs.available("m1") == 10


def test_undo_takes_what_there_is_and_never_makes_debt(jobs: JobDesk) -> None:
    jobs.desk.settle_in(SHOP, assign={"bulk_undo": True})
    jobs.assign(jobs.members(3))
    jobs.desk.do("assign", member_id="m2", points=-4)
    jobs.desk.do("assign", member_id="m3", points=-10)
    undone = jobs.bulk("undo", SHOP, "june", "--reason", "oops", "--by", "mei", "--json").json
    assert undone == {
        "job_id": "june:undo",
        "state": "done",
        "total_count": 3,
        "successful_count": 2,
        "failed_count": 1,
        "points": -30,
    }
    assert [(row["code"], row["sequence"], row["missing"]) for row in jobs.rows("june:undo")] == [
        ("ok", 2, 0),
        ("ok", 3, 4),
        ("insufficient_points", None, 10),
    ]
    assert jobs.entries("m2")[-1] == ("deducted", -6, 3)
    ledger = jobs.desk.rows(
        "SELECT DISTINCT convert_from(cause_id, 'UTF8') FROM ledger WHERE type = 6 ORDER BY 1"
    )
    assert ("june:undo",) in ledger
    assert jobs.bulk("undo", SHOP, "june", "--reason", "oops", "--json").json == undone
    assert jobs.entries("m1") == [("assigned", 10, 1), ("deducted", -10, 2)]


def test_undo_takes_from_the_jobs_own_lot_first(jobs: JobDesk) -> None:
    jobs.desk.settle_in(SHOP, assign={"bulk_undo": True})
    jobs.desk.do("assign", member_id="m1", points=10, command_id="a")  # spent before by its name
    jobs.assign(jobs.members(1))
    jobs.desk.do("bulk_assign", job_id="july", members=["m1"], points=10)
    for job in ("june", "july"):
        jobs.bulk("undo", SHOP, job, "--reason", "oops")
    left = jobs.desk.rows("SELECT source FROM lot WHERE remaining > 0")
    assert left == [(pack_id("a"),)]


def test_what_a_command_gives_after_the_undo_is_taken_by_undoing_again(jobs: JobDesk) -> None:
    """A command is answered as if nobody had undone its job: the topics say nothing of that."""
    jobs.desk.settle_in(SHOP, assign={"bulk_undo": True})
    jobs.desk.do("bulk_assign", job_id="june", members=["m2", "m3"], points=10)
    jobs.bulk("undo", SHOP, "june", "--reason", "oops", "--by", "mei")
    assert jobs.desk.code("bulk_assign", job_id="june", members=["m1", "m2"], points=10) == "ok"
    assert [jobs.available(member) for member in ("m1", "m2", "m3")] == [10, 0, 0]
    undone = jobs.bulk("undo", SHOP, "june", "--reason", "late", "--by", "sue", "--json").json
    assert undone == {
        "job_id": "june:undo",
        "state": "done",
        "total_count": 3,
        "successful_count": 3,
        "failed_count": 0,
        "points": -30,
    }
    assert jobs.entries("m1") == [("assigned", 10, 1), ("deducted", -10, 2)]
    assert jobs.entries("m2") == [("assigned", 10, 1), ("deducted", -10, 2)]
    last = jobs.topic(OutboxKind.COMMAND)[-1]
    assert (last["member_id"], last["performer"]["id"], last["reason"]) == ("m1", "sue", "late")
    assert jobs.bulk("undo", SHOP, "june", "--reason", "oops", "--json").json == undone


def test_a_replay_of_an_undo_takes_from_the_same_lots(jobs: JobDesk, postgres: Databases) -> None:
    jobs.desk.settle_in(SHOP, assign={"bulk_undo": True})
    by_hand = ["assign", SHOP, "m1", "10", "--reason", "x", "--command-id", "a", "--by", "sue"]
    points(jobs.environment, "member", *by_hand)  # spent before by its name
    jobs.assign(jobs.members(2))
    jobs.bulk("undo", SHOP, "june", "--reason", "oops")
    replayed = Desk(url := postgres.migrated(), "replay").open()
    for command in jobs.topic(OutboxKind.COMMAND):
        assert replayed.published(orjson.dumps(command))["code"] == "ok"
    lots = "SELECT source, remaining FROM lot ORDER BY source"
    assert replayed.rows(lots) == jobs.desk.rows(lots)
    assert (pack_id("a"), 10) in replayed.rows(lots)
    replayed.close()
    postgres.drop(url)


def test_what_was_undone_is_on_the_topic_as_what_was_taken(
    jobs: JobDesk, postgres: Databases
) -> None:
    jobs.desk.settle_in(SHOP, assign={"bulk_undo": True})
    jobs.assign(jobs.members(1))
    jobs.bulk("undo", SHOP, "june", "--reason", "oops")
    published = jobs.topic(OutboxKind.COMMAND)
    assert [(one["command_id"], one["points"]) for one in published] == [
        ("job:june:m1", 10),
        ("job:june:undo:m1", -10),
    ]
    for command in published:
        assert jobs.desk.published(orjson.dumps(command))["repeated"] is True
    replayed = Desk(url := postgres.migrated(), "replay").open()
    for command in published:
        replayed.published(orjson.dumps(command))
    ledger = "SELECT event_id, cause_id, points FROM ledger ORDER BY sequence"
    assert replayed.rows(ledger) == jobs.desk.rows(ledger)
    replayed.close()
    postgres.drop(url)


def test_an_undoing_stops_where_the_feature_is_off_as_its_rows_are_commands(
    jobs: JobDesk,
) -> None:
    """Whoever replays the topics would refuse them."""
    jobs.desk.settle_in(SHOP, assign={"bulk_undo": True})
    jobs.assign(jobs.members(1))
    with session.connect(jobs.desk.url) as connection:
        make_undo(shop_of(connection, SHOP), "june", "oops", "mei")
    jobs.desk.later(1)
    jobs.desk.settle_in(SHOP, enabled=False, assign={"bulk_undo": True})
    for command in (("resume", SHOP, "june:undo"), ("undo", SHOP, "june", "--reason", "oops")):
        ran = jobs.bulk(*command)
        assert (ran.code, "feature_off" in ran.err) == (5, True), ran
    assert jobs.available("m1") == 10
    jobs.desk.later(1)
    jobs.desk.settle_in(SHOP, assign={"bulk_undo": True})
    assert jobs.bulk("resume", SHOP, "june:undo", "--json").json["state"] == "done"
    assert jobs.available("m1") == 0


def test_an_undoing_tells_a_row_whose_command_somebody_sent_before(jobs: JobDesk) -> None:
    jobs.desk.settle_in(SHOP, assign={"bulk_undo": True})
    jobs.assign(jobs.members(2))
    assert jobs.desk.code("assign", member_id="zoe", command_id="job:june:undo:m1") == "ok"
    with session.connect(jobs.desk.url) as connection:
        shop = shop_of(connection, SHOP)
        key = make_undo(shop, "june", "oops", "mei")
        undoing = threading.Thread(target=run_job, args=(shop, key), daemon=True)
        undoing.start()
        undoing.join(PATIENCE)
        assert not undoing.is_alive(), "it is tried again for ever"
    assert [(row["code"], row["missing"]) for row in jobs.rows("june:undo")] == [
        ("key_reused", 10),
        ("ok", 0),
    ]
    assert [jobs.available(member) for member in ("m1", "m2")] == [10, 0]


def test_a_job_in_progress_is_cancelled_before_it_is_undone(jobs: JobDesk) -> None:
    jobs.desk.settle_in(SHOP, assign={"bulk_undo": True})
    with session.connect(jobs.desk.url) as connection:
        shop = shop_of(connection, SHOP)
        half_done(jobs, shop)
        ran = jobs.bulk("undo", SHOP, "june", "--reason", "oops")
        assert (ran.code, "job_not_done" in ran.err) == (5, True)
        cancel_job(shop, "june")
    undone = jobs.bulk("undo", SHOP, "june", "--reason", "oops", "--json").json
    assert (undone["state"], undone["successful_count"]) == ("done", stored.PIECE)


def test_an_undoing_that_was_cancelled_goes_on_when_the_job_is_undone_again(jobs: JobDesk) -> None:
    """Nothing else could take the rest back, as a job has one undoing."""
    jobs.desk.settle_in(SHOP, assign={"bulk_undo": True})
    count = stored.PIECE + 1
    with session.connect(jobs.desk.url) as connection:
        shop = shop_of(connection, SHOP)
        make(jobs, shop, count)
        run_job(shop, shop.key("june"))
        with suppress(Stopped):
            run_job(shop, make_undo(shop, "june", "oops", "mei"), stop_after(1))
        cancel_job(shop, "june:undo")
    ran = jobs.bulk("resume", SHOP, "june:undo")
    assert (ran.code, "job_cancelled" in ran.err) == (5, True)
    assert jobs.available(f"m{count}") == 10
    again = ("undo", SHOP, "june", "--reason", "after all", "--by", "tom", "--json")
    undone = jobs.bulk(*again).json
    assert (undone["state"], undone["successful_count"], undone["points"]) == (
        "done", count, -10 * count,
    )  # fmt: skip
    assert jobs.desk.rows("SELECT sum(available), count(*) FROM account") == [(0, count)]
    assert jobs.desk.rows("SELECT count(*) FROM ledger WHERE points < 0") == [(count,)]
    last = jobs.topic(OutboxKind.COMMAND)[-1]
    assert (last["member_id"], last["performer"]["id"], last["reason"]) == (
        f"m{count}", "tom", "after all",
    )  # fmt: skip
    assert jobs.bulk(*again).json == undone


def test_a_cancelled_undoing_of_commands_goes_on_with_whom_they_gave_since(jobs: JobDesk) -> None:
    jobs.desk.settle_in(SHOP, assign={"bulk_undo": True})
    jobs.desk.do("bulk_assign", job_id="june", members=["m1", "m2"], points=10)
    with session.connect(jobs.desk.url) as connection:
        shop = shop_of(connection, SHOP)
        make_undo(shop, "june", "oops", "mei")
        cancel_job(shop, "june:undo")
    jobs.desk.do("bulk_assign", job_id="june", members=["m3"], points=10)
    undone = jobs.bulk("undo", SHOP, "june", "--reason", "late", "--by", "sue", "--json").json
    assert (undone["state"], undone["successful_count"], undone["points"]) == ("done", 3, -30)
    assert [jobs.available(member) for member in ("m1", "m2", "m3")] == [0, 0, 0]


def test_who_undoes_again_waits_for_no_piece_that_is_begun_later(jobs: JobDesk) -> None:
    """As who cancels: of those that apply the undoing one always has it in hand."""
    jobs.desk.settle_in(SHOP, assign={"bulk_undo": True})
    jobs.desk.do("bulk_assign", job_id="june", members=["m1"], points=10)
    with ExitStack() as stack:
        first, again, following = (
            shop_of(stack.enter_context(session.connect(jobs.desk.url, name=name)), SHOP)
            for name in ("first", "acting", "next")
        )
        key = make_undo(first, "june", "oops", "mei")
        jobs.desk.do("bulk_assign", job_id="june", members=["m2"], points=10)
        undo = partial(make_undo, again, "june", "late", "sue")
        job = found_by_the_next_piece(jobs, first, following, key, undo)
    assert job.total == 2


@contextmanager
def settings_meanwhile(
    jobs: JobDesk, before: Callable[[], object], **assign: Any
) -> Iterator[None]:
    """Settings that are being applied when `before` begins; they are when it ends."""
    thread = threading.Thread(target=before, daemon=True)
    with session.transaction(jobs.desk.connection):
        jobs.desk.settle_in(SHOP, assign=assign)
        thread.start()
        wait_for("the job to wait", partial(waits, jobs, "staff"))
    thread.join(PATIENCE)
    yield


def test_a_file_handed_in_while_a_limit_is_set_waits_for_approval(jobs: JobDesk) -> None:
    """Its job is made later than the limit was applied."""
    with session.connect(jobs.desk.url, name="staff") as connection:
        shop = shop_of(connection, SHOP)
        with settings_meanwhile(jobs, lambda: make(jobs, shop, 3), approval_above=20):
            assert jobs.show()["state"] == "waiting_approval"


def test_an_undoing_that_is_asked_for_while_undoing_is_switched_off_is_refused(
    jobs: JobDesk,
) -> None:
    jobs.desk.settle_in(SHOP, assign={"bulk_undo": True})
    jobs.assign(jobs.members(1))
    jobs.desk.later(1)
    refused: list[str] = []
    with session.connect(jobs.desk.url, name="staff") as connection:
        shop = shop_of(connection, SHOP)

        def undo() -> None:
            try:
                make_undo(shop, "june", "oops", "mei")
            except BulkRefused as error:
                refused.append(error.code)

        with settings_meanwhile(jobs, undo, bulk_undo=False):
            assert refused == ["not_allowed"]


def test_a_job_that_waits_for_approval_is_not_undone_before_it_was_applied(jobs: JobDesk) -> None:
    """There is one undoing: one that finds nothing would leave what comes later for good."""
    jobs.desk.settle_in(SHOP, assign={"approval_above": 0, "bulk_undo": True})
    jobs.assign(jobs.members(1))
    ran = jobs.bulk("undo", SHOP, "june", "--reason", "oops")
    assert (ran.code, "job_not_done" in ran.err) == (5, True)
    jobs.bulk("approve", SHOP, "june", "--by", "mei")
    assert jobs.available("m1") == 10
    assert jobs.bulk("undo", SHOP, "june", "--reason", "oops").code == 0
    assert jobs.available("m1") == 0
    again = jobs.bulk("undo", SHOP, "june:undo", "--reason", "oops")
    assert (again.code, "An undoing cannot be undone" in again.err) == (5, True)


def test_a_command_above_the_limit_needs_a_job(jobs: JobDesk) -> None:
    jobs.desk.settle_in(SHOP, assign={"approval_above": 20})
    code = jobs.desk.code("bulk_assign", members=["a", "b", "c"], points=10)
    assert code == "approval_required"
    ran = points(jobs.environment, "bulk", "list", SHOP, "--json")
    assert ran.json == []


def test_a_row_whose_command_was_refused_before_the_job_is_told_and_costs_no_other(
    jobs: JobDesk,
) -> None:
    """Whoever may send commands can send a row's own, byte for byte."""
    jobs.assign(jobs.members(2))
    (row, _) = jobs.topic(OutboxKind.COMMAND)
    row |= {"command_id": "job:july:m1", "x_job": "july"}
    jobs.desk.settle_in(SHOP, enabled=False)
    assert jobs.desk.published(orjson.dumps(row))["code"] == "feature_off"
    jobs.desk.later(1)
    jobs.desk.settle_in(SHOP)
    assert jobs.assign(jobs.members(2), job="july").code == 0
    assert [(one["outcome"], one["code"]) for one in jobs.rows("july")] == [
        ("refused", "key_reused"),
        ("applied", "ok"),
    ]


def test_commands_that_took_the_id_of_an_undoing_are_not_taken_for_it(jobs: JobDesk) -> None:
    jobs.desk.settle_in(SHOP, assign={"bulk_undo": True})
    jobs.assign(jobs.members(1))
    jobs.desk.do("bulk_assign", job_id="june:undo", members=["zoe"])
    ran = jobs.bulk("undo", SHOP, "june", "--reason", "oops")
    assert (ran.code, "job_changed" in ran.err) == (5, True)
    assert jobs.available("m1") == 10
