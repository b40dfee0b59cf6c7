"""Families of split orders: a child is bound to settings as its parent is (SPEC 1.7)."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from rules.order.facts import NOTHING_IN_FORCE
from schemas.ids import Micros
from store.orders.codec import origin_of
from store.orders.orders import OrderKey
from store.postgres.arrays import byteas, columns, int4s
from store.postgres.named_queries import queries
from store.postgres.session import Cursor


class Kin(NamedTuple):
    """A child and the parent that it names."""

    merchant_no: int
    parent_id: bytes
    child_id: bytes


def add(cursor: Cursor, kin: Iterable[Kin]) -> list[Kin]:
    """Keeps who is whose child; those that were not known before."""
    rows = columns(sorted(set(kin)), (int4s, byteas, byteas))
    cursor.execute(queries("orders/families")["add"], rows, binary=True)
    return [Kin(*row) for row in cursor.fetchall()]


def children(cursor: Cursor, parents: Iterable[OrderKey]) -> list[OrderKey]:
    """The known children of some orders."""
    cursor.execute(
        queries("orders/families")["children"], columns(parents, (int4s, byteas)), binary=True
    )
    return [(merchant_no, child) for merchant_no, child in cursor.fetchall()]


class Ancestor(NamedTuple):
    """An order that was split: its settings, its creation, and the order that it was split from itself."""

    settings_no: int
    created_at: Micros
    parent: bytes | None


def ancestors(cursor: Cursor, parents: Iterable[OrderKey]) -> dict[OrderKey, Ancestor]:
    """Those orders that are known, and their own ancestors."""
    found: dict[OrderKey, Ancestor] = {}
    asked: set[OrderKey] = set()
    wanted = set(parents)
    while wanted:
        asked |= wanted
        cursor.execute(
            queries("orders/families")["ancestors"],
            columns(sorted(wanted), (int4s, byteas)),
            binary=True,
        )
        new = {
            (m, order_id): Ancestor(number, *origin_of(record))
            for m, order_id, number, record in cursor.fetchall()
        }
        found |= new
        wanted = {
            (key[0], one.parent) for key, one in new.items() if one.parent is not None
        } - asked
    return found


def chosen_at(key: OrderKey, known: Mapping[OrderKey, Ancestor]) -> Micros | None:
    """The creation by which an ancestor's settings were chosen: its own, or that of the first bound one above it."""
    at, seen = None, set()
    while (
        (one := known.get(key)) is not None
        and one.settings_no >= NOTHING_IN_FORCE
        and key not in seen
    ):
        seen.add(key)
        at = one.created_at
        if one.parent is None:
            break
        key = key[0], one.parent
    return at
