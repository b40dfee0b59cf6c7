"""Where a pipeline is in each partition (I6), and what became of every record it consumed (I7)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from schemas.errors import Exit, PointsError
from schemas.ids import Micros
from store.postgres import tables
from store.postgres.columns import Columns
from store.postgres.named_queries import queries
from store.postgres.session import Cursor

_PLACE: Final = Columns(tables.cursor, "topic_uuid", "partition")
_MOVED: Final = _PLACE.plus(
    "next_offset", "applied", "duplicate", "ignored", "parked", "dead", "control"
)
_REASON: Final = Columns(tables.ignored_reason, "topic", "partition", "reason", "records")
_SQL: Final = queries("streams/cursors", place=_PLACE, moved=_MOVED, reason=_REASON)


class PartitionId(NamedTuple):
    """One partition of one topic, by the topic's uuid: a recreated topic is another."""

    topic: str
    topic_uuid: str
    partition: int


OUTCOMES = ("applied", "duplicate", "ignored", "parked", "dead")
"""What can become of a record (I7): the names of the counts, in the order they are shown."""


@dataclass(slots=True)
class Counts:
    """What became of the records of one partition in one batch (I7).

    `control` are offsets without a record: markers and aborted records of transactional producers,
    and what compaction has taken.
    """

    applied: int = 0
    duplicate: int = 0
    ignored: int = 0
    parked: int = 0
    dead: int = 0
    control: int = 0
    reasons: dict[str, int] = field(default_factory=dict)

    def ignore(self, reason: str) -> None:
        """Counts a record as ignored, and why."""
        self.ignored += 1
        self.reasons[reason] = self.reasons.get(reason, 0) + 1


class CursorRefused(PointsError):
    """Another worker moved this partition's cursor: what is in hand is void, unwritten (I6)."""

    code = "cursor_refused"
    exit_code = Exit.CURSOR


class Opening(NamedTuple):
    """What a batch learns with its cursors: the clock, the settings epoch, whether to pause."""

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
    keys = [(place.topic_uuid.encode(), place.partition) for place in places]
    cursor.execute(_SQL["lock"], [pipeline, cluster, *_PLACE.arrays(keys)])
    rows = cursor.fetchall()
    offsets = {(topic_uuid, partition): offset for topic_uuid, partition, offset, *_ in rows}
    for place in places:
        # I6: only the worker that knows where the cursor stands may move it.
        found = offsets.get((place.topic_uuid, place.partition))
        if found != expected[place]:
            at = "gone" if found is None else f"at {found}"
            raise CursorRefused(
                f"the cursor of {place.topic}/{place.partition} is {at}, not at {expected[place]}: "
                "another worker has this partition; its records in hand are dropped"
            )
    _, _, _, now, epoch, paused = rows[0]
    return Opening(now, epoch, bool(paused))


def advance(
    cursor: Cursor, pipeline: str, cluster: str, done: Mapping[PartitionId, tuple[int, Counts]]
) -> None:
    """Moves the cursors to the next offsets and adds the counts.

    Part of the transaction that holds the effects.
    """
    rows = [
        (
            place.topic_uuid.encode(),
            place.partition,
            next_offset,
            counts.applied,
            counts.duplicate,
            counts.ignored,
            counts.parked,
            counts.dead,
            counts.control,
        )
        for place, (next_offset, counts) in sorted(done.items())
    ]
    cursor.execute(_SQL["advance"], [pipeline, cluster, *_MOVED.arrays(rows)])
    reasons = sorted(
        (place.topic.encode(), place.partition, reason.encode(), records)
        for place, (_, counts) in done.items()
        for reason, records in counts.reasons.items()
    )
    if reasons:
        cursor.execute(_SQL["count_reasons"], [pipeline, *_REASON.arrays(reasons)])


def start(
    cursor: Cursor, pipeline: str, cluster: str, place: PartitionId, first_offset: int
) -> int:
    """The next offset to read in a partition; starts a cursor at `first_offset` if none exists."""
    cursor.execute(
        _SQL["start"],
        [pipeline, cluster, place.topic_uuid, place.partition, place.topic, first_offset],
    )
    row = cursor.execute(
        _SQL["next_offset"],
        [pipeline, cluster, place.topic_uuid, place.partition],
    ).fetchone()
    return int(row[0]) if row is not None else first_offset


def cursors_of_other_topics(
    cursor: Cursor, pipeline: str, cluster: str, topic: str, topic_uuid: str
) -> list[tuple[Any, ...]]:
    """Cursors of the same topic name in another topic or cluster.

    Each is (cluster, topic uuid, partition, next offset).
    """
    cursor.execute(_SQL["cursors_of_other_topics"], [pipeline, cluster, topic, topic_uuid])
    return cursor.fetchall()


def is_known(cursor: Cursor, pipeline: str, cluster: str, topic_uuid: str) -> bool:
    """Whether the pipeline has a cursor in this very topic."""
    row = cursor.execute(_SQL["is_known"], [pipeline, cluster, topic_uuid]).fetchone()
    return bool(row and row[0])


def positions(cursor: Cursor, cluster: str) -> dict[tuple[str, str, int], int]:
    """The next offset of each pipeline, topic uuid and partition of a cluster."""
    rows = cursor.execute(_SQL["positions"], [cluster]).fetchall()
    return {(pipeline, uuid, partition): offset for pipeline, uuid, partition, offset in rows}


def positions_of_notices(cursor: Cursor, cluster: str) -> dict[tuple[str, str, int], int] | None:
    """As `positions`, of the notices lane, as the engine may see it; None where it never ran."""
    rows = cursor.execute(_SQL["positions_of_notices"], [cluster]).fetchall()
    if not rows:
        return None
    return {
        (pipeline, uuid, partition): offset
        for pipeline, uuid, partition, offset, here in rows
        if here
    }


def uneven(cursor: Cursor) -> int:
    """Cursors whose counts do not add up to the offsets that they have consumed (I7).

    Those of the notices lane are among them.
    """
    row = cursor.execute(_SQL["uneven"]).fetchone()
    return int(row[0]) if row else 0
