"""The merchant whose job it is, and what holds for it now."""

from typing import NamedTuple

from rules.account.commands import Situation
from schemas.ids import Micros
from store.ledger.jobs import JobKey
from store.postgres.session import Cursor, Database
from store.reads.snapshot import UnknownMerchant
from store.reads.snapshot import now as clock_of
from store.settings.merchants import Merchants


class Shop(NamedTuple):
    """A merchant with settings, on the connection of whoever works for it."""

    connection: Database
    merchants: Merchants
    merchant_id: str
    number: int

    def key(self, job_id: str) -> JobKey:
        """The key of a job of this merchant."""
        return self.number, job_id.encode()

    def situation(self, cursor: Cursor) -> Situation:
        """By what its accounts go now."""
        self.merchants.keep_up(cursor)
        now: Micros = clock_of(cursor)
        in_force = self.merchants.in_force(self.number, now)
        return Situation(self.merchant_id, now, in_force, (), {})


def shop_of(connection: Database, merchant_id: str) -> Shop:
    """A merchant that has settings. Raises UnknownMerchant."""
    merchants = Merchants(connection)
    if merchants.look_up([merchant_id]) or not merchants.versions[merchants.numbers[merchant_id]]:
        raise UnknownMerchant(merchant_id, "no settings")
    number = merchants.numbers[merchant_id]
    return Shop(connection, merchants, merchant_id, number)
