"""Rows of `lot`: read no further than needed, and written where they changed."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from sqlalchemy import Column, Integer

from rules.account.lots import Lot, LotKey
from rules.account.lots_needed import LotsNeeded, enough
from schemas.ids import Micros
from store.ledger.accounts import AccountKey, LockedAccount, merchant_of
from store.postgres import tables
from store.postgres.columns import Columns
from store.postgres.named_queries import queries
from store.postgres.session import Cursor, raw
from store.postgres.together import Writes

PAGE = 64
"""Free lots that are read at once of an account from which something is taken. Most members have
fewer, and 64 rows cost a fraction of the statement.
"""

GROWTH = 8
"""So many times more each time that they did not suffice."""

Row = tuple[Any, ...]
"""The part of the statement that found it (see lots.sql), then the columns of `_ROW`."""

_FIGURES: Final = ("points", "remaining", "held", "expired")
_KEY: Final = Columns(
    tables.lot, "account_no", "expires_us", "source_kind", "source", "episode", "merchant_no"
)
WRITTEN: Final = _KEY.plus(*_FIGURES)
_ROW: Final = Columns(
    tables.lot, "account_no", "expires_us", "source_kind", "source", "episode", *_FIGURES
)
_HEAD: Final = Columns(tables.account, "account_no", "next_expiry", Column("lots", Integer))
"""An account, and how many free lots of it are wanted at first."""

_ACCOUNT: Final = Columns(tables.account, "merchant_no", "member")
_SQL: Final = queries(
    "ledger/lots", key=_KEY, row=_ROW, written=WRITTEN, head=_HEAD, account=_ACCOUNT
)

_FREE_LATER = 3
"""The part of the free lots that have not lapsed."""


class LotTable(Protocol):
    """Where lots are read."""

    def read(
        self,
        named: Sequence[tuple[int, LotKey]],
        accounts: Sequence[tuple[int, Micros, int]],
        now: Micros,
    ) -> Iterable[Row]:
        """The lots that accounts are opened with: see the query `read`.

        `accounts` are (number, an instant before which no free lot expires, free lots wanted).
        """

    def read_more(self, behind: Sequence[tuple[int, LotKey]], limit: int) -> Iterable[Row]:
        """Of each account the next `limit` free lots behind a lot."""


class StoredLots:
    """The table itself."""

    def __init__(self, cursor: Cursor) -> None:
        """Reads through `cursor`, in its transaction."""
        self._cursor = cursor
        self._ahead: Cursor | None = None

    def ask_ahead(self, accounts: Collection[AccountKey]) -> None:
        """Asks for a page of the free lots of accounts, together with the lock and behind it.

        A statement sees what was committed before it began: so it finds what was done by whoever
        had the lock before.
        """
        self._ahead = raw(self._cursor.connection)
        parameters = [*_ACCOUNT.arrays(accounts), PAGE]
        self._ahead.execute(_SQL["read_ahead"], parameters, binary=True)

    def read(
        self,
        named: Sequence[tuple[int, LotKey]],
        accounts: Sequence[tuple[int, Micros, int]],
        now: Micros,
    ) -> Iterable[Row]:
        """See LotTable."""
        is_plain = not named and all(next_expiry > now for _, next_expiry, _ in accounts)
        if is_plain and self._ahead is not None:
            # An account that was made between the two statements is not locked.
            locked = {account_no for account_no, _, _ in accounts}
            return [row for row in self._ahead.fetchall() if row[1] in locked]
        if not is_plain:
            parameters = [*_KEY.arrays_of(_keys(named)), *_HEAD.arrays(accounts), now]
            self._cursor.execute(_SQL["read"], parameters, binary=True)
        else:
            self._cursor.execute(_SQL["read_free"], _HEAD.arrays(accounts), binary=True)
        return self._cursor.fetchall()

    def read_more(self, behind: Sequence[tuple[int, LotKey]], limit: int) -> Iterable[Row]:
        """See LotTable."""
        parameters = [*_KEY.arrays_of(_keys(behind)), limit]
        self._cursor.execute(_SQL["read_more"], parameters, binary=True)
        return self._cursor.fetchall()


@dataclass(slots=True)
class _Reading:
    """How far an account's free lots are read: up to `last`, `rows` of the `wanted` at the end."""

    locked: LockedAccount
    needed: LotsNeeded
    wanted: int
    last: LotKey | None = None
    rows: int = 0

    def is_short(self, now: Micros) -> bool:
        """Whether there may be more lots, and those in hand do not suffice."""
        if self.last is None or self.rows < self.wanted:
            return False
        return not enough(self.locked.account.lots, self.needed, self.last, now)


