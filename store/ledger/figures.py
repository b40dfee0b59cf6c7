"""What accounts stand at after a transaction: balances, lots and new holds, written together."""

from collections.abc import Mapping, Sequence
from typing import Final

from rules.account.holds import HoldState
from store.ledger import accounts as account_rows
from store.ledger import holds as hold_rows
from store.ledger import lots as lot_rows
from store.ledger.accounts import LockedAccount
from store.ledger.holds import HoldKey, HoldRace
from store.postgres.named_queries import queries
from store.postgres.together import Writes, races

_SQL: Final = queries(
    "ledger/figures", account=account_rows.WRITTEN, lot=lot_rows.WRITTEN, hold=hold_rows.ROW
)


def write(
    cursor: Writes, accounts: Sequence[LockedAccount], before: Mapping[HoldKey, HoldState]
) -> None:
    """Write accounts whose lots were read; `before` are the holds that there were.

    Raises HoldRace when another transaction has made a hold of one of the ids.
    """
    if not accounts:
        return
    made = hold_rows.made(accounts, before)
    parameters = [
        *account_rows.WRITTEN.arrays_of(account_rows.values_of(accounts)),
        *lot_rows.WRITTEN.arrays_of(lot_rows.changed(accounts)),
        *hold_rows.ROW.arrays_of(hold_rows.values_of(made)),
    ]
    with races(hold=HoldRace):
        cursor.execute(_SQL["write"], parameters)
