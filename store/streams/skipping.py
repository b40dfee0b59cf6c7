"""Setting one record aside by hand, unread, where nothing else gets past it (I6, I7)."""

from dataclasses import dataclass, field
from typing import Final, NamedTuple

import psycopg

from schemas.errors import Exit, PointsError
from schemas.events import CursorAdopted
from schemas.ids import Micros, instant
from store.postgres.named_queries import queries
from store.postgres.session import Database, raw, transaction
from store.streams import adoption, cursors, quarantine
from store.streams.cursors import Counts, PartitionId
from store.streams.outbox import Headers
from store.streams.quarantine import DeadLetters, Poison

SKIPPED = "skipped"
_SQL: Final = queries("streams/skipping")


class NoCursor(PointsError):
    """No pipeline reads this partition of this very topic."""

    code = "no_cursor"
    exit_code = Exit.NOT_FOUND


class CursorInUse(PointsError):
    """A worker has the cursor in hand, or has moved it meanwhile."""

    code = "cursor_in_use"
    exit_code = Exit.REFUSED


class Standing(NamedTuple):
    """Where a pipeline stands in a partition."""

    pipeline: str
    cluster: str
    place: PartitionId
    next_offset: int


@dataclass(frozen=True, slots=True)
class Skipped:
    """The record to set aside, with what of it could be read."""

    offset: int
    key: bytes | None = None
    value: bytes | None = None
    headers: Headers = field(default_factory=list)
    timestamp: Micros = 0


def at(connection: Database, cluster: str, topic_uuid: str, partition: int) -> Standing:
    """The cursor of a partition. Raises NoCursor."""
    row = raw(connection).execute(_SQL["at"], [cluster, topic_uuid, partition]).fetchone()
    if row is None:
        raise NoCursor("no pipeline has read this partition", "look with `points cursor show`")
    pipeline, topic, next_offset = row
    return Standing(pipeline, cluster, PartitionId(topic, topic_uuid, partition), next_offset)


def skip(
    connection: Database, standing: Standing, group: str, letters: DeadLetters, record: Skipped
) -> None:
    """Quarantines the record, and moves the cursor behind it.

    A worker that comes back finds the cursor behind the record. Raises CursorInUse.
    """
    pipeline, cluster, place, next_offset = standing
    with transaction(connection) as cursor:
        try:
            row = cursor.execute(_SQL["lock"], [pipeline, cluster, *place[1:]]).fetchone()
        except psycopg.errors.LockNotAvailable:
            row = None
        if row is None or row[0] != next_offset:
            raise CursorInUse(
                f"a worker is moving the cursor of {place.topic}/{place.partition}: "
                "nothing was skipped",
                "stop it, or look again with `points cursor show`",
            )
        position = quarantine.consumed(cursor, pipeline, cluster, [place])[place] + 1
        poison = Poison(
            place,
            record.offset,
            position,
            record.key,
            record.value,
            record.headers,
            record.timestamp,
            None,
            SKIPPED,
            "skipped with `points cursor skip`",
        )
        quarantine.put(cursor, pipeline, group, letters, [poison], row[1])
        counts = Counts(dead=1, control=record.offset - next_offset)
        cursors.advance(cursor, pipeline, cluster, {place: (record.offset + 1, counts)})
        adoption.publish(cursor, _moved(standing, record.offset, row[1]), "skip", record.offset)


def _moved(standing: Standing, offset: int, now: Micros) -> CursorAdopted:
    """What a replay has to know: it applies this record no more than we did."""
    pipeline, cluster, (topic, uuid, partition), next_offset = standing
    return CursorAdopted(
        pipeline=pipeline,
        topic=topic,
        topic_uuid=uuid,
        cluster=cluster,
        partition=partition,
        start=offset + 1,
        former_topic_uuid=uuid,
        former_next_offset=next_offset,
        why=f"the record at {offset} was skipped",
        recorded_at=instant(now),
    )
