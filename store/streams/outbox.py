"""The outbox: what must be published, written in the transaction that makes it true."""

from base64 import b64decode, b64encode
from collections import defaultdict
from collections.abc import Iterator, Sequence
from enum import IntEnum
from itertools import chain
from typing import Final, NamedTuple
from zlib import DEFLATED, compress, compressobj, decompress, decompressobj

import orjson

from schemas.errors import Exit, PointsError
from store.postgres import tables
from store.postgres.arrays import int2s
from store.postgres.columns import Columns
from store.postgres.named_queries import queries
from store.postgres.session import Cursor
from store.postgres.together import Writes

EVENT_SHARDS = 4
"""Members are spread over so many queues; each keeps its order."""

PACK = 1000
"""Events at most in a row: one row for each costs PostgreSQL more than everything else that is done
with it.
"""
_BETWEEN = b"\n"
"""Between the events of a row; JSON holds no bare line feed."""
_LINE_FEED_IN_A_KEY = b"\xff"
"""What stands for it in the key of a record: an id may have any character, UTF-8 not this byte."""
_FAST = 1
"""The events of a row are so alike that the quickest compression leaves a seventh of them, for 2 us
an event.
"""
_LITTLE, _LITTLE_BITS, _LITTLE_MEMORY = 4096, 12, 4
"""Bytes up to which a row is packed with a window of that size: it takes longer to set up zlib's
usual one than to pack a hold's event. Who unpacks sees no difference.
"""

LAYOUT = 1
"""How a row's value and headers are packed: the only way so far (`_packed`, `headers_bytes`)."""

TRACEPARENT = "traceparent"
"""The W3C trace context's header; it goes from the record that made an entry to its event."""

HEAD_EVENTS = 5_000
"""Records of a shard that are sent together at most."""
HEAD_BYTES = 8 << 20
"""Of a shard's rows that are sent together, as they are stored: dead letters have up to 1 MB, and
what is sent is in memory twice.
"""

_ROW: Final = Columns(tables.outbox, "shard", "kind", "key", "value", "headers")
_PACKS: Final = Columns(tables.outbox, "shard", "kind", "value", "headers", "events")
_KEY: Final = Columns(tables.outbox, "shard", "id")
_SQL: Final = queries("streams/outbox", row=_ROW, packs=_PACKS, key=_KEY)

Headers = Sequence[tuple[str, bytes | None]]


class OutboxKind(IntEnum):
    """What an outbox row is, hence to which topic it goes.

    CHANGED: points-changed events, many in one row. COMMAND_RESULT: answers to commands, and
    COMMAND: commands that were applied here, so that the topics tell the whole story; many in one
    row, too. HEARTBEAT: proof that a shard of members' events gets through, in that shard. NOTICE
    (what became of notices, many in one row) and DEAD_NOTICES are only in the outbox of the notices
    lane.
    """

    CHANGED = 1
    SETTINGS = 2
    DEAD_ORDERS = 3
    DEAD_DELIVERIES = 4
    DEAD_CUSTOMERS = 5
    DEAD_COMMANDS = 6
    REDRIVE = 7
    COMMAND_RESULT = 8
    COMMAND = 9
    HEARTBEAT = 10
    NOTICE = 11
    DEAD_NOTICES = 12


PACKED_KINDS: Final = frozenset({OutboxKind.COMMAND_RESULT, OutboxKind.COMMAND, OutboxKind.NOTICE})
"""Kinds of which a row has many records, each with its key."""

DEAD_LETTER_KINDS: Final = frozenset(kind for kind in OutboxKind if kind.name.startswith("DEAD_"))

SHARD_OF_KIND: Final = {
    **dict.fromkeys(DEAD_LETTER_KINDS, EVENT_SHARDS),
    OutboxKind.REDRIVE: EVENT_SHARDS + 1,
    OutboxKind.SETTINGS: EVENT_SHARDS + 2,
    OutboxKind.COMMAND_RESULT: EVENT_SHARDS + 3,
    OutboxKind.COMMAND: EVENT_SHARDS + 4,
    OutboxKind.NOTICE: EVENT_SHARDS + 3,  # of another outbox, where no answers are
}
"""What is not members' events has queues of its own: a flood of dead letters, or a topic that is
gone, delays no event, and nothing else either.
"""

