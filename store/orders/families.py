"""Families of orders: split ones are judged as their root, combined ones as their oldest ancestor.

See rules.md 1.7.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from rules.order.facts import OrderFacts
from rules.order.family import MOST_GENERATIONS, Ancestor
from store.orders import codec
from store.orders.orders import KEY, OrderKey
from store.postgres import tables
from store.postgres.columns import Columns
from store.postgres.interning import NO_WORD
from store.postgres.named_queries import queries
from store.postgres.session import Cursor


class Kin(NamedTuple):
    """An order and one that it comes from."""

    merchant_no: int
    parent_id: bytes
    child_id: bytes


GENERATIONS: Final = 2 * MOST_GENERATIONS
"""Up to an order's root, and from there to the oldest that it was combined from."""
_KIN: Final = Columns(tables.family, *Kin._fields)
_PARENT: Final = Columns(tables.family, "merchant_no", "parent_id")
_SQL: Final = queries("orders/families", kin=_KIN, parent=_PARENT, order=KEY)


def add(cursor: Cursor, kin: Iterable[Kin]) -> list[Kin]:
    """Keeps who comes from whom; those that were not known before."""
    cursor.execute(_SQL["add"], _KIN.arrays(sorted(set(kin))), binary=True)
    return [Kin(*row) for row in cursor.fetchall()]


def parents(cursor: Cursor, orders: Iterable[OrderKey]) -> list[OrderKey]:
    """Those of some orders that others once named as what they come from."""
    cursor.execute(_SQL["parents"], _PARENT.arrays(sorted(orders)), binary=True)
    return cursor.fetchall()


def children(
    cursor: Cursor, merchant_no: int, parent_id: bytes, after: bytes, limit: int
) -> list[bytes]:
    """The next of the orders that once named this one as an order that they come from."""
    cursor.execute(_SQL["children"], [merchant_no, parent_id, after, limit], binary=True)
    return [child_id for (child_id,) in cursor.fetchall()]


def as_ancestor(facts: OrderFacts) -> Ancestor | None:
    """An order in hand as its descendants see it; None while its record is not known."""
    record, origin = facts.record, facts.origin
    if record is None:
        return None
    return Ancestor(
        record.created_at,
        origin.heard_at,
        facts.tier,
        record.created_by,
        origin.parent,
        origin.sources,
    )


def ancestors(
    cursor: Cursor, keys: Iterable[OrderKey], in_hand: Mapping[OrderKey, Ancestor]
) -> dict[OrderKey, Ancestor]:
    """Those of some orders that are known, and their ancestors as far as they count.

    Orders in hand are newer there than in the database.
    """
    known: dict[OrderKey, Ancestor] = {}
    stored: dict[OrderKey, tuple[Ancestor, int, int]] = {}
    asked: set[OrderKey] = set()
    wanted = set(keys)
    for _ in range(GENERATIONS + 1):
        if not wanted:
            break
        asked |= wanted
        new = {key: in_hand[key] for key in wanted if key in in_hand}
        if unread := sorted(wanted - new.keys()):
            cursor.execute(_SQL["ancestors"], KEY.arrays(unread), binary=True)
            read = {(row[0], row[1]): _stored(*row[2:]) for row in cursor.fetchall()}
            stored |= read
            new |= {key: ancestor for key, (ancestor, _, _) in read.items()}
        known |= new
        above = {
            (key[0], order_id)
            for key, ancestor in new.items()
            for order_id in (ancestor.parent, *ancestor.sources)
            if order_id
        }
        wanted = above - asked  # upstream could name a cycle
    words = _words(cursor, {number for _, *numbers in stored.values() for number in numbers})
    for key, (ancestor, created_by, tier) in stored.items():
        known[key] = ancestor._replace(created_by=words[created_by], tier=words[tier])
    return known


def _stored(record: bytes, origin: bytes | None) -> tuple[Ancestor, int, int]:
    """A stored order, and the strings' numbers of its creator and its tier."""
    created_at, created_by, tier = codec.creation_of(record)
    if origin is None:
        return Ancestor(created_at), created_by, tier
    heard_at, _, parent, _, sources, *_ = codec.origin_of(origin, None)
    return Ancestor(created_at, heard_at, parent=parent, sources=sources), created_by, tier


def _words(cursor: Cursor, numbers: set[int]) -> dict[int, str | None]:
    """Read here and not remembered: few orders have ancestors that are not in hand."""
    words: dict[int, str | None] = {NO_WORD: None}
    wanted = sorted(numbers - words.keys())
    if wanted:
        rows: list[tuple[Any, ...]] = cursor.execute(_SQL["words"], [wanted]).fetchall()
        words |= dict(rows)
    return words
