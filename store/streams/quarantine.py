"""Poison: kept byte for byte, sent to its dead-letter topic, counted (architecture.md 2.6, I7)."""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Final, NamedTuple

from rules.poison import Limits, Poisoned, Share, too_much
from schemas import remedies
from schemas.errors import Exit, PointsError
from schemas.ids import DAY, Micros
from store.postgres import tables
from store.postgres.columns import Columns
from store.postgres.named_queries import queries
from store.postgres.session import Cursor
from store.streams import outbox
from store.streams.cursors import PartitionId
from store.streams.outbox import Headers, OutboxKind, headers_bytes

KEPT = 14 * DAY
"""How long raw bytes are kept (rules.md 7): the dead-letter topics' retention is the same."""
MERCHANT_LETTERS = 100
"""As many as a merchant's id may have; a record that is poison may claim any."""
_RECORD: Final = Columns(
    tables.quarantine,
    "topic", "topic_uuid", "partition", "offset", "key", "value", "headers", "timestamp_us",
    "merchant_id", "reason", "message", "partition_position",
)  # fmt: skip
_PLACE: Final = Columns(tables.cursor, "topic_uuid", "partition")
_SHARE: Final = Columns(
    tables.merchant_poison, "merchant_id", "kept", "kept_bytes", "counted", "counted_bytes"
)
_COUNTED: Final = Columns(
    tables.quarantine, "topic_uuid", "partition", "partition_position", "merchant_id"
)
_SQL: Final = queries(
    "streams/quarantine", record=_RECORD, place=_PLACE, share=_SHARE, counted=_COUNTED
)


class Paused(PointsError):
    """The pipeline is paused, or must pause now: nothing of the batch was written."""

    code = "paused"
    exit_code = Exit.CURSOR


class MustPause(Paused):
    """This batch holds too much poison: pause the pipeline, in a transaction of its own."""

    code = "must_pause"


class DeadLetters(NamedTuple):
    """Where the poison of a topic goes: the dead-letter topic, and what it is called in short."""

    topic: str
    short: str

    @property
    def kind(self) -> OutboxKind:
        """The outbox kind of these dead letters."""
        return OutboxKind[f"DEAD_{self.short.upper()}"]


class Poison(NamedTuple):
    """One unreadable record: where it stood, what it was, and what is wrong.

    `position` is its place in its partition's count of records, `timestamp` its own time.
    """

    place: PartitionId
    offset: int
    position: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    timestamp: Micros
    merchant_id: str | None
    reason: str
    message: str

    @property
    def merchant(self) -> str | None:
        """The merchant that the record claims, as a text that PostgreSQL takes."""
        if self.merchant_id is None:
            return None
        return _text(self.merchant_id[:MERCHANT_LETTERS]).decode()

    @property
    def size(self) -> int:
        """The record's own bytes."""
        texts = (len(name) + len(value or b"") for name, value in self.headers)
        return len(self.key or b"") + len(self.value or b"") + sum(texts)

    @property
    def counted(self) -> Poisoned:
        """What decides whether there is too much of it."""
        return Poisoned(self.position, self.merchant)


def _text(text: str) -> bytes:
    """UTF-8 without what PostgreSQL takes in no text: zeros, and halves of surrogate pairs."""
    return text.encode(errors="replace").replace(b"\0", b"?")


def consumed(
    cursor: Cursor, pipeline: str, cluster: str, places: Iterable[PartitionId]
) -> dict[PartitionId, int]:
    """How many records of each partition were consumed, under former cursors too.

    The caller has locked the cursors: no other batch counts the same positions.
    """
    wanted = {(place.topic_uuid, place.partition): place for place in places}
    keys = [(uuid.encode(), partition) for uuid, partition in sorted(wanted)]
    cursor.execute(_SQL["consumed"], [pipeline, cluster, *_PLACE.arrays(keys)])
    return {wanted[uuid, partition]: records for uuid, partition, records in cursor.fetchall()}


