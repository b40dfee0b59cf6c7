"""The outbox: what must be published, written in the transaction that makes it true, sent and deleted by the relay."""

from base64 import b64decode, b64encode
from collections.abc import Sequence
from enum import IntEnum
from typing import Any

import orjson

from store.arrays import byteas, columns, int2s, int8s
from store.database import Cursor
from store.queries import queries

SHARDS = 4
"""Members are spread over so many queues; each keeps its order, and as many relays can work side by side."""

Headers = Sequence[tuple[str, bytes | None]]


class OutboxKind(IntEnum):
    """What an outbox row is, hence to which topic it goes."""

    CHANGED = 1
    SETTINGS = 2
    DEAD_ORDERS = 3
    DEAD_DELIVERIES = 4
    DEAD_CUSTOMERS = 5
    DEAD_COMMANDS = 6
    REDRIVE = 7


def shard_of(number: int) -> int:
    """The shard of an account or a merchant."""
    return number % SHARDS


def headers_bytes(headers: Headers) -> bytes:
    """Record headers, exactly: names may repeat and values may be absent or any bytes."""
    return orjson.dumps([[name, None if value is None else b64encode(value).decode()] for name, value in headers])


def headers_of(packed: bytes | None) -> list[tuple[str, bytes | None]]:
    """What `headers_bytes` packed."""
    if packed is None:
        return []
    return [(name, None if value is None else b64decode(value)) for name, value in orjson.loads(packed)]


def add(cursor: Cursor, rows: Sequence[tuple[int, OutboxKind, bytes | None, bytes | None, bytes | None]]) -> None:
    """Puts rows (shard, kind, key, value, packed headers) into the outbox."""
    if rows:
        cursor.execute(queries("ledger")["publish"], columns(rows, (int2s, int2s, byteas, byteas, byteas)))


def head(cursor: Cursor, shards: Sequence[int], limit: int) -> list[tuple[Any, ...]]:
    """The oldest rows of some shards: (shard, id, kind, key, value, headers)."""
    cursor.execute(queries("outbox")["head"], [int2s(shards), limit], binary=True)
    return cursor.fetchall()


def sent(cursor: Cursor, rows: Sequence[tuple[Any, ...]]) -> None:
    """Deletes what was delivered."""
    cursor.execute(queries("outbox")["sent"], [int2s([r[0] for r in rows]), int8s([r[1] for r in rows])])


def try_shard(cursor: Cursor, shard: int) -> bool:
    """Takes a shard for this session; False when another relay has it."""
    row = cursor.execute(queries("outbox")["try_shard"], [shard]).fetchone()
    return bool(row and row[0])
