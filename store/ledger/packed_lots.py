"""Points by lot, as `hold` and `redemption` keep them: a JSON list, readable in SQL."""

from collections.abc import Iterable
from typing import Any

import orjson

from rules.account.lots import LotKey, SourceKind
from rules.account.points_by_lot import LotPoints, PointsByLot


def packed(lots: Iterable[LotPoints]) -> bytes:
    """`[[expires_us, source_kind, source in hexadecimal, episode, points], …]`."""
    return orjson.dumps(
        [[key.expires_at, key.kind, key.source.hex(), key.episode, points] for key, points in lots]
    )


def unpacked(rows: Iterable[list[Any]]) -> PointsByLot:
    """What was packed, from the list that the database answers."""
    return [
        (LotKey(expires_at, SourceKind(kind), bytes.fromhex(source), episode), points)
        for expires_at, kind, source, episode, points in rows
    ]
