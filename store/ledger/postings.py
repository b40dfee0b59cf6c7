"""What orders earn and lose: changes of entitlements, posted on opened accounts (rules.md 4)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from rules.account.account import claw_back, grant
from rules.account.entries import Entry, event_id, post_lapse
from rules.account.lots import LotKey
from schemas.events import CauseKind, EntryType
from schemas.ids import Micros
from schemas.packing import unpack_id
from store.ledger.accounts import AccountKey, LockedAccount
from store.ledger.ledger import Ledger


@dataclass(slots=True)
class Posting:
    """One change to post for an order, on the lot of one of its episodes.

    `points` may be negative: then at most that much is taken (see `claw_back`). `entry_base` is the
    number of entries that the order has already; `fresh` says that the lot cannot exist yet. Once
    applied, `moved` is what the entry really did (0: no entry was needed), `account_no` where.
    """

    merchant_no: int
    member: bytes
    type: EntryType
    points: int
    order_id: bytes
    lot: LotKey
    entry_base: int
    settings_no: int | None
    occurred_at: Micros
    cause: CauseKind = CauseKind.order
    cause_id: bytes | None = None
    fresh: bool = False
    traceparent: bytes | None = None
    moved: int = 0
    account_no: int = 0
    # What an order earns concerns no hold or redemption, and a clawback takes what there is (see
    # rules.account.lots_needed.Intent).
    hold_id: ClassVar[None] = None
    redeemed_on: ClassVar[None] = None
    is_whole: ClassVar[bool] = False


PostingsByAccount = Mapping[AccountKey, list[Posting]]


def by_account(postings: Iterable[Posting]) -> PostingsByAccount:
    """Postings by the account that they change, each account's in their order."""
    grouped: dict[AccountKey, list[Posting]] = {}
    for posting in postings:
        grouped.setdefault((posting.merchant_no, posting.member), []).append(posting)
    return grouped


def apply(ledger: Ledger, postings: PostingsByAccount) -> None:
    """Post all of it on the accounts, which were opened for it."""
    entries_of: dict[tuple[int, bytes], int] = {}
    for key, mine in postings.items():
        locked = ledger.accounts[key]
        for posting in mine:
            _apply(locked, posting, entries_of)


def _apply(
    locked: LockedAccount,
    posting: Posting,
    entries_of: dict[tuple[int, bytes], int],
) -> None:
    account, lot, order_id = locked.account, posting.lot, posting.order_id
    gives = posting.points > 0
    moved = (
        grant(account, lot, posting.points) if gives else claw_back(account, lot, -posting.points)
    )
    posting.account_no, posting.moved = locked.account_no, moved.points
    if not moved.points:
        return
    makes_lot = posting.fresh and not locked.needs_lots
    if makes_lot:
        # It is written with its entry; what comes later in the batch is added to it.
        del account.lots[lot]
    # An order's entries are numbered over all its members' accounts: the number names the event.
    order = (posting.merchant_no, order_id)
    number = entries_of[order] = entries_of.get(order, posting.entry_base) + 1
    name = ("order", locked.merchant_id, unpack_id(order_id), number)
    # By position up to `traceparent`, since there is one for every grant: see Entry.
    locked.post(
        Entry(
            posting.type,
            event_id(*name),
            posting.occurred_at,
            posting.cause,
            posting.cause_id or order_id,
            moved,
            order_id,
            number,
            lot,
            makes_lot,
            posting.settings_no,
            posting.traceparent,
        )
    )
    if gives and lot.expires_at <= locked.now and account.lots[lot].free:
        post_lapse(locked, lot)
