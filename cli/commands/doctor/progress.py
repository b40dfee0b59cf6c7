"""Whether work goes on: workers that run, logs that are read, queues that get shorter."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cli.commands.doctor.finding import Finding
from cli.support.console import counted
from cli.support.errors import Exit

if TYPE_CHECKING:
    from cli.support.broker import Broker
    from processors.runtime.configuration import Configuration
    from store.postgres.session import Database
    from store.postgres.worker_beats import WorkerBeat

SILENT_SECONDS = 30.0
"""Workers write every five seconds."""
RESTARTED_SECONDS = 600.0
RESTARTS = 3
STANDS_SECONDS = 60.0
"""A cursor that did not move for so long while its log grew; the same for the oldest of a queue."""

READERS = ("intake", "commands")
"""Kinds of workers whose groups share out the partitions of what comes in."""


def workers(connection: "Database", kinds: Sequence[str]) -> Iterator[Finding]:
    """Each kind: whether one runs, is ready, and was not started again and again."""
    from store.postgres import worker_beats

    by_kind: dict[str, list[WorkerBeat]] = defaultdict(list)
    for worker in worker_beats.known(connection):
        by_kind[worker.kind].append(worker)
    some_run = any(not _ended(beat) for beats in by_kind.values() for beat in beats)
    for kind in kinds:
        start = f"`points run {kind}`, or all" if some_run else "`points run all`"
        yield from _kind(kind, by_kind[kind], start)


def _kind(kind: str, beats: "list[WorkerBeat]", start: str) -> Iterator[Finding]:
    ended = [b for b in beats if _ended(b)]
    running = [b for b in beats if not _ended(b)]
    recent = [b for b in ended if b.silent_seconds < RESTARTED_SECONDS]
    look = "look at its log"
    if len(recent) >= RESTARTS:
        why = f", the last time: {recent[-1].trouble}" if recent[-1].trouble else ""
        yield Finding(
            "wrong",
            f"worker {kind}: ended without being asked {len(recent)} times in ten minutes{why}",
            look,
        )
    elif not running:
        why = f"; the last one {ended[-1].trouble}" if ended and ended[-1].trouble else ""
        yield Finding("warning", f"worker {kind}: none is running{why}", start)
    troubled = [b for b in running if b.trouble is not None and b.trouble != "starting"]
    for worker in troubled:
        yield Finding("warning", f"worker {kind}: not ready: {worker.trouble}", look)
    if running and not troubled:
        yield Finding("ok", f"worker {kind}: {len(running)} running")


def _ended(beat: "WorkerBeat") -> bool:
    return beat.silent_seconds > SILENT_SECONDS or (beat.trouble or "").startswith("ended: ")


def lag(connection: "Database", broker: "Broker", *, of: str = "") -> Iterator[Finding]:
    """Records in the logs that are not processed, and cursors that stand meanwhile.

    `of` goes before each sentence.
    """
    from schemas.ids import SECOND, iso
    from store.reads.doctor import server
    from store.streams import adoption

    rows = [row for row in adoption.known(connection) if not row.retired]
    topics = broker.topics(row.topic for row in rows)
    here = [
        row
        for row in rows
        if row.cluster == broker.cluster
        and row.topic in topics
        and topics[row.topic].uuid == row.topic_uuid
    ]
    ends = broker.ends({(row.topic, row.partition) for row in here})
    moved, now = server.cursors_moved(connection)
    behind = standing = 0
    for row in here:
        left = ends[row.topic, row.partition].next - row.next_offset
        behind += max(0, left)
        at = moved.get((row.pipeline, row.topic_uuid, row.partition), 0)
        if left > 0 and now - at > STANDS_SECONDS * SECOND:
            standing += 1
            yield Finding(
                "wrong",
                f"{of}cursor of {row.pipeline} in {row.topic}/{row.partition}: stands at "
                f"{row.next_offset} since {iso(at)[:19]}Z, {left:,} records behind",
                f"see whether a worker {row.pipeline} runs, is ready and has the partition",
                Exit.CURSOR,
            )
    if not standing:
        yield Finding("ok", f"{of}lag: {behind:,} records, and no cursor stands")


def groups(
    connection: "Database", configured: "Configuration", broker: "Broker"
) -> Iterator[Finding]:
    """Whether another installation reads with our groups: each would get half of the partitions."""
    from store.postgres import worker_beats

    beats = [beat for beat in worker_beats.known(connection) if not _ended(beat)]
    for kind in READERS:
        name = configured.kafka.group_of(kind)
        # A worker is a member for each of its topics.
        members = max(broker.readers(name).values(), default=0)
        ours = sum(beat.kind == kind for beat in beats)
        if members > ours:
            yield Finding(
                "wrong",
                f"group {name}: {members} read a topic, and {ours} workers of this database do",
                "if they are of another installation, give it another POINTS_KAFKA__GROUP_ID: "
                "each reads only a part of the partitions",
            )
        else:
            yield Finding("ok", f"group {name}: {members} read a topic, all of this database")


def holds(connection: "Database") -> Iterator[Finding]:
    """Holds that ended and are not released in the books: their points are free all the same."""
    from schemas.ids import iso
    from store.postgres import worker_beats
    from store.reads import status

    now = status.hold_stats(connection)
    if not now.overdue or now.oldest is None:
        yield Finding("ok", f"holds: {now.live:,} live, none is overdue")
        return
    what = (
        f"holds: {now.overdue:,} ended and are not released yet, the oldest at "
        f"{iso(now.oldest)[:19]}Z"
    )
    beats = worker_beats.known(connection)
    if any(beat.kind == "expiry" and not _ended(beat) for beat in beats):
        yield Finding("wrong", f"{what}, though an expiry worker runs", "look at its log")
    else:
        yield Finding("warning", what, "`points run expiry` releases and announces them")


def jobs(connection: "Database") -> Iterator[Finding]:
    """Bulk jobs with rows left that no one has to approve: a command applies them, no worker."""
    from schemas.ids import iso
    from store.reads import status

    now = status.job_stats(connection)
    what = f"jobs: {counted(now.open, 'job')} open, {now.waiting:,} waiting for approval"
    if now.oldest is None:
        yield Finding("ok", what)
    else:
        yield Finding(
            "warning",
            f"{what}, the oldest of the others made at {iso(now.oldest)[:19]}Z",
            "if its command runs no more, go on with `points bulk resume`",
        )


def read_model(configured: "Configuration", broker: "Broker | None") -> Iterator[Finding]:
    """Whether Redis answers, and whether the model follows the changes."""
    from cli.support.read_model import figures

    read = figures(configured, broker)
    if read is None:
        yield Finding("ok", "read model: off, as POINTS_REDIS__URL names no Redis")
        return
    if read.trouble is not None:
        remedy = "checkout asks the database meanwhile; check POINTS_REDIS__URL and the server"
        yield Finding("wrong", f"read model: {read.trouble}", remedy, Exit.UNREACHABLE)
    if read.lag is None:
        known = "no worker has followed the changes yet" if broker is not None else "lag unknown"
        yield Finding("warning", f"read model: {known}", "`points run readmodel`, or all")
    elif (read.lag_seconds or 0) > STANDS_SECONDS:
        yield Finding(
            "wrong",
            f"read model: {counted(read.lag, 'change')} behind, the oldest of "
            f"{read.lag_seconds:,.0f} s ago",
            "see whether a readmodel worker runs and is ready",
        )
    elif read.trouble is None:
        yield Finding("ok", f"read model: Redis answers, {counted(read.lag, 'change')} behind")


def outbox(connection: "Database") -> Iterator[Finding]:
    """The oldest row that waits to be sent, and rows that the broker refused for good."""
    from store.postgres import worker_beats
    from store.reads import status

    waiting = status.outbox_stats(connection)
    if waiting.oldest is not None:
        age = (_now(connection) - datetime.fromisoformat(waiting.oldest)).total_seconds()
        if age > STANDS_SECONDS:
            beats = worker_beats.known(connection)
            relays = [b for b in beats if b.kind == "relay" and not _ended(b)]
            why = next((b.trouble for b in relays if b.trouble), "the relays say nothing of it")
            held, remedy = (
                (why, "look at the relay's log and at Kafka")
                if relays
                else ("no relay is running", "`points run relay` sends them")
            )
            rows, since = counted(waiting.rows, "row"), f"{waiting.oldest[:19]}Z"
            yield Finding(
                "wrong",
                f"outbox: the oldest of {rows} waits since {since}: {held}",
                remedy,
            )
    yield _refused(connection)


def _refused(connection: "Database") -> Finding:
    """What the relay set aside: without an operator it is never sent."""
    from store.postgres import session
    from store.streams import refused

    first = refused.oldest(connection)
    if first is None:
        return Finding("ok", "outbox: no row was refused by the broker")
    rows = refused.count(session.raw(connection))
    many = "1 row was" if rows == 1 else f"{rows:,} rows were"
    return Finding(
        "wrong",
        f"outbox: {many} refused by the broker for good, the oldest for {first.topic}: "
        f"row {first.id}, {first.size:,} bytes, {first.reason}",
        "`points outbox list`, mend the topic, then `points outbox retry`, or discard them",
        Exit.CURSOR,
    )


def _now(connection: "Database") -> datetime:
    from store.reads.doctor import server

    return datetime.fromtimestamp(server.cursors_moved(connection)[1] / 1_000_000, UTC)
