"""Going through all orders that carry the platform's own figure (SPEC 7), each as it is decided now."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from rules.earning.entitlement import Entitlement, entitlement
from rules.order.facts import OrderFacts
from schemas.ids import Micros
from schemas.settings import BoundRules
from store.orders.orders import OrderRow, read_rows
from store.postgres.interning import InternedStrings
from store.postgres.named_queries import queries
from store.postgres.session import raw
from store.reads.views import Database, merchant_number, with_buyers
from store.settings.merchants import Merchants

PAGE = 2_000
"""Orders that are read and decided at once when all of them are gone through."""


class Judged(NamedTuple):
    """An order as it is decided now, with the rules that it is bound to."""

    merchant_id: str
    order_id: bytes
    facts: OrderFacts
    rules: BoundRules | None
    decided: Entitlement


class Page(NamedTuple):
    """Some judged orders, and how many of how many orders were looked at so far."""

    orders: list[Judged]
    done: int
    total: int


def with_figures(connection: Database, merchant_id: str | None = None) -> Iterator[Page]:
    """Decides all orders that may carry the platform's own figure (SPEC 7), page by page.

    Raises UnknownMerchant.

    Each page is as it stands when it is read: no long snapshot holds anything up.
    """
    sql, cursor, words, merchants = (
        queries("reads/views"),
        raw(connection),
        InternedStrings(connection),
        Merchants(connection),
    )
    only = merchant_number(cursor, merchant_id) if merchant_id is not None else None
    total = (cursor.execute(sql["count_orders"], [only]).fetchone() or (0,))[0]
    reached: tuple[Any, Any] = (only or 0, b"")
    done = 0
    while end := cursor.execute(sql["page_end"], [*reached, only, PAGE]).fetchone():
        *last, looked_at, now = end
        rows = read_rows(
            cursor, cursor.execute(sql["page"], [*reached, *last], binary=True).fetchall(), words
        )
        reached, done = (last[0], last[1]), done + looked_at
        yield Page(
            [_judged(row, merchants, now) for row in with_buyers(cursor, rows.values())],
            done,
            max(total, done),
        )


def _judged(row: OrderRow, merchants: Merchants, now: Micros) -> Judged:
    rules = merchants.rules[row.merchant_no, row.facts.settings_no]
    decided = entitlement(row.facts, rules, now, merchants.installs[row.merchant_no])
    return Judged(merchants.merchant_id(row.merchant_no), row.order_id, row.facts, rules, decided)
