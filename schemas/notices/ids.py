"""Ids of notices: derived, so that the same event makes the same notice for ever.

An id leads with the instant at which its event was recorded, in milliseconds (48 bits), then the
version 8 and a digest of event, channel and kind. So ids sort by time, a week of them is one
partition of the table, and whoever knows an id knows where its row lies.
"""

from hashlib import blake2b
from typing import Final
from uuid import UUID, uuid5

from schemas.ids import Micros
from schemas.notices.words import Channel, Kind

_VERSION: Final = 0x8 << 76
_VARIANT: Final = 0x2 << 62
_LOW: Final = (1 << 62) - 1
_MIDDLE: Final = (1 << 12) - 1
_SUFFIXES: Final = {
    (channel, kind): f"|{channel}|{kind}".encode() for channel in Channel for kind in Kind
}
_REMINDERS: Final = UUID("5f3c5b0e-1b52-5d0b-9c39-0f5c9a2f7f11")


def notice_id(event_id: UUID, channel: Channel, kind: Kind, recorded_us: Micros) -> UUID:
    """The id of the notice that an event makes on a channel. `recorded_us` is the event's own."""
    digest = blake2b(event_id.bytes + _SUFFIXES[channel, kind], digest_size=10).digest()
    random = int.from_bytes(digest)
    milliseconds = max(0, recorded_us) // 1000
    return UUID(
        int=(milliseconds & ((1 << 48) - 1)) << 80
        | _VERSION
        | (random >> 62 & _MIDDLE) << 64
        | _VARIANT
        | random & _LOW
    )


def first_id(at_us: Micros) -> UUID:
    """The least id of an instant; as the database's function of the same name."""
    return UUID(int=(max(0, at_us) // 1000) << 80)


def reminder_id(merchant_id: str, member_id: str, expires_us: Micros, days: int) -> UUID:
    """What stands for an event where a timer reminds of points that lapse: once, for ever."""
    parts = (merchant_id, member_id, str(expires_us), str(days))
    return uuid5(_REMINDERS, "".join(f"{len(part)}:{part}" for part in parts))
