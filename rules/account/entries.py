"""Ledger entries: the one value of which the ledger's row and the event are made (I4)."""

from dataclasses import dataclass
from hashlib import sha1
from typing import Final

from rules.account.account import Account, Moved, lapse
from rules.account.lots import LotKey, lot_id, order_of
from schemas.events import CauseKind, EntryType, Notify, Performer
from schemas.ids import Micros

EVENT_NAMESPACE: Final = bytes.fromhex("9a0f4f0f6a0f5cf0a4d06b2f0c5d9b11")
"""All event ids are uuid5 in this namespace, of what they record: the same record has the same id
for ever.
"""


@dataclass(slots=True)
class Entry:
    """What one ledger entry says, and its event with it.

    `event_id` is a uuid's 16 bytes. `cause_id` is packed where it comes from upstream; of a
    command, a hold or a lot it is the text in UTF-8, and so is `hold_id`. `order_id` is the order
    for which it is posted, whatever lots it changes.
    `lot` is the one lot that it is about; with `makes_lot` the lot is written with the entry.
    `reason` and `performer` are kept apart, erasable, and the ledger has their hash (I3).
    `OpenAccount.post` sets the rest: the entry's number and the balance after it.
    """

    type: EntryType
    event_id: bytes
    occurred_at: Micros
    cause: CauseKind
    cause_id: bytes
    moved: Moved
    order_id: bytes | None = None
    entry_no: int | None = None
    lot: LotKey | None = None
    makes_lot: bool = False
    settings_no: int | None = None
    traceparent: bytes | None = None
    hold_id: bytes | None = None
    reason: str | None = None
    performer: Performer | None = None
    notify: Notify | None = None
    sequence: int = 0
    available: int = 0
    held: int = 0
    debt: int = 0


@dataclass(slots=True)
class OpenAccount:
    """An account in hand, whose it is, and the entries made since it was opened.

    All is decided at `now`. `recorded_at` is what its entries say, never earlier than an entry
    before them, though the clock may step back. `hold_ids` are those of the holds asked for that
    the merchant knows, whichever member's; accounts of one merchant share them.
    """

    merchant_id: str
    member_id: str
    account: Account
    entries: list[Entry]
    now: Micros
    recorded_at: Micros
    hold_ids: set[bytes]

    def post(self, entry: Entry) -> None:
        """Make the account's next entry of what an operation has just moved; it is final (I3)."""
        account = self.account
        account.sequence += 1
        entry.sequence = account.sequence
        entry.available, entry.held, entry.debt = account.available, account.held, account.debt
        self.entries.append(entry)


def event_id(*parts: str | int) -> bytes:
    """uuid5 of what the event records, as 16 bytes.

    Each part comes with its length, since ids may hold any character: no two things have one name.
    """
    name = "".join([f"{len(text)}:{text}" for text in map(str, parts)]).encode()
    digest = bytearray(sha1(EVENT_NAMESPACE + name, usedforsecurity=False).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    return bytes(digest)


def post_lapse(opened: OpenAccount, lot: LotKey, since: Micros | None = None) -> None:
    """Let the free points of a lot expire; they came free at `since` where that was later."""
    text = lot_id(lot)
    # The same lot can lapse again when points come back to it: what had lapsed before tells apart.
    before = opened.account.lots[lot].expired
    name = ("lot", opened.merchant_id, opened.member_id, text, lot.expires_at, before)
    opened.post(
        Entry(
            type=EntryType.expired,
            event_id=event_id(*name),
            occurred_at=lot.expires_at if since is None else max(lot.expires_at, since),
            cause=CauseKind.expiry,
            cause_id=text.encode(),
            moved=lapse(opened.account, lot),
            order_id=order_of(lot),
            lot=lot,
        )
    )
