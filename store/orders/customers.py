"""What customer events say of members (rules.md 1.5): one row each, a timeline."""

from collections.abc import Collection, Iterable, Mapping
from typing import Final, NamedTuple

from rules.order.membership import Buyer
from rules.order.trail import Version
from store.orders import codec
from store.orders.orders import NewOrderRace
from store.postgres import tables
from store.postgres.columns import Columns
from store.postgres.named_queries import queries
from store.postgres.session import Cursor

CustomerKey = tuple[int, bytes]
"""(merchant number, packed member id): the primary key, and the order of locking."""
_KEY: Final = Columns(tables.customer, "merchant_no", "member")
_ROW: Final = _KEY.plus("version", "timeline")
_SQL: Final = queries("orders/customers", key=_KEY, row=_ROW)


class Customer(NamedTuple):
    """A customer's timeline, and the newest version of the records that changed it."""

    version: Version
    buyer: Buyer


def lock(cursor: Cursor, keys: Iterable[CustomerKey]) -> dict[CustomerKey, Customer]:
    """Locks the customers that are known among `keys`."""
    cursor.execute(_SQL["lock"], _KEY.arrays(sorted(set(keys))), binary=True)
    return {
        (merchant_no, member): Customer(codec.version_of(version), codec.buyer_of(timeline))
        for merchant_no, member, version, timeline in cursor.fetchall()
    }


def write(
    cursor: Cursor, rows: Mapping[CustomerKey, Customer], known: Iterable[CustomerKey]
) -> None:
    """Writes customers, of which those in `known` are locked.

    Raises NewOrderRace when another worker has inserted a new one.
    """
    known = set(known)
    for statement, chosen in (
        ("insert", {key: row for key, row in rows.items() if key not in known}),
        ("update", {key: row for key, row in rows.items() if key in known}),
    ):
        if chosen:
            values = [
                (*key, codec.version_bytes(row.version), codec.buyer_bytes(row.buyer))
                for key, row in chosen.items()
            ]
            cursor.execute(_SQL[statement], _ROW.arrays(values))
            if cursor.rowcount != len(chosen):
                raise NewOrderRace


def buyers(cursor: Cursor, keys: Collection[CustomerKey]) -> dict[CustomerKey, Buyer]:
    """What is known of some members."""
    cursor.execute(_SQL["buyers"], _KEY.arrays(keys), binary=True)
    return {
        (merchant_no, member): codec.buyer_of(timeline)
        for merchant_no, member, timeline in cursor.fetchall()
    }