def within_share(
    cursor: Cursor, pipeline: str, poison: Sequence[Poison], limits: Limits, now: Micros
) -> list[Poison]:
    """Those of the records that are kept; of a merchant whose share is used up, the others count.

    The places of those that only count are remembered, for the pause. All of a batch's merchants at
    once, in their order: two batches wait, and do not block, for one another.
    """
    merchants = sorted({p.merchant for p in poison if p.merchant is not None})
    if not merchants:
        return list(poison)
    nothing = [(merchant.encode(), 0, 0, 0, 0) for merchant in merchants]
    cursor.execute(_SQL["spend"], [pipeline, now // DAY, *_SHARE.arrays(nothing)])
    shares = {merchant: Share(limits, taken) for merchant, taken in cursor.fetchall()}
    kept, counted = list[Poison](), list[Poison]()
    for p in poison:
        keeps = p.merchant is None or shares[p.merchant].keeps(p.size)
        (kept if keeps else counted).append(p)
    spent = [
        (merchant.encode(), s.kept, s.kept_bytes, s.counted, s.counted_bytes)
        for merchant, s in sorted(shares.items())
    ]
    cursor.execute(_SQL["spend"], [pipeline, now // DAY, *_SHARE.arrays(spent)])
    _remember(cursor, pipeline, counted, limits)
    return kept


def _remember(cursor: Cursor, pipeline: str, counted: Iterable[Poison], limits: Limits) -> None:
    """Keeps the places of poison of which nothing else is kept, as far as the pause looks back."""
    rows: defaultdict[PartitionId, deque[tuple[bytes, int, int, bytes | None]]] = defaultdict(
        lambda: deque(maxlen=limits.reach)
    )
    for p in counted:
        uuid, partition = p.place.topic_uuid.encode(), p.place.partition
        rows[p.place].append((uuid, partition, p.position, (p.merchant or "").encode()))
    if rows:
        arrays = _COUNTED.arrays(chain.from_iterable(rows.values()))
        cursor.execute(_SQL["remember"], [pipeline, limits.reach, *arrays])


def put(
    cursor: Cursor,
    pipeline: str,
    group: str,
    letters: DeadLetters,
    poison: Sequence[Poison],
    now: Micros,
) -> None:
    """Keeps the records and queues their dead letters.

    Bytes and headers stay untouched; our headers are added behind theirs.
    """
    rows, out = [], []
    for p in poison:
        headers = list(p.headers)
        rows.append((
            p.place.topic.encode(),
            p.place.topic_uuid.encode(),
            p.place.partition,
            p.offset,
            p.key,
            p.value,
            headers_bytes(headers),
            p.timestamp,
            p.merchant.encode() if p.merchant is not None else None,
            _text(p.reason),
            _text(p.message),
            p.position,
        ))  # fmt: skip
        packed = headers_bytes([*headers, *_error_headers(p, group)])
        out.append((letters.kind, p.key, p.value, packed))
    cursor.execute(_SQL["put"], [pipeline, now, *_RECORD.arrays(rows)])
    outbox.add(cursor, out)


def _error_headers(poison: Poison, group: str) -> list[tuple[str, bytes]]:
    errors = {
        "topic": poison.place.topic,
        "partition": str(poison.place.partition),
        "offset": str(poison.offset),
        "group": group,
        "message": f"{poison.reason}: {poison.message}",
    }
    return [(f"__dlq.errors.{name}", _text(text)) for name, text in errors.items()]


def check(
    cursor: Cursor,
    pipeline: str,
    limits: Limits,
    poison: Sequence[Poison],
    since: Mapping[PartitionId, int],
) -> None:
    """Raises MustPause when there is too much poison in a partition.

    `poison` are the records of this batch, and `since` each partition's count before it.
    """
    by_place: defaultdict[PartitionId, list[Poisoned]] = defaultdict(list)
    for p in poison:
        by_place[p.place].append(p.counted)
    for place, new in sorted(by_place.items()):
        uuid, partition, before = place.topic_uuid, place.partition, since[place]
        cursor.execute(_SQL["recent"], [pipeline, uuid, partition, before - limits.reach, before])
        recent = [Poisoned(*row) for row in cursor.fetchall()]
        cursor.execute(_SQL["grace"], [pipeline, uuid, partition])
        row = cursor.fetchone()
        grace = int(row[0]) if row is not None else 0
        counts = [p for p in sorted([*recent, *new], key=_position) if p.position > grace]
        why = too_much(counts, limits)
        if why is not None:
            raise MustPause(
                f"{why} in {place.topic}/{partition}: nothing of this batch was written; "
                f"{remedies.resume(pipeline)}"
            )


def _position(poisoned: Poisoned) -> int:
    return poisoned.position


def pause(cursor: Cursor, pipeline: str, reason: str) -> None:
    """Pauses the pipeline for all its workers, until `resume`."""
    cursor.execute(_SQL["pause"], [pipeline, reason])


def resume(cursor: Cursor, pipeline: str, grace: int) -> bool:
    """Lets the pipeline go on; the next `grace` records of a partition do not count against it.

    False when it was not paused.
    """
    cursor.execute(_SQL["lock_cursors"], [pipeline])
    cursor.execute(_SQL["resume"], [pipeline])
    if cursor.rowcount == 0:
        return False
    cursor.execute(_SQL["forgive"], [pipeline, grace])
    return True


def paused(cursor: Cursor, pipeline: str) -> tuple[Micros, str] | None:
    """Since when and why the pipeline is paused."""
    row = cursor.execute(_SQL["paused"], [pipeline]).fetchone()
    return (row[0], row[1]) if row is not None else None


def purge(cursor: Cursor, limit: int) -> int:
    """Forgets the bytes of records that have been kept for KEPT; their rows stay.

    Returns how many.
    """
    cursor.execute(_SQL["purge_shares"], [KEPT // DAY])
    cursor.execute(_SQL["purge"], [KEPT, limit])
    return cursor.rowcount


class Counted(NamedTuple):
    """One merchant's poison of a day (UTC): what was kept, and what was only counted."""

    pipeline: str
    merchant_id: str
    day: int
    kept: int
    counted: int
    counted_bytes: int


def counted_only(cursor: Cursor) -> list[Counted]:
    """The merchants and days whose share was used up, newest first."""
    return [Counted(*row) for row in cursor.execute(_SQL["counted_only"]).fetchall()]
