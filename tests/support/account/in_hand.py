"""Accounts in hand, without a store."""

from rules.account.account import Account, grant
from rules.account.entries import OpenAccount
from rules.account.lots import LotKey
from schemas.ids import Micros


def open_account(*grants: tuple[LotKey, int], now: Micros = 0, sequence: int = 0) -> OpenAccount:
    """Anna's account at the shop with some lots, all of them in hand."""
    account = Account(sequence=sequence)
    for key, points in grants:
        grant(account, key, points)
    return OpenAccount("shop", "anna", account, [], now, now, set())
