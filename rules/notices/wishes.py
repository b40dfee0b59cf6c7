"""Whether a member wants to hear."""

from collections.abc import Collection

from schemas.notices.words import ALL_KINDS


def is_opted_out(wishes: Collection[tuple[str, str]], channel: str, kind: str) -> bool:
    """Whether a member with these wishes, (channel, kind or `*`), is not told of a kind."""
    return bool(wishes) and ((channel, kind) in wishes or (channel, ALL_KINDS) in wishes)
