"""Members as the lane names them, in the order in which what is theirs is locked."""

from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

from store.postgres.columns import Columns
from store.postgres.tables import notices as tables

Member: TypeAlias = tuple[int, str]
"""(the lane's number of the shop, member id): the primary key, and the order of locking."""

MEMBER: Final = Columns(tables.contact, "merchant_no", "member_id")


def arrays_of(members: Iterable[Member]) -> Sequence[object]:
    """The members for a statement, each once and in order."""
    ordered = sorted(set(members))
    return MEMBER.arrays([(number, member_id.encode()) for number, member_id in ordered])
