"""Families of split orders: a child is bound to settings as its parent is (rules.md 1.7)."""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from rules.order.facts import NOTHING_IN_FORCE
from schemas.ids import Micros
from store.orders.codec import origin_of
from store.orders.orders import KEY, OrderKey
from store.postgres import tables
from store.postgres.columns import Columns
from store.postgres.named_queries import queries
from store.postgres.session import Cursor


class Kin(NamedTuple):
    """A child and the parent that it names."""

    merchant_no: int
    parent_id: bytes
    child_id: bytes


_KIN: Final = Columns(tables.family, *Kin._fields)
_PARENT: Final = Columns(tables.family, "merchant_no", "parent_id")
_SQL: Final = queries("orders/families", kin=_KIN, parent=_PARENT, order=KEY)


def add(cursor: Cursor, kin: Iterable[Kin]) -> list[Kin]:
    """Keeps who is whose child; those that were not known before."""
    cursor.execute(_SQL["add"], _KIN.arrays(sorted(set(kin))), binary=True)
    return [Kin(*row) for row in cursor.fetchall()]


def children(cursor: Cursor, parents: Iterable[OrderKey]) -> list[OrderKey]:
    """The known children of some orders."""
    cursor.execute(_SQL["children"], _PARENT.arrays(parents), binary=True)
    return [(merchant_no, child) for merchant_no, child in cursor.fetchall()]


class Ancestor(NamedTuple):
    """An order that was split: its settings, its creation, and the order that it came from."""

    settings_no: int
    created_at: Micros
    parent: bytes | None


def ancestors(cursor: Cursor, parents: Iterable[OrderKey]) -> dict[OrderKey, Ancestor]:
    """Those orders that are known, and their own ancestors."""
    known: dict[OrderKey, Ancestor] = {}
    asked: set[OrderKey] = set()
    wanted = set(parents)
    while wanted:
        asked |= wanted
        cursor.execute(_SQL["ancestors"], KEY.arrays(sorted(wanted)), binary=True)
        new = {
            (merchant_no, order_id): Ancestor(settings_no, *origin_of(record))
            for merchant_no, order_id, settings_no, record in cursor.fetchall()
        }
        known |= new
        above = {
            (key[0], ancestor.parent)
            for key, ancestor in new.items()
            if ancestor.parent is not None
        }
        wanted = above - asked  # upstream could name a cycle
    return known


def chosen_at(key: OrderKey, known: Mapping[OrderKey, Ancestor]) -> Micros | None:
    """The creation by which an ancestor's settings were chosen.

    Its own, or that of the highest bound order above it; None when it is not bound.
    """
    at, seen = None, set()
    while key not in seen:
        ancestor = known.get(key)
        if ancestor is None or ancestor.settings_no < NOTHING_IN_FORCE:
            break
        seen.add(key)
        at = ancestor.created_at
        if ancestor.parent is None:
            break
        key = key[0], ancestor.parent
    return at
