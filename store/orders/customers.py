"""What customer events say of members (SPEC 1.5): one row each, the newest version."""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from rules.order.facts import Buyer
from rules.order.trail import Version
from store.orders import codec
from store.orders.orders import NewOrderRace
from store.postgres.arrays import byteas, columns, int2s, int4s, int8s
from store.postgres.named_queries import queries
from store.postgres.session import Cursor

CustomerKey = tuple[int, bytes]
"""(merchant number, packed member id): the primary key, and the order in which customers are
locked.
"""


class Customer(NamedTuple):
    """A customer's newest record."""

    version: Version
    buyer: Buyer


def lock(cursor: Cursor, keys: Iterable[CustomerKey]) -> dict[CustomerKey, Customer]:
    """Locks the customers that are known among `keys`."""
    cursor.execute(
        queries("orders/customers")["lock"],
        columns(sorted(set(keys)), (int4s, byteas)),
        binary=True,
    )
    rows = cursor.fetchall()
    return {
        (m, c): Customer(codec.version_of(version), Buyer(member, at))
        for m, c, version, at, member in rows
    }


_KINDS = (int4s, byteas, byteas, int8s, int2s)


def write(
    cursor: Cursor, rows: Mapping[CustomerKey, Customer], known: Iterable[CustomerKey]
) -> None:
    """Writes customers, of which those in `known` are locked.

    Raises NewOrderRace when another one exists by now.
    """
    known = set(known)
    for statement, chosen in (
        ("insert", {key: row for key, row in rows.items() if key not in known}),
        ("update", {key: row for key, row in rows.items() if key in known}),
    ):
        if chosen:
            values = [
                (
                    *key,
                    codec.version_bytes(row.version),
                    row.buyer.registered_at,
                    row.buyer.is_member,
                )
                for key, row in chosen.items()
            ]
            cursor.execute(queries("orders/customers")[statement], columns(values, _KINDS))
            if cursor.rowcount != len(chosen):
                raise NewOrderRace


def buyers(cursor: Cursor, keys: Collection[CustomerKey]) -> dict[CustomerKey, Buyer]:
    """What is known of some members, as far as it can matter."""
    cursor.execute(
        queries("orders/customers")["buyers"], columns(keys, (int4s, byteas)), binary=True
    )
    return {(m, c): Buyer(member, at) for m, c, member, at in cursor.fetchall()}