def load(
    table: LotTable,
    accounts: Sequence[tuple[LockedAccount, LotsNeeded]],
    now: Micros,
    page: int,
) -> None:
    """Bring the lots in hand on which what is intended, and the next expiry, depend.

    `page` free lots are read at first of an account from which something is taken.
    """
    readings = {
        # Where nothing is taken, the lot that lapses next is enough.
        locked.account_no: _Reading(locked, needed, page if needed.takes else 1)
        for locked, needed in accounts
    }
    named = [(locked.account_no, lot) for locked, needed in accounts for lot in needed.named]
    heads = [
        (locked.account_no, locked.next_expiry, readings[locked.account_no].wanted)
        for locked, _ in accounts
    ]
    _take_in(readings, table.read(named, heads, now))
    while short := [reading for reading in readings.values() if reading.is_short(now)]:
        page *= GROWTH
        behind = [(reading.locked.account_no, reading.last) for reading in short if reading.last]
        for reading in short:
            reading.wanted, reading.rows = page, 0
        _take_in(readings, table.read_more(behind, page))


def _take_in(readings: dict[int, _Reading], rows: Iterable[Row]) -> None:
    for part, account_no, expires_us, kind, source, episode, *figures in rows:
        reading = readings[account_no]
        key = LotKey(expires_us, kind, source, episode)
        reading.locked.account.lots[key] = Lot(*figures)
        reading.locked.read[key] = tuple(figures)
        if part == _FREE_LATER:
            reading.rows += 1
            reading.last = key if reading.last is None else max(reading.last, key)


def add(cursor: Writes, accounts: Iterable[LockedAccount]) -> None:
    """Write what was granted on accounts whose lots were not read, and not with its entry."""
    rows = [
        (locked.account_no, key, lot)
        for locked in accounts
        if not locked.needs_lots
        for key, lot in locked.account.lots.items()
    ]
    if rows:
        rows.sort(key=_by_key)
        cursor.execute(_SQL["add"], WRITTEN.arrays_of(_values(rows)))


def changed(accounts: Iterable[LockedAccount]) -> dict[str, Sequence[Any]]:
    """What every column of WRITTEN has, lot by lot, of those that are new or were changed.

    Of accounts whose lots were read.
    """
    rows = [
        (locked.account_no, key, lot)
        for locked in accounts
        for key, lot in locked.account.lots.items()
        if locked.read.get(key) != (lot.points, lot.remaining, lot.held, lot.expired)
    ]
    rows.sort(key=_by_key)
    return _values(rows)


def _by_key(row: tuple[int, LotKey, Lot]) -> tuple[int, LotKey]:
    return row[:2]


def _keys(rows: Sequence[tuple[int, LotKey]]) -> dict[str, Sequence[Any]]:
    return {
        "account_no": [account_no for account_no, _ in rows],
        "expires_us": [key.expires_at for _, key in rows],
        "source_kind": [key.kind for _, key in rows],
        "source": [key.source for _, key in rows],
        "episode": [key.episode for _, key in rows],
        "merchant_no": [merchant_of(account_no) for account_no, _ in rows],
    }


def _values(rows: Sequence[tuple[int, LotKey, Lot]]) -> dict[str, Sequence[Any]]:
    return {
        **_keys([row[:2] for row in rows]),
        "points": [lot.points for _, _, lot in rows],
        "remaining": [lot.remaining for _, _, lot in rows],
        "held": [lot.held for _, _, lot in rows],
        "expired": [lot.expired for _, _, lot in rows],
    }
