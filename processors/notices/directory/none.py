"""No directory: nobody can be reached, and notices are skipped for want of an address."""

from collections.abc import Mapping, Sequence

from processors.notices.directory.port import MemberKey
from rules.notices.values import Contact


class NoDirectory:
    """Knows nobody."""

    async def contacts(self, members: Sequence[MemberKey]) -> Mapping[MemberKey, Contact]:
        """None of them."""
        del members
        return {}

    async def close(self) -> None:
        """There is nothing to close."""
