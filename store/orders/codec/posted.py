"""What is posted for an order."""

from rules.order.facts import Posted
from store.orders import layouts
from store.orders.codec.flags import CLAWED
from store.orders.codec.parts import NONE
from store.orders.layouts import FIXED, UnknownLayout

_POSTED = layouts.POSTED.struct


def posted_bytes(posted: Posted, member: bytes | None) -> bytes | None:
    """What is posted; a holder who is not the order's member stands at the end, after his mark."""
    if not posted.episode and not posted.entries:
        return None
    account, final, due, expires = (
        posted.account_no,
        posted.final_at,
        posted.due_at,
        posted.expires_at,
    )
    body = _POSTED.pack(
        FIXED,
        posted.episode,
        posted.entries,
        posted.points,
        posted.returned,
        NONE if account is None else account,
        NONE if final is None else final,
        NONE if due is None else due,
        NONE if expires is None else expires,
    )
    return body if posted.holder == member else body + b"=" + (posted.holder or b"")


def posted_of(packed: bytes, flags: int, member: bytes | None) -> Posted:
    """What `posted_bytes` packed."""
    layout, episode, entries, points, returned, account, final, due, expires = _POSTED.unpack_from(
        packed
    )
    if layout != FIXED:
        raise UnknownLayout("what is posted for an order", layout)
    holder = member if len(packed) == _POSTED.size else packed[_POSTED.size + 1 :] or None
    return Posted(
        episode,
        entries,
        points,
        holder,
        None if account == NONE else account,
        None if final == NONE else final,
        None if due == NONE else due,
        None if expires == NONE else expires,
        returned,
        bool(flags & CLAWED),
    )
