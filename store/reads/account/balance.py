"""A member's balance at the moment of asking (rules.md 3.4)."""

from sqlalchemy import BigInteger, bindparam, cast, func, select

from schemas.answers.members import BalanceAnswer, ExpiringPoints
from schemas.ids import NEVER, Micros
from schemas.packing import pack_id
from store.postgres import tables
from store.postgres.session import Database
from store.reads.account.now import AccountNow, account_now
from store.reads.execute import one_row
from store.reads.snapshot import merchant_number, now, snapshot

_orders = tables.orders.c

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
        account = account_now(cursor, number, member, now(cursor))
    return balance_of(account, pending)


def balance_of(account: AccountNow | None, pending: int) -> BalanceAnswer:
    """What an account and its planned orders come to; None: there is no account yet."""
    if account is None:
        return NO_POINTS.model_copy(update={"pending": pending})
    return BalanceAnswer(
        available=account.available,
        held=account.held,
        debt=account.debt,
        pending=pending,
        never_expire=account.free.get(NEVER, 0),
        expiring=expiring_of(account, NEVER - 1),
        sequence=account.sequence,
    )


def expiring_of(account: AccountNow, until: Micros) -> tuple[ExpiringPoints, ...]:
    """The free points that lapse up to an instant, the soonest first."""
    return tuple(
        ExpiringPoints(expires_at=expires, points=points)
        for expires, points in account.free.items()
        if expires <= until
    )
