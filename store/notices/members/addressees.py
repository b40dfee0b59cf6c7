"""Whose notices are, for those who answer with a notice's id alone."""

from collections.abc import Collection
from typing import Final, NamedTuple
from uuid import UUID

from store.postgres.arrays import uuids
from store.postgres.named_queries import queries
from store.postgres.session import Cursor

_SQL: Final = queries("notices/members/addressees")


class Addressee(NamedTuple):
    """Whom a notice tells, on which channel; `address_hmac` is as a Sealer makes it."""

    merchant_no: int
    merchant_id: str
    member_id: str
    channel: str
    address_hmac: bytes | None


def addressees(cursor: Cursor, notice_ids: Collection[UUID]) -> dict[UUID, Addressee]:
    """Those of the notices that there are."""
    if not notice_ids:
        return {}
    ordered = sorted(set(notice_ids))
    # The bounds spare the looks into partitions of other weeks.
    parameters = [ordered[0], ordered[-1], uuids([each.bytes for each in ordered])]
    rows = cursor.execute(_SQL["of_notices"], parameters).fetchall()
    return {notice_id: Addressee(*row) for notice_id, *row in rows}
