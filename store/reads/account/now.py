"""What a member's account holds at this moment, posted or not (rules.md 3.4, account.md 4, 8)."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import BigInteger, LargeBinary, bindparam, cast, func, or_, select

from rules.account.holds import HoldState
from rules.account.points_by_lot import PointsByLot, usable_after_debt
from schemas.ids import Micros
from store.ledger.packed_lots import unpacked
from store.postgres import tables
from store.reads.execute import Cursor, rows

_account, _lot, _hold = tables.account.c, tables.lot.c, tables.hold.c

MERCHANT = func.merchant_of(bindparam("account_no", type_=BigInteger))
"""The merchant of the parameter `account_no`."""

ACCOUNT = select(
    _account.account_no,
    _account.sequence,
    _account.available,
    _account.held,
    _account.debt,
    func.points_now(),
).where(_account.merchant_no == bindparam("merchant_no"), _account.member == bindparam("member"))

# sum() of a bigint is numeric, which Python would read as a decimal.
_FREE_BY_EXPIRY = (
    select(_lot.expires_us, cast(func.sum(_lot.remaining - _lot.held), BigInteger))
    .where(
        _lot.account_no == bindparam("account_no"),
        _lot.merchant_no == MERCHANT,
        _lot.remaining > _lot.held,
    )
    .group_by(_lot.expires_us)
    .order_by(_lot.expires_us)
)
_ENDED = (
    select(_hold.lots)
    .where(
        _hold.account_no == bindparam("account_no"),
        _hold.merchant_no == MERCHANT,
        _hold.state == HoldState.live,
        or_(
            _hold.expires_us <= bindparam("now"),
            _hold.hold_id == bindparam("ignored", type_=LargeBinary),
        ),
    )
    .order_by(_hold.expires_us, _hold.hold_id)
)


@dataclass(frozen=True, slots=True)
class AccountNow:
    """An account at an instant: `free` points by expiry, soonest first, none of them lapsed."""

    sequence: int
    free: dict[Micros, int]
    held: int
    debt: int

    @property
    def available(self) -> int:
        """What can be spent."""
        return sum(self.free.values())


def account_now(
    cursor: Cursor,
    merchant_no: int,
    member: bytes,
    now: Micros,
    ignored: bytes | None = None,
) -> AccountNow | None:
    """The account of a packed member at `now`; None when there is none.

    Holds that have ended are free, and what they free pays debt first; lapsed lots are gone. The
    same is done with the hold of the id `ignored` (in UTF-8), as if it were released now, if it is
    a live one of this member.
    """
    found = rows(cursor, ACCOUNT, merchant_no=merchant_no, member=member)
    if not found:
        return None
    ((account_no, sequence, _, held, debt, _),) = found
    free: dict[Micros, int] = dict(rows(cursor, _FREE_BY_EXPIRY, account_no=account_no))
    for of_hold in _ended(cursor, account_no, now, ignored):
        held -= sum(points for _, points in of_hold)
        usable, debt = usable_after_debt(of_hold, debt)
        for key, points in usable:
            free[key.expires_at] = free.get(key.expires_at, 0) + points
    left = {expires: free[expires] for expires in sorted(free) if expires > now and free[expires]}
    return AccountNow(sequence, left, held, debt)


def _ended(
    cursor: Cursor, account_no: int, now: Micros, ignored: bytes | None
) -> Iterator[PointsByLot]:
    for (lots,) in rows(cursor, _ENDED, account_no=account_no, now=now, ignored=ignored):
        yield unpacked(lots)
