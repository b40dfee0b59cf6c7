"""The ledger in a test's own hand, a transaction at a time, and rows by the names of columns."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import psycopg
from psycopg.rows import dict_row

from rules.account.account import Account
from rules.account.lots import Lot, LotKey, SourceKind, order_lot
from rules.account.lots_needed import Intent
from schemas.events import CauseKind, EntryType, PointsChanged
from schemas.ids import Micros
from schemas.packing import pack_id
from store.ledger import postings
from store.ledger.accounts import AccountKey, LockedAccount
from store.ledger.ledger import Ledger
from store.ledger.postings import Posting
from store.postgres import session
from store.streams.outbox import events_of

SHOP = 1
ANNA, BEN = pack_id("5f00000000000000000000a1"), pack_id("5f00000000000000000000b1")
NOW: Micros = 1_780_000_000_000_000
YEAR: Micros = 31_536_000_000_000


def merchant_id(_: int) -> str:
    """The only shop."""
    return "shop"


def order(number: int) -> bytes:
    """An order's packed id."""
    return pack_id(f"{number:024x}")


def posting(
    member: bytes,
    points: int,
    lot: LotKey,
    entry_type: EntryType = EntryType.granted,
    entries: int = 0,
) -> Posting:
    """A change of an order's entitlement."""
    return Posting(
        merchant_no=SHOP,
        member=member,
        type=entry_type,
        points=points,
        order_id=lot.source,
        lot=lot,
        entry_base=entries,
        settings_no=3,
        occurred_at=NOW - 1,
        cause=CauseKind.order,
        fresh=entry_type is EntryType.granted,
    )


class Books:
    """A database: `post` is what settling does, `change` what a command will do."""

    def __init__(
        self, connection: psycopg.Connection[Any], looking: psycopg.Connection[Any]
    ) -> None:
        self.connection = connection
        self._looking = looking

    def post(self, *changes: Posting, now: Micros = NOW) -> int:
        """Posts orders' changes in one transaction."""
        grouped = postings.by_account(changes)
        with session.transaction(self.connection) as cursor:
            ledger = Ledger.open(cursor, grouped, now, merchant_id)
            postings.apply(ledger, grouped)
            return ledger.write()

    def change(
        self,
        member: bytes,
        intents: Sequence[Intent],
        operate: Callable[[LockedAccount], object],
        now: Micros = NOW,
    ) -> LockedAccount:
        """Opens one account, does what `operate` does, writes."""
        key: AccountKey = (SHOP, member)
        with session.transaction(self.connection) as cursor:
            ledger = Ledger.open(cursor, {key: intents}, now, merchant_id)
            operate(ledger.accounts[key])
            ledger.write()
        return ledger.accounts[key]

    def rows(self, query: str, *parameters: object) -> list[dict[str, Any]]:
        """Rows by the names of their columns."""
        with self._looking.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query.encode(), parameters).fetchall()

    def set_clock(self, moment: Micros) -> None:
        """The database's clock stands at a moment."""
        self._looking.execute(
            f"""CREATE OR REPLACE FUNCTION points_now() RETURNS bigint LANGUAGE sql STABLE
                AS 'SELECT {moment:d}::bigint'""".encode()
        )

    def ledger(self, member: bytes) -> list[dict[str, Any]]:
        """The member's entries, oldest first."""
        query = """SELECT l.* FROM ledger l JOIN account USING (account_no)
                   WHERE member = %s ORDER BY l.sequence"""
        return self.rows(query, member)

    def events(self) -> list[tuple[PointsChanged, bytes]]:
        """All events in the outbox, as consumers read them and as they are."""
        rows = self.rows("SELECT value, headers FROM outbox WHERE kind = 1 ORDER BY id")
        values = [value for row in rows for value, _ in events_of(row["value"], row["headers"])]
        return [(PointsChanged.model_validate_json(value), value) for value in values]

    def account(self, member: bytes) -> Account:
        """The account with all its lots."""
        row = self._account_row(member)
        lots = self.rows("SELECT * FROM lot WHERE account_no = %s", row["account_no"])
        return Account(
            row["sequence"],
            row["available"],
            row["held"],
            row["debt"],
            {
                _key(lot): Lot(lot["points"], lot["remaining"], lot["held"], lot["expired"])
                for lot in lots
            },
        )

    def next_expiry(self, member: bytes) -> Micros:
        """When the account says that a lot lapses next."""
        return int(self._account_row(member)["next_expiry"])

    def next_timeout(self, member: bytes) -> Micros:
        """When the account says that a hold ends next."""
        return int(self._account_row(member)["next_timeout"])

    def _account_row(self, member: bytes) -> dict[str, Any]:
        return self.rows("SELECT * FROM account WHERE member = %s", member)[0]


def _key(lot: Mapping[str, Any]) -> LotKey:
    return LotKey(lot["expires_us"], SourceKind(lot["source_kind"]), lot["source"], lot["episode"])


def own_lot(number: int, expires_at: Micros = NOW + YEAR) -> LotKey:
    """The lot of an order's first episode."""
    return order_lot(expires_at, order(number), 1)
