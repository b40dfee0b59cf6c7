"""Whether accounts keep I2 and I9, some at a time: a look that costs milliseconds."""

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

from schemas.packing import unpack_id
from store.postgres.arrays import int8s
from store.postgres.named_queries import queries
from store.postgres.session import Cursor

_SQL: Final = queries("reads/account/checks")


class Checked(NamedTuple):
    """What an account breaks: I2 (lots or its last entry say other points), I9 (holds do)."""

    account_no: int
    breaks_i2: bool
    breaks_i9: bool


def behind(cursor: Cursor, account_no: int, limit: int) -> Sequence[int]:
    """The next account numbers."""
    return [row[0] for row in cursor.execute(_SQL["behind"], [account_no, limit]).fetchall()]


def check(cursor: Cursor, account_nos: Collection[int]) -> list[Checked]:
    """Each account, in one snapshot."""
    rows = cursor.execute(_SQL["broken"], [int8s(sorted(account_nos))]).fetchall()
    return [Checked(*row) for row in rows]


def whose(cursor: Cursor, account_nos: Collection[int]) -> list[tuple[str, str]]:
    """Merchant and member of each account."""
    rows = cursor.execute(_SQL["whose"], [int8s(sorted(account_nos))]).fetchall()
    return [(merchant_id, unpack_id(bytes(member))) for merchant_id, member in rows]
