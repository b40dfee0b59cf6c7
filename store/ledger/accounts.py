"""Rows of `account`: locked in one order, with grants added on the way, and written back."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Boolean, Column

from rules.account.account import Account
from rules.account.account import next_expiry as soonest_free
from rules.account.account import next_timeout as soonest_end
from rules.account.entries import OpenAccount
from rules.account.lots import LotKey
from rules.account.lots_needed import Intent
from schemas.ids import NEVER, Micros
from schemas.packing import unpack_id
from store.postgres import tables
from store.postgres.columns import Columns
from store.postgres.named_queries import queries
from store.postgres.session import Cursor, raw, sent_together

MERCHANT_BITS: Final = 40
"""Above these bits of an account's number stands its merchant's."""


def merchant_of(account_no: int) -> int:
    """The number of the merchant whose account it is, as the function of this name in SQL."""
    return account_no >> MERCHANT_BITS


AccountKey = tuple[int, bytes]
"""(merchant number, packed member id), the order in which accounts are locked."""

LotFigures = tuple[int, int, int, int]
"""Points, remaining, held and expired of a lot."""

Intents = Mapping[AccountKey, Sequence[Intent]]
"""What will be done, account by account; nothing for one where only what is overdue is posted."""

# What a grant adds to its account, and what an account's other changes leave of it.
_GRANTED: Final = Columns(
    tables.account,
    "merchant_no",
    "member",
    "sequence",
    "available",
    "next_expiry",
    "recorded_us",
    Column("is_made", Boolean),
)
_MEMBER: Final = Columns(tables.account, "merchant_no", "member")
WRITTEN: Final = Columns(
    tables.account,
    "account_no",
    "sequence",
    "available",
    "held",
    "debt",
    "next_expiry",
    "next_timeout",
    "recorded_us",
)
_SQL: Final = queries("ledger/accounts", granted=_GRANTED, member=_MEMBER)


@dataclass(slots=True)
class LockedAccount(OpenAccount):
    """An account whose row this transaction has locked.

    Without `needs_lots` the lock has added its grants already, and nothing else may be done to it:
    `promised` is the sequence that these end with. No free lot expires before `next_expiry`, and no
    live hold that is not in hand ends before `next_timeout`. `read` are the figures of its lots as
    they were read.
    """

    account_no: int
    merchant_no: int
    needs_lots: bool
    promised: int
    next_expiry: Micros
    next_timeout: Micros
    read: dict[LotKey, LotFigures]


def ask_known(cursor: Cursor, accounts: Collection[AccountKey]) -> Cursor:
    """Locks those of some accounts, in order, that exist; the answer is for `lock` to read."""
    asked = raw(cursor.connection)
    asked.execute(_SQL["lock_known"], _MEMBER.arrays(accounts), binary=True)
    return asked


def lock(
    cursor: Cursor,
    intents: Intents,
    now: Micros,
    merchant_id: Callable[[int], str],
    makes: Collection[AccountKey] | None = None,
    behind: Callable[[], object] | None = None,
    asked: Cursor | None = None,
) -> dict[AccountKey, LockedAccount]:
    """Lock accounts in the order of their keys, as all workers do.

    Those of `makes`, all unless it is given, are made where they do not exist; others that do not
    are left out. The answer has the order of `intents`. Balances are those before anything that is
    intended. What `behind` executes is sent together with the lock. `asked` has the answer of
    `ask_known` for all of them, where nothing is granted.
    """
    grants = {key: _only_grants(intents[key], now) for key in sorted(intents)}
    if asked is None:
        with sent_together(cursor.connection) if behind is not None else nullcontext():
            if _are_known(grants, makes):
                asked = ask_known(cursor, grants)
            else:
                _lock_and_grant(cursor, grants, now, makes)
            if behind is not None:
                behind()
    locked: dict[AccountKey, Any] = dict.fromkeys(intents)
    hold_ids: set[bytes] = set()
    for (
        merchant_no,
        member,
        account_no,
        sequence,
        available,
        held,
        debt,
        next_expiry,
        next_timeout,
        recorded_us,
    ) in (asked or cursor).fetchall():
        key = (merchant_no, member)
        granted = grants[key][0]
        # By position, since there is one a posting; the order is that of the class.
        locked[key] = LockedAccount(
            merchant_id(merchant_no),
            unpack_id(member),
            Account(sequence, available, held, debt),
            [],
            now,
            recorded_us if recorded_us > now else now,  # noqa: FURB136 - as `_only_grants`
            hold_ids,
            account_no,
            merchant_no,
            not granted or next_expiry <= now or next_timeout <= now,
            sequence + granted,
            next_expiry,
            next_timeout,
            {},
        )
    return {key: found for key, found in locked.items() if found is not None}


_Grants = tuple[int, int, Micros]
"""Entries, points and soonest expiry of mere grants; 0 entries when lots are needed."""
_NEEDS_LOTS: Final[_Grants] = (0, 0, NEVER)


def _are_known(
    grants: "Mapping[AccountKey, _Grants]", makes: Collection[AccountKey] | None
) -> bool:
    """Whether no account is made, and nothing is added by the lock."""
    return makes is not None and not makes and not any(entries for entries, _, _ in grants.values())


def _lock_and_grant(
    cursor: Cursor,
    grants: Mapping[AccountKey, _Grants],
    now: Micros,
    makes: Collection[AccountKey] | None,
) -> None:
    merchant_nos, members = zip(*grants, strict=True)
    entries, points, soonest = zip(*grants.values(), strict=True)
    values = {
        "merchant_no": merchant_nos,
        "member": members,
        "sequence": entries,
        "available": points,
        "next_expiry": soonest,
        "recorded_us": [now] * len(grants),
        "is_made": [makes is None or key in makes for key in grants],
    }
    cursor.execute(_SQL["lock"], _GRANTED.arrays_of(values), binary=True)


def _only_grants(intents: Sequence[Intent], now: Micros) -> _Grants:
    total, soonest = 0, NEVER
    for intent in intents:
        points, lot = intent.points, intent.lot
        if points <= 0 or lot is None or lot.expires_at <= now:
            return _NEEDS_LOTS
        total += points
        if lot.expires_at < soonest:  # noqa: PLR1730 - `min` is a call for every grant
            soonest = lot.expires_at
    return len(intents), total, soonest


def values_of(accounts: Sequence[LockedAccount]) -> dict[str, Sequence[Any]]:
    """What every column of WRITTEN has, account by account."""
    return {
        "account_no": [locked.account_no for locked in accounts],
        "sequence": [locked.account.sequence for locked in accounts],
        "available": [locked.account.available for locked in accounts],
        "held": [locked.account.held for locked in accounts],
        "debt": [locked.account.debt for locked in accounts],
        "next_expiry": [soonest_free(locked.account) for locked in accounts],
        "next_timeout": [
            min(locked.next_timeout, soonest_end(locked.account)) for locked in accounts
        ],
        "recorded_us": [locked.recorded_at for locked in accounts],
    }


def claim_overdue(cursor: Cursor, now: Micros, limit: int) -> list[AccountKey]:
    """Lock up to `limit` accounts with something overdue, passing over those locked by others."""
    keys: dict[AccountKey, None] = {}
    for statement in ("claim_ended", "claim_lapsed"):
        if len(keys) < limit:
            cursor.execute(_SQL[statement], [now, limit - len(keys)], binary=True)
            keys |= dict.fromkeys(cursor.fetchall())
    return list(keys)
