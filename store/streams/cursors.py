"""Where a pipeline stands in each partition (I6), and what became of every record it consumed (I7)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from schemas.errors import Exit, PointsError
from schemas.ids import Micros
from store.postgres.arrays import columns, int4s, int8s, texts
from store.postgres.named_queries import queries
from store.postgres.session import Cursor


class PartitionId(NamedTuple):
    """One partition of one topic as it really is: by the topic's uuid, so that a recreated topic is another."""

    topic: str
    topic_uuid: str
    partition: int


OUTCOMES = ("applied", "duplicate", "ignored", "parked", "dead")
"""What can become of a record (I7): the names of the counts, in the order in which they are shown."""


@dataclass(slots=True)
class Counts:
    """What became of the records of one partition in one batch (I7)."""

    applied: int = 0
    duplicate: int = 0
    ignored: int = 0
    parked: int = 0
    dead: int = 0
    reasons: dict[str, int] = field(default_factory=dict)

    def ignore(self, reason: str) -> None:
        """Counts a record as ignored, and why."""
        self.ignored += 1
        self.reasons[reason] = self.reasons.get(reason, 0) + 1


class CursorRefused(PointsError):
    """Another worker moved this partition's cursor: all in hand is void, nothing was written (I6)."""

    code = "cursor_refused"
    exit_code = Exit.CURSOR


class Opening(NamedTuple):
    """What a batch learns when it takes its cursors: the database's clock, the settings epoch, whether it may go on."""

    now: Micros
    epoch: int
    paused: bool


def open_batch(
    cursor: Cursor, pipeline: str, cluster: str, expected: Mapping[PartitionId, int]
) -> Opening:
    """Locks the cursors and compares them with where this worker believes to be.

    Raises CursorRefused.
    """
    places = sorted(expected)
    cursor.execute(
        queries("streams/cursors")["lock"],
        [
            pipeline,
            cluster,
            texts([p.topic_uuid.encode() for p in places]),
            [p.partition for p in places],
        ],
    )
    rows = {(r[0], r[1]): r for r in cursor.fetchall()}
    for place in places:
        row = rows.get((place.topic_uuid, place.partition))
        if row is None or row[2] != expected[place]:
            at = "gone" if row is None else f"at {row[2]}"
            message = (
                f"the cursor of {place.topic}/{place.partition} is {at}, not at {expected[place]}: "
                "another worker has this partition; its records in hand are dropped"
            )
            raise CursorRefused(message)
    first = next(iter(rows.values()))
    return Opening(first[3], first[4], bool(first[5]))


def advance(
    cursor: Cursor, pipeline: str, cluster: str, done: Mapping[PartitionId, tuple[int, Counts]]
) -> None:
    """Moves the cursors to the next offsets and adds the counts.

    Part of the transaction that holds the effects.
    """
    rows = [
        (
            p.topic_uuid.encode(),
            p.partition,
            offset,
            c.applied,
            c.duplicate,
            c.ignored,
            c.parked,
            c.dead,
        )
        for p, (offset, c) in sorted(done.items())
    ]
    kinds = (texts, int4s, int8s, int8s, int8s, int8s, int8s, int8s)
    cursor.execute(
        queries("streams/cursors")["advance"], [pipeline, cluster, *columns(rows, kinds)]
    )
    reasons = sorted(
        (p.topic.encode(), p.partition, reason.encode(), n)
        for p, (_, c) in done.items()
        for reason, n in c.reasons.items()
    )
    if reasons:
        cursor.execute(
            queries("streams/cursors")["count_reasons"],
            [pipeline, *columns(reasons, (texts, int4s, texts, int8s))],
        )


def start(
    cursor: Cursor, pipeline: str, cluster: str, place: PartitionId, first_offset: int
) -> int:
    """The next offset to read in a partition, starting a cursor at `first_offset` where there is none."""
    cursor.execute(
        queries("streams/cursors")["start"],
        [pipeline, cluster, place.topic_uuid, place.partition, place.topic, first_offset],
    )
    row = cursor.execute(
        queries("streams/cursors")["next_offset"],
        [pipeline, cluster, place.topic_uuid, place.partition],
    ).fetchone()
    return int(row[0]) if row is not None else first_offset


def cursors_of_other_topics(
    cursor: Cursor, pipeline: str, cluster: str, topic: str, topic_uuid: str
) -> list[tuple[Any, ...]]:
    """Cursors of the same topic name in another topic or cluster: (cluster, topic uuid, partition, next offset)."""
    cursor.execute(queries("streams/cursors")["strangers"], [pipeline, cluster, topic, topic_uuid])
    return cursor.fetchall()


def is_known(cursor: Cursor, pipeline: str, cluster: str, topic_uuid: str) -> bool:
    """Whether the pipeline has a cursor in this very topic."""
    row = cursor.execute(
        queries("streams/cursors")["is_known"], [pipeline, cluster, topic_uuid]
    ).fetchone()
    return bool(row and row[0])
