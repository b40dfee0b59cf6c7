"""Rows of `redemption`: those of the orders asked for, read and written where they changed."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from rules.account.holds import Purpose
from rules.account.redemptions import Redemption
from store.ledger.accounts import LockedAccount
from store.ledger.packed_lots import packed, unpacked
from store.orders.orders import OrderKey
from store.postgres import tables
from store.postgres.columns import Columns
from store.postgres.named_queries import queries
from store.postgres.session import Cursor
from store.postgres.together import Writes

_WANTED: Final = Columns(tables.redemption, "merchant_no", "order_id", "account_no")
_KEY: Final = _WANTED.plus("number")
_ORDER: Final = Columns(tables.redemption, "merchant_no", "order_id")
_ROW: Final = Columns(tables.redemption, *tables.redemption.c.keys())
_SQL: Final = queries("ledger/redemptions", wanted=_WANTED, key=_KEY, row=_ROW, order=_ORDER)

RedemptionKey = tuple[int, bytes, int]
"""(account number, packed order id, number)."""

Figures = tuple[int, int, int, int, int]
"""Points, manual, returned, debt and entries: what changes of a redemption, its lots with it."""


def load(
    cursor: Cursor, accounts: Sequence[tuple[LockedAccount, set[bytes]]]
) -> Mapping[RedemptionKey, Figures]:
    """Bring the redemptions of some orders in hand, in their order; the figures as they were read.

    Nothing is read where no order is named.
    """
    by_number = {locked.account_no: locked for locked, _ in accounts}
    wanted = [
        (locked.merchant_no, order_id, locked.account_no)
        for locked, order_ids in accounts
        for order_id in sorted(order_ids)
    ]
    if not wanted:
        return {}
    before: dict[RedemptionKey, Figures] = {}
    for locked, order_ids in accounts:
        locked.account.redemptions |= {order_id: [] for order_id in order_ids}
    cursor.execute(_SQL["read"], _WANTED.arrays(wanted), binary=True)
    for row in cursor.fetchall():
        one = _redemption_of(row)
        account_no = row[2]
        by_number[account_no].account.redemptions[one.order_id].append(one)
        before[account_no, one.order_id, one.number] = _figures(one)
    return before


def on_orders(
    cursor: Cursor, orders: Sequence[OrderKey]
) -> dict[OrderKey, dict[bytes, list[Redemption]]]:
    """What was redeemed on some orders, by the packed member; orders without are left out.

    For those who have the orders locked, or only look.
    """
    found: dict[OrderKey, dict[bytes, list[Redemption]]] = {}
    cursor.execute(_SQL["on_orders"], _ORDER.arrays(orders), binary=True)
    for member, *row in cursor.fetchall():
        one = _redemption_of(tuple(row))
        found.setdefault((row[0], one.order_id), {}).setdefault(member, []).append(one)
    return found


def awaited(cursor: Cursor, orders: Sequence[OrderKey]) -> set[OrderKey]:
    """Those of some new orders on which points were redeemed before they were heard of.

    As a rule there are none at all, which is found out first.
    """
    row = cursor.execute(_SQL["is_any_awaited"]).fetchone()
    if not row or not row[0]:
        return set()
    cursor.execute(_SQL["awaited"], _ORDER.arrays(orders), binary=True)
    return set(cursor.fetchall())


def met(cursor: Cursor, orders: Sequence[OrderKey]) -> None:
    """Note that some orders know what was redeemed on them: nothing waits for them."""
    cursor.execute(_SQL["met"], _ORDER.arrays(orders))


def _redemption_of(row: tuple[Any, ...]) -> Redemption:
    _, order_id, _, number, purpose, points, manual, returned, debt, entries, settings_no, lots = (
        row
    )
    return Redemption(
        order_id,
        number,
        Purpose(purpose) if purpose is not None else None,
        points,
        settings_no,
        unpacked(lots),
        manual,
        returned,
        debt,
        entries,
    )


def _figures(one: Redemption) -> Figures:
    return one.points, one.manual, one.returned, one.debt, one.entries


def write(
    cursor: Writes,
    accounts: Iterable[LockedAccount],
    before: Mapping[RedemptionKey, Figures],
) -> None:
    """Write the redemptions that are new or changed."""
    changed = [
        (locked, one)
        for locked in accounts
        for redemptions in locked.account.redemptions.values()
        for one in redemptions
        if before.get((locked.account_no, one.order_id, one.number), _NOTHING) != _figures(one)
    ]
    if changed:
        cursor.execute(_SQL["write"], _ROW.arrays_of(_values(changed)))
    new = {
        (locked.merchant_no, one.order_id)
        for locked, one in changed
        if (locked.account_no, one.order_id, one.number) not in before
    }
    if new:
        cursor.execute(_SQL["await"], _ORDER.arrays(sorted(new)))


_NOTHING: Final[Figures] = (0, 0, 0, 0, 0)
"""A debit that was looked for and never made is not written."""


def _values(rows: Sequence[tuple[LockedAccount, Redemption]]) -> dict[str, Sequence[Any]]:
    return {
        "merchant_no": [locked.merchant_no for locked, _ in rows],
        "order_id": [one.order_id for _, one in rows],
        "account_no": [locked.account_no for locked, _ in rows],
        "number": [one.number for _, one in rows],
        "purpose": [one.purpose for _, one in rows],
        "points": [one.points for _, one in rows],
        "manual": [one.manual for _, one in rows],
        "returned": [one.returned for _, one in rows],
        "debt": [one.debt for _, one in rows],
        "entries": [one.entries for _, one in rows],
        "settings_no": [one.settings_no for _, one in rows],
        "lots": [packed(one.lots) for _, one in rows],
    }
