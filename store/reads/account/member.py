"""A member's balance and what it is made of: live holds, points that lapse soon, planned orders."""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import and_, bindparam, select

from rules.account.holds import HoldState, Purpose
from schemas.answers.members import LiveHold, MemberAnswer, PlannedOrder, PurposeWord
from schemas.ids import DAY, Micros
from schemas.packing import pack_id, unpack_id
from store.postgres import tables
from store.postgres.session import Database
from store.reads.account.balance import balance_of, expiring_of
from store.reads.account.now import account_now
from store.reads.execute import Cursor, rows
from store.reads.snapshot import merchant_number, now, snapshot

_PURPOSES: Final[Mapping[int, PurposeWord]] = {Purpose.cash: "cash", Purpose.gift: "gift"}
_account, _hold, _orders = tables.account.c, tables.hold.c, tables.orders.c

_LIVE = (
    select(_hold.hold_id, _hold.points, _hold.purpose, _hold.expires_us)
    .join_from(
        tables.hold,
        tables.account,
        and_(_account.account_no == _hold.account_no, _account.merchant_no == _hold.merchant_no),
    )
    .where(
        _account.merchant_no == bindparam("merchant_no"),
        _account.member == bindparam("member"),
        _hold.state == HoldState.live,
        _hold.expires_us > bindparam("now"),
    )
    .order_by(_hold.expires_us, _hold.hold_id)
)
_PLANS = (
    select(_orders.order_id, _orders.planned, _orders.due_us)
    .where(
        _orders.merchant_no == bindparam("merchant_no"),
        _orders.member == bindparam("member"),
        _orders.planned != 0,
    )
    .order_by(_orders.due_us, _orders.order_id)
)


def member_shown(connection: Database, merchant_id: str, member_id: str, days: int) -> MemberAnswer:
    """Everything about a member now; nothing for one we have no record of.

    `days`: how far `upcoming` looks ahead. Raises UnknownMerchant.
    """
    member = pack_id(member_id)
    with snapshot(connection) as cursor:
        number, moment = merchant_number(cursor, merchant_id), now(cursor)
        account = account_now(cursor, number, member, moment)
        holds = _live_holds(cursor, number, member, moment)
        plans = _plans(cursor, number, member)
    balance = balance_of(account, sum(plan.points for plan in plans))
    return MemberAnswer(
        **dict(balance),
        holds=holds,
        upcoming=expiring_of(account, moment + days * DAY) if account is not None else (),
        plans=plans,
    )


def _live_holds(
    cursor: Cursor, merchant_no: int, member: bytes, moment: Micros
) -> tuple[LiveHold, ...]:
    found = rows(cursor, _LIVE, merchant_no=merchant_no, member=member, now=moment)
    return tuple(
        LiveHold(
            hold_id=hold_id.decode(),
            points=points,
            purpose=_PURPOSES[purpose],
            expires_at=expires_at,
        )
        for hold_id, points, purpose, expires_at in found
    )


def _plans(cursor: Cursor, merchant_no: int, member: bytes) -> tuple[PlannedOrder, ...]:
    found = rows(cursor, _PLANS, merchant_no=merchant_no, member=member)
    return tuple(
        PlannedOrder(order_id=unpack_id(order_id), points=points, due_at=due_at)
        for order_id, points, due_at in found
    )
