"""What a directory is: it says how some members are reached, at the moment of sending."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from rules.notices.values import Contact


class MemberKey(NamedTuple):
    """A member of a shop, by the lane's number of the shop and both ids."""

    merchant_no: int
    merchant_id: str
    member_id: str


class DirectoryUnavailable(Exception):
    """The directory does not answer: nothing was sent, and it is asked again later."""


class Directory(Protocol):
    """Knows how members are reached."""

    async def contacts(self, members: Sequence[MemberKey]) -> Mapping[MemberKey, Contact]:
        """The contacts of those that it knows. Raises DirectoryUnavailable."""

    async def close(self) -> None:
        """Closes its connections."""
