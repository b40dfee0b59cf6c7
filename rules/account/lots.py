"""A member's lots: points that came together and expire together (rules.md 3)."""

import re
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NamedTuple

from schemas.ids import MINUTE, NEVER, Micros, escaped
from schemas.packing import pack_id, unpack_id


class SourceKind(IntEnum):
    """What a lot's source names; the numbers are stored."""

    order = 1
    command = 2
    job = 3
    order_debit = 4
    """An order whose points redeemed upstream came back, where no debt was left to take them."""


class LotKey(NamedTuple):
    """Lots sort by it: soonest to expire first (FEFO), then by what made them.

    Within one expiry the order depends on the ids alone, never on arrival, so that a replay takes
    from the same lots. `source` is a packed id; `episode` counts the lots of one source from 1
    where it can have several, and is 0 otherwise.
    """

    expires_at: Micros
    kind: SourceKind
    source: bytes
    episode: int


@dataclass(slots=True)
class Lot:
    """The points of a lot: all, those that remain, those held of these, and those that lapsed."""

    points: int = 0
    remaining: int = 0
    held: int = 0
    expired: int = 0

    @property
    def free(self) -> int:
        """What can be spent, taken back or lapse now."""
        return self.remaining - self.held


# Looked up once: an enumeration's member is an attribute that Python computes.
_ORDER: Final = SourceKind.order
_PREFIX: Final = {
    SourceKind.command: "command:",
    SourceKind.job: "job:",
    SourceKind.order_debit: "order-debit:",
}
_WITH_MINUTE: Final = re.compile(r"-[0-9]+\Z")


def order_lot(expires_at: Micros, order_id: bytes, episode: int) -> LotKey:
    """The lot of an order's episode."""
    return LotKey(expires_at, _ORDER, order_id, episode)


def command_lot(expires_at: Micros, command_id: str) -> LotKey:
    """The lot of an assignment by command."""
    return LotKey(expires_at, SourceKind.command, pack_id(command_id), 0)


def job_lot(expires_at: Micros, job_id: str) -> LotKey:
    """The lot that a bulk job gives each of its members."""
    return LotKey(expires_at, SourceKind.job, pack_id(job_id), 0)


def order_debit_lot(expires_at: Micros, order_id: bytes) -> LotKey:
    """The lot of points that an order took into debt and that came back when the debt was paid.

    Such points can come back in several years, so the expiry is part of the lot's name: in minutes,
    as every expiry is a local midnight.
    """
    minutes = 0 if expires_at == NEVER else expires_at // MINUTE
    return LotKey(expires_at, SourceKind.order_debit, order_id, minutes)


def lot_id(lot: LotKey) -> str:
    """The lot's name in events, unique for its member for ever."""
    _, kind, packed, episode = lot
    source = unpack_id(packed)
    if kind == _ORDER:
        return f"{escaped(source)}-{episode}"
    # A command or a job makes one lot of a member, so their episode is 0 and not shown; nor is that
    # of a debit's lot that never expires, unless its order's id might be read as one with a minute.
    shown = episode or (kind == SourceKind.order_debit and _WITH_MINUTE.search(source))
    return f"{_PREFIX[kind]}{source}" + (f"-{episode}" if shown else "")


def order_of(lot: LotKey) -> bytes | None:
    """The packed id of the order that earned the lot; None for lots that no order earned."""
    return lot.source if lot.kind == _ORDER else None
