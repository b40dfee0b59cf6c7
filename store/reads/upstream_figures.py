"""All orders that carry the platform's own figure (rules.md 7), decided now, page by page."""

from collections.abc import Iterator
from typing import NamedTuple

from rules.earning.entitlement import Entitlement, entitlement
from rules.order.facts import OrderFacts
from schemas.ids import Micros
from schemas.settings import BoundRules
from store.orders.orders import ROW, OrderRow, read_rows
from store.postgres.interning import InternedStrings
from store.postgres.named_queries import queries
from store.postgres.session import Database, raw
from store.reads.order import with_buyers
from store.reads.snapshot import merchant_number
from store.settings.merchants import Merchants

PAGE = 2_000
"""Orders read and decided at once."""


class DecidedOrder(NamedTuple):
    """An order as it is decided now, with the rules that it is bound to."""

    merchant_id: str
    order_id: bytes
    facts: OrderFacts
    rules: BoundRules | None
    decided: Entitlement


class Page(NamedTuple):
    """Some decided orders, and how many of how many orders were looked at so far."""

    orders: list[DecidedOrder]
    done: int
    total: int


def with_figures(connection: Database, merchant_id: str | None) -> Iterator[Page]:
    """Decides all orders that may carry the platform's own figure (rules.md 7), page by page.

    Raises UnknownMerchant.

    Each page is as it is when it is read: one long snapshot would keep the database from cleaning
    up behind the workers.
    """
    sql, cursor = queries("reads/upstream_figures", row=ROW), raw(connection)
    words, merchants = InternedStrings(connection), Merchants(connection)
    only = merchant_number(cursor, merchant_id) if merchant_id is not None else None
    total = (cursor.execute(sql["count_orders"], [only]).fetchone() or (0,))[0]
    merchant_no, order_id, done = only or 0, b"", 0
    while end := cursor.execute(sql["page_end"], [merchant_no, order_id, only, PAGE]).fetchone():
        last_merchant, last_order, size, now = end
        keys = [merchant_no, order_id, last_merchant, last_order]
        found = cursor.execute(sql["page"], keys, binary=True).fetchall()
        orders = with_buyers(cursor, read_rows(cursor, found, words).values())
        merchant_no, order_id, done = last_merchant, last_order, done + size
        yield Page([_decided(order, merchants, now) for order in orders], done, max(total, done))


def _decided(row: OrderRow, merchants: Merchants, now: Micros) -> DecidedOrder:
    rules = merchants.rules[row.merchant_no, row.facts.settings_no]
    decided = entitlement(row.facts, rules, now, merchants.installs[row.merchant_no])
    return DecidedOrder(
        merchant_id=merchants.merchant_id(row.merchant_no),
        order_id=row.order_id,
        facts=row.facts,
        rules=rules,
        decided=decided,
    )
