"""A member's balance at the moment of asking (rules.md 3.4)."""

from sqlalchemy import BigInteger, bindparam, cast, func, select

from rules.account.holds import HoldState
from rules.account.points_by_lot import usable_after_debt
from schemas.answers.members import BalanceAnswer, ExpiringPoints
from schemas.ids import NEVER
from schemas.packing import pack_id
from store.ledger.packed_lots import unpacked
from store.postgres import tables
from store.postgres.session import Database
from store.reads.execute import one_row, rows
from store.reads.snapshot import merchant_number, snapshot

_account, _lot, _orders, _hold = tables.account.c, tables.lot.c, tables.orders.c, tables.hold.c

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
    .where(_lot.account_no == bindparam("account_no"), _lot.remaining > _lot.held)
    .group_by(_lot.expires_us)
    .order_by(_lot.expires_us)
)
_ENDED = (
    select(_hold.lots)
    .where(
        _hold.account_no == bindparam("account_no"),
        _hold.state == HoldState.live,
        _hold.expires_us <= bindparam("now"),
    )
    .order_by(_hold.expires_us, _hold.hold_id)
)
_PENDING = select(cast(func.coalesce(func.sum(_orders.planned), 0), BigInteger)).where(
    _orders.merchant_no == bindparam("merchant_no"), _orders.member == bindparam("member")
)

NO_POINTS = BalanceAnswer(
    available=0, held=0, debt=0, pending=0, never_expire=0, expiring=(), sequence=0
)


def balance(connection: Database, merchant_id: str, member_id: str) -> BalanceAnswer:
    """The member's balance now; zeros for a member we have no record of.

    Raises UnknownMerchant.
    """
    member = pack_id(member_id)
    with snapshot(connection) as cursor:
        number = merchant_number(cursor, merchant_id)
        (pending,) = one_row(cursor, _PENDING, merchant_no=number, member=member)
        accounts = rows(cursor, ACCOUNT, merchant_no=number, member=member)
        if not accounts:
            return NO_POINTS.model_copy(update={"pending": pending})
        ((account_no, sequence, available, held, debt, now),) = accounts
        free = dict(rows(cursor, _FREE_BY_EXPIRY, account_no=account_no))
        ended = [
            unpacked(held_of) for (held_of,) in rows(cursor, _ENDED, account_no=account_no, now=now)
        ]
    # A hold that has ended is free at its instant, whether a worker has posted it or not; what it
    # frees pays debt first (account.md 8).
    for held_of in ended:
        held -= sum(points for _, points in held_of)
        usable, debt = usable_after_debt(held_of, debt)
        for key, points in usable:
            free[key.expires_at] = free.get(key.expires_at, 0) + points
            available += points
    lots = sorted(free.items())
    # A lot that has lapsed is gone at its instant likewise.
    lapsed = sum(points for expires, points in lots if expires <= now)
    return BalanceAnswer(
        available=available - lapsed,
        held=held,
        debt=debt,
        pending=pending,
        never_expire=sum(points for expires, points in lots if expires == NEVER),
        expiring=tuple(
            ExpiringPoints(expires_at=expires, points=points)
            for expires, points in lots
            if now < expires < NEVER and points
        ),
        sequence=sequence,
    )