SHARDS = EVENT_SHARDS + len(set(SHARD_OF_KIND.values()))
"""All queues; as many relays can share them."""


class Row(NamedTuple):
    """A row that waits.

    `key` is None and `value` packed for kind CHANGED (`events_of`) and for PACKED_KINDS
    (`records_of`).
    """

    shard: int
    id: int
    kind: OutboxKind
    key: bytes | None
    value: bytes | None
    headers: bytes | None


class Event(NamedTuple):
    """A points-changed event: the shard of its account, its JSON, and the trace it belongs to."""

    shard: int
    value: bytes
    traceparent: bytes | None = None


Pack = tuple[int, OutboxKind, bytes, bytes | None, int]
"""A row of many records before it is written: shard, kind, packed value and headers, how many."""


class UnknownRowLayout(PointsError):
    """An outbox row is packed in a way this version does not know: a newer version wrote it."""

    code = "unknown_row_layout"
    exit_code = Exit.SCHEMA

    def __init__(self, shard: int, number: int, layout: int) -> None:
        super().__init__(
            f"row {number} of outbox shard {shard} is packed in layout {layout}, "
            "which this version does not know",
            "run a newer version of the relay",
        )


def shard_of(account_no: int) -> int:
    """The shard of an account's events."""
    return account_no % EVENT_SHARDS


def headers_bytes(headers: Headers) -> bytes:
    """Record headers, exactly: names may repeat and values may be absent or any bytes."""
    return orjson.dumps(
        [[name, None if value is None else b64encode(value).decode()] for name, value in headers]
    )


def headers_of(packed: bytes | None) -> list[tuple[str, bytes | None]]:
    """What `headers_bytes` packed."""
    if packed is None:
        return []
    return [
        (name, None if value is None else b64decode(value)) for name, value in orjson.loads(packed)
    ]


def add(
    cursor: Cursor, rows: Sequence[tuple[OutboxKind, bytes | None, bytes | None, bytes | None]]
) -> None:
    """Puts rows (kind, key, value, packed headers) into the outbox, each kind into its shard."""
    if rows:
        cursor.execute(_SQL["add"], _ROW.arrays([(SHARD_OF_KIND[row[0]], *row) for row in rows]))


def packs_of(kind: OutboxKind, records: Sequence[tuple[bytes, bytes]]) -> list[Pack]:
    """Records of one of PACKED_KINDS (key, JSON value) as rows, in their order."""
    shard = SHARD_OF_KIND[kind]
    packs: list[Pack] = []
    for at in range(0, len(records), PACK):
        some = records[at : at + PACK]
        lines = ((key.replace(_BETWEEN, _LINE_FEED_IN_A_KEY), value) for key, value in some)
        value = _compressed(_BETWEEN.join(chain.from_iterable(lines)))
        packs.append((shard, kind, value, None, len(some)))
    return packs


def add_packs(cursor: Writes, packs: Sequence[Pack]) -> None:
    """Puts rows of many records into the outbox, in their order, with one statement."""
    if packs:
        cursor.execute(_SQL["add_packs"], _PACKS.arrays(packs))


def add_packed(cursor: Cursor, kind: OutboxKind, records: Sequence[tuple[bytes, bytes]]) -> None:
    """Puts records of one of PACKED_KINDS into the outbox; see `packs_of`."""
    add_packs(cursor, packs_of(kind, records))


def add_heartbeats(cursor: Cursor, heartbeats: Sequence[bytes]) -> None:
    """Puts the n-th heartbeat into the n-th shard of members' events, unless it still has one."""
    rows = [
        (shard, OutboxKind.HEARTBEAT, str(shard).encode(), value, None)
        for shard, value in enumerate(heartbeats)
    ]
    cursor.execute(_SQL["add_heartbeats"], _ROW.arrays(rows))


