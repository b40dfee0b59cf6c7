"""The keys of the read model (account.md 9): `points:v1:{merchant:member}`.

Between the braces stands the key that the member's records have in Kafka. A colon or a percent sign
within an id is written `%3A` and `%25`, so that no two members share a key; ordinary ids stay as
they are. The braces are Redis Cluster's hash tag.
"""

from typing import Final, NamedTuple

from schemas.ids import record_key

PREFIX: Final = b"points:v1:"
ALL: Final = PREFIX + rb"{*}"
"""Matches the keys of members, and none of the engine's own."""
SERVER: Final = PREFIX + b"server"
"""Holds the run id of the server whose keys were all compared with the database."""


class MemberKey(NamedTuple):
    """A member of a merchant, by the ids that the shops use."""

    merchant_id: str
    member_id: str


def key_of(member: MemberKey) -> bytes:
    """The key of a member's balance."""
    return PREFIX + b"{" + record_key(*member) + b"}"


def member_of(key: bytes) -> MemberKey | None:
    """The member whose key it is; None for a key that we never write."""
    try:
        text = key.removeprefix(PREFIX + b"{").removesuffix(b"}").decode()
    except UnicodeDecodeError:
        return None
    merchant, colon, member = text.partition(":")
    if not colon or "\x00" in merchant:  # no merchant's id has it, nor can the database look for it
        return None
    found = MemberKey(_unescaped(merchant), _unescaped(member))
    return found if key_of(found) == key else None


def _unescaped(part: str) -> str:
    return part.replace("%3A", ":").replace("%25", "%")
