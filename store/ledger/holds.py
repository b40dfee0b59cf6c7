"""Rows of `hold`: those asked for and those that end, read and written where they changed."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Column, Integer

from rules.account.holds import Hold, HoldState, Purpose
from schemas.ids import NEVER, Micros
from store.ledger.accounts import LockedAccount
from store.ledger.packed_lots import packed, unpacked
from store.postgres import tables
from store.postgres.columns import Columns
from store.postgres.named_queries import queries
from store.postgres.session import Cursor
from store.postgres.together import Writes

HoldKey = tuple[int, bytes]
"""(merchant number, hold id in UTF-8)."""
HoldIds = dict[int, set[bytes]]
"""Hold ids that are known to be used up, by the merchant's number."""

_KEY: Final = Columns(tables.hold, "merchant_no", "hold_id")
ROW: Final = Columns(tables.hold, *tables.hold.c.keys())
_HEAD: Final = Columns(tables.hold, "account_no", Column("holds", Integer))
"""An account, and how many of its live holds are wanted that have not ended yet."""

_ENDED: Final = Columns(tables.hold, "merchant_no", "hold_id", "state", "order_id")
_SQL: Final = queries("ledger/holds", key=_KEY, row=ROW, head=_HEAD, ended=_ENDED)


class HoldRace(Exception):
    """A hold was asked for while another transaction made one of the same id.

    The transaction must be rolled back and done once more: then the second sees the first.
    """


def load(
    cursor: Cursor,
    accounts: Sequence[tuple[LockedAccount, set[bytes]]],
    now: Micros,
    known: HoldIds | None = None,
) -> Mapping[HoldKey, HoldState]:
    """Bring the holds in hand that are named or have ended, and the one that ends next.

    Answers the states as they were read, and adds their ids to those that are `known` already; all
    accounts of a merchant share these. Nothing is read where no hold is named and none has ended.
    """
    known = {} if known is None else known
    by_number: dict[int, LockedAccount] = {}
    named: list[HoldKey] = []
    heads: list[tuple[int, int]] = []
    for locked, hold_ids in accounts:
        locked.hold_ids = known.setdefault(locked.merchant_no, set())
        by_number[locked.account_no] = locked
        named += [(locked.merchant_no, hold_id) for hold_id in sorted(hold_ids)]
        if locked.next_timeout <= now or (hold_ids and locked.next_timeout < NEVER):
            # Of one more than may end by a command, at least one is left to say what ends next.
            heads.append((locked.account_no, len(hold_ids) + 1))
            locked.next_timeout = NEVER
    if not named and not heads:
        return {}
    return _take_in(_read(cursor, named, heads, now), by_number, known)


def _read(
    cursor: Cursor, named: Sequence[HoldKey], heads: Sequence[tuple[int, int]], now: Micros
) -> list[tuple[Any, ...]]:
    parameters = [
        *_KEY.arrays_of({"merchant_no": [k[0] for k in named], "hold_id": [k[1] for k in named]}),
        *_HEAD.arrays_of({"account_no": [h[0] for h in heads], "holds": [h[1] for h in heads]}),
        now,
    ]
    cursor.execute(_SQL["read"], parameters, binary=True)
    return cursor.fetchall()


def _take_in(
    rows: Iterable[tuple[Any, ...]],
    by_number: Mapping[int, LockedAccount],
    known: Mapping[int, set[bytes]],
) -> Mapping[HoldKey, HoldState]:
    states: dict[HoldKey, HoldState] = {}
    for row in rows:
        merchant_no, hold_id, account_no = row[:3]
        known[merchant_no].add(hold_id)
        locked = by_number.get(account_no)
        if locked is not None and (merchant_no, hold_id) not in states:
            hold = locked.account.holds[hold_id] = _hold_of(row)
            states[merchant_no, hold_id] = hold.state
    return states


def _hold_of(row: tuple[Any, ...]) -> Hold:
    _, hold_id, _, expires_us, points, purpose, state, settings_no, order_id, lots = row
    return Hold(
        hold_id,
        points,
        Purpose(purpose),
        expires_us,
        settings_no,
        unpacked(lots),
        HoldState(state),
        order_id,
    )


def made(
    accounts: Iterable[LockedAccount], before: Mapping[HoldKey, HoldState]
) -> list[tuple[LockedAccount, Hold]]:
    """The holds that are new, in the order in which all write them: their keys are unique."""
    new = [
        (locked, hold)
        for locked in accounts
        for hold in locked.account.holds.values()
        if (locked.merchant_no, hold.hold_id) not in before
    ]
    return sorted(new, key=_by_key)


def write(
    cursor: Writes, accounts: Iterable[LockedAccount], before: Mapping[HoldKey, HoldState]
) -> None:
    """Write the holds that have ended."""
    ended = [
        (locked, hold)
        for locked in accounts
        for hold in locked.account.holds.values()
        if before.get((locked.merchant_no, hold.hold_id), hold.state) != hold.state
    ]
    if ended:
        cursor.execute(
            _SQL["end"],
            _ENDED.arrays_of(
                {
                    "merchant_no": [locked.merchant_no for locked, _ in ended],
                    "hold_id": [hold.hold_id for _, hold in ended],
                    "state": [hold.state for _, hold in ended],
                    "order_id": [hold.order_id for _, hold in ended],
                }
            ),
        )


def _by_key(row: tuple[LockedAccount, Hold]) -> HoldKey:
    return row[0].merchant_no, row[1].hold_id


def values_of(rows: Sequence[tuple[LockedAccount, Hold]]) -> dict[str, Sequence[Any]]:
    """What every column of ROW has, hold by hold."""
    return {
        "merchant_no": [locked.merchant_no for locked, _ in rows],
        "hold_id": [hold.hold_id for _, hold in rows],
        "account_no": [locked.account_no for locked, _ in rows],
        "expires_us": [hold.expires_at for _, hold in rows],
        "points": [hold.points for _, hold in rows],
        "purpose": [hold.purpose for _, hold in rows],
        "state": [hold.state for _, hold in rows],
        "settings_no": [hold.settings_no for _, hold in rows],
        "order_id": [hold.order_id for _, hold in rows],
        "lots": [packed(hold.lots) for _, hold in rows],
    }
