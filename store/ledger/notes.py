"""The texts of a member's entries, erased: the ledger and its hashes stay as they are (I3)."""

from typing import Final, NamedTuple

from schemas.packing import pack_id
from store.postgres.named_queries import queries
from store.postgres.session import Database, transaction
from store.reads.snapshot import merchant_number

_SQL: Final = queries("ledger/notes")


class Erased(NamedTuple):
    """How many texts there were: of entries, and of rows of bulk jobs."""

    entries: int
    job_rows: int


def erase(connection: Database, merchant_id: str, member_id: str) -> Erased:
    """Erases the reasons that were written about a member. Who gave them stays (account.md 7).

    Raises UnknownMerchant. The connection's role is points_ops.
    """
    with transaction(connection) as cursor:
        number, member = merchant_number(cursor, merchant_id), pack_id(member_id)
        entries = cursor.execute(_SQL["erase_reasons"], [number, member]).rowcount
        rows = cursor.execute(_SQL["erase_job_rows"], [number, member]).rowcount
    return Erased(entries, rows)
