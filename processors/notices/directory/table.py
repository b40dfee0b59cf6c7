"""The lane's own contact table as the directory."""

import asyncio
from collections.abc import Mapping, Sequence

from processors.notices.directory.port import MemberKey
from rules.notices.values import Contact
from store.notices.members import contacts
from store.notices.members.sealing import Sealer
from store.postgres.session import Database, transaction


class TableDirectory:
    """Opens contacts at the moment they are needed, and keeps none."""

    def __init__(self, connection: Database, sealer: Sealer) -> None:
        """`connection` is used in another thread, by one question at a time."""
        self._connection, self._sealer = connection, sealer
        self._turn = asyncio.Lock()

    async def contacts(self, members: Sequence[MemberKey]) -> Mapping[MemberKey, Contact]:
        """Those that are known. A psycopg error passes through: nothing works without it."""
        async with self._turn:
            return await asyncio.to_thread(self._read, members)

    def _read(self, members: Sequence[MemberKey]) -> dict[MemberKey, Contact]:
        keyed = {(member.merchant_no, member.member_id): member for member in members}
        with transaction(self._connection) as cursor:
            found = contacts.in_the_clear(cursor, self._sealer, keyed)
        return {keyed[member]: contact for member, contact in found.items()}

    async def close(self) -> None:
        """The connection is the caller's."""
