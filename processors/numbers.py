"""Tracking numbers and order ids that reports wait for: looked at again, slowly, by the recheck worker."""

from typing import Any

from schemas.ids import Micros
from store.database import Cursor
from store.orders import OrderKey, OrderRow
from store.words import Words


def rejoin(cursor: Cursor, numbers: list[bytes], words: Words, codes: Any, now: Micros) -> list[OrderRow]:
    """Nothing joins yet."""
    del cursor, numbers, words, codes, now
    return []


def take_up(cursor: Cursor, rows: dict[OrderKey, OrderRow], words: Words, codes: Any) -> None:
    """Nothing waits yet."""
    del cursor, rows, words, codes
