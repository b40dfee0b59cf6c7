"""Families of split orders: a child is bound to settings as its parent is (SPEC 1.7)."""

from collections.abc import Iterable
from typing import NamedTuple

from store.arrays import byteas, columns, int4s
from store.database import Cursor
from store.orders import OrderKey
from store.queries import queries


class Kin(NamedTuple):
    """A child and the parent that it names."""

    merchant_no: int
    parent_id: bytes
    child_id: bytes


def add(cursor: Cursor, kin: Iterable[Kin]) -> list[Kin]:
    """Keeps who is whose child; those that were not known before."""
    rows = columns(sorted(set(kin)), (int4s, byteas, byteas))
    cursor.execute(queries("families")["add"], rows, binary=True)
    return [Kin(*row) for row in cursor.fetchall()]


def children(cursor: Cursor, parents: Iterable[OrderKey]) -> list[OrderKey]:
    """The known children of some orders."""
    cursor.execute(queries("families")["children"], columns(parents, (int4s, byteas)), binary=True)
    return [(merchant_no, child) for merchant_no, child in cursor.fetchall()]


def bindings(cursor: Cursor, parents: Iterable[OrderKey]) -> dict[OrderKey, int]:
    """`settings_no` of those orders that exist."""
    cursor.execute(queries("families")["bindings"], columns(parents, (int4s, byteas)), binary=True)
    return {(merchant_no, order_id): settings_no for merchant_no, order_id, settings_no in cursor.fetchall()}
