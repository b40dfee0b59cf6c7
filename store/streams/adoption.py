"""Cursors for people, and starting again where a topic was recreated or lost records (I6, I7)."""

from typing import Final, NamedTuple

from schemas.answers.streams import CursorAnswer
from schemas.events import CursorAdopted
from schemas.ids import Micros, instant, record_key
from store.postgres import tables
from store.postgres.columns import Columns
from store.postgres.named_queries import queries
from store.postgres.session import Cursor, Database, raw, transaction
from store.streams import outbox
from store.streams.cursors import PartitionId
from store.streams.outbox import OutboxKind

RETIRED = "#"
"""Between a topic's uuid and a count, in the rows that stay as history. No uuid contains it."""


_COUNTED: Final = [name for name in CursorAnswer.model_fields if name in tables.cursor.c]
_KNOWN: Final = Columns(tables.cursor, *_COUNTED, "updated_us")
_SQL: Final = queries("streams/adoption", known=_KNOWN)


def known(connection: Database) -> list[CursorAnswer]:
    """All cursors, by pipeline, topic and partition, those of former topics among them."""
    rows = raw(connection).execute(_SQL["all"]).fetchall()
    uuid = _COUNTED.index("topic_uuid")
    return [CursorAnswer.of_row(row, retired=RETIRED in row[uuid]) for row in rows]


class Adoption(NamedTuple):
    """A partition in which a pipeline starts again at `start`, and why."""

    pipeline: str
    place: PartitionId
    start: int
    why: str
    before: CursorAnswer | None = None


def adopt(
    connection: Database, cluster: str, adoptions: list[Adoption], *, published: bool = True
) -> None:
    """Begins new cursors, all or none; see `begin`.

    `published`: whether the settings topic is told of them, as it is of those that decide points.
    """
    with transaction(connection) as cursor:
        for adoption in adoptions:
            count, now = begin(cursor, cluster, adoption)
            if published:
                _publish(cursor, cluster, adoption, count, now)


def begin(cursor: Cursor, cluster: str, adoption: Adoption) -> tuple[int, Micros]:
    """Begins a new cursor; how often one of its partition was begun before, and the clock.

    A former row of the same partition is kept under a retired name: every row goes on explaining
    the offsets from its first to its next one (I7), and what lies between two rows is what was
    skipped or is read again.
    """
    topic, uuid, partition = adoption.place
    place = [adoption.pipeline, cluster, uuid, partition]
    cursor.execute(_SQL["retire"], place)
    row = cursor.execute(_SQL["begin"], [*place, topic, adoption.start]).fetchone()
    count, now = row if row is not None else (0, 0)
    return int(count), int(now)


def _publish(cursor: Cursor, cluster: str, adoption: Adoption, count: int, now: Micros) -> None:
    """Tells the settings topic: a replay has to leave out or repeat the same records."""
    (topic, uuid, partition), before = adoption.place, adoption.before
    event = CursorAdopted(
        pipeline=adoption.pipeline,
        topic=topic,
        topic_uuid=uuid,
        cluster=cluster,
        partition=partition,
        start=adoption.start,
        former_topic_uuid=before.topic_uuid.partition(RETIRED)[0] if before is not None else None,
        former_next_offset=before.next_offset if before is not None else None,
        why=adoption.why,
        recorded_at=instant(now),
    )
    publish(cursor, event, "cursor", count)


def publish(cursor: Cursor, event: CursorAdopted, kind: str, number: int) -> None:
    """Puts a move by hand into the outbox; `number` is another one for each of a partition's."""
    # No merchant's id is empty, so these keys are no merchant's.
    place = (event.pipeline, event.cluster, event.topic_uuid, str(event.partition))
    key = record_key("", kind, *place, str(number))
    outbox.add(cursor, [(OutboxKind.SETTINGS, key, event.to_json(), None)])