def records_of(value: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Key and value of each record of a row of one of PACKED_KINDS."""
    key: list[bytes] = []
    for line in decompress(value).split(_BETWEEN):
        # A key of several lines is from before its line feeds were replaced; a value is an object.
        if key and line.startswith(b"{"):
            yield _BETWEEN.join(key).replace(_LINE_FEED_IN_A_KEY, _BETWEEN), line
            key = []
        else:
            key.append(line)


def packs_of_events(events: Sequence[Event]) -> list[Pack]:
    """Events as rows, those of a shard together, in their order."""
    by_shard: dict[int, list[Event]] = defaultdict(list)
    for event in events:
        by_shard[event.shard].append(event)
    return [
        _packed(shard, mine[at : at + PACK])
        for shard, mine in by_shard.items()
        for at in range(0, len(mine), PACK)
    ]


def add_events(cursor: Cursor, events: Sequence[Event]) -> None:
    """Puts events into the outbox; see `packs_of_events`."""
    add_packs(cursor, packs_of_events(events))


def _packed(shard: int, events: Sequence[Event]) -> Pack:
    traces = [(TRACEPARENT, event.traceparent) for event in events]
    headers = headers_bytes(traces) if any(trace is not None for _, trace in traces) else None
    packed = _compressed(_BETWEEN.join([event.value for event in events]))
    return shard, OutboxKind.CHANGED, packed, headers, len(events)


def _compressed(text: bytes) -> bytes:
    if len(text) > _LITTLE:
        return compress(text, _FAST)
    packing = compressobj(_FAST, DEFLATED, _LITTLE_BITS, _LITTLE_MEMORY)
    return packing.compress(text) + packing.flush()


def events_of(value: bytes, headers: bytes | None) -> Iterator[tuple[bytes, Headers]]:
    """The events of a row of kind CHANGED: each one's JSON, and its trace header if it has one."""
    values = decompress(value).split(_BETWEEN)
    if headers is None:
        return ((value, ()) for value in values)
    traces = headers_of(headers)
    return (
        (value, () if trace[1] is None else (trace,))
        for value, trace in zip(values, traces, strict=True)
    )


def first_event(value: bytes) -> bytes | None:
    """The oldest event of a row of kind CHANGED; None if what is given ends before the event."""
    unpacking = decompressobj()
    first, ended, _ = unpacking.decompress(value).partition(_BETWEEN)
    return first if ended or unpacking.eof else None


def head(
    cursor: Cursor, shards: Sequence[int], limit: int = HEAD_EVENTS, size: int = HEAD_BYTES
) -> list[Row]:
    """The oldest rows of some shards, in their order.

    Of each shard as many as hold `limit` events and have `size` bytes, at least one. Raises
    UnknownRowLayout.
    """
    cursor.execute(_SQL["head"], [int2s(shards), limit, size], binary=True)
    rows = cursor.fetchall()
    for row in rows:
        if row[-1] != LAYOUT:
            raise UnknownRowLayout(row[0], row[1], row[-1])
    return [Row(shard, number, OutboxKind(kind), *rest) for shard, number, kind, *rest, _ in rows]


def relax(cursor: Cursor) -> None:
    """Lets this session's commits return before they are durable.

    A deletion that is lost is only a delivery repeated.
    """
    cursor.execute(_SQL["relax"])


def sent(cursor: Cursor, rows: Sequence[Row]) -> None:
    """Deletes what was delivered."""
    if rows:
        cursor.execute(_SQL["sent"], _KEY.arrays(row[:2] for row in rows))


def join_relays(cursor: Cursor) -> None:
    """Counts this session among the relays that share the shards, for as long as it lives."""
    cursor.execute(_SQL["join_relays"])


def share(cursor: Cursor) -> set[int]:
    """The shards that are this relay's: every n-th, by its place among the n relays alive."""
    row = cursor.execute(_SQL["relays"]).fetchone()
    relays, own = row if row is not None else ([], 0)
    if own not in relays:
        return set()
    return set(range(relays.index(own), SHARDS, len(relays)))


def try_shard(cursor: Cursor, shard: int) -> bool:
    """Takes a shard for this session; False when another relay has it."""
    row = cursor.execute(_SQL["try_shard"], [shard]).fetchone()
    return bool(row and row[0])


def give_back(cursor: Cursor, shard: int) -> None:
    """Lets another relay take a shard."""
    cursor.execute(_SQL["give_back"], [shard])
