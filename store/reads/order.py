"""One order with all that is known of it: what `explain` tells of."""

from collections.abc import Iterable, Iterator
from typing import Final

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Integer,
    LargeBinary,
    and_,
    any_,
    bindparam,
    func,
    literal,
    select,
)

from rules.explain.view import Family, OrderEntry, OrderView, SettingsVersion, TrackedNumber
from rules.order.carrier_reports import numbers_of
from rules.order.facts import NOT_EARNING_KINDS, NOTHING_IN_FORCE, OrderFacts
from rules.order.family import creation_of, is_own_ancestor
from rules.order.membership import UNKNOWN_BUYER
from schemas.events import EntryType
from schemas.packing import pack_id, unpack_id
from store.carriers import tracking
from store.carriers.tracking import ANY_MERCHANT
from store.ledger import redemptions
from store.orders import customers, families
from store.orders.orders import OrderKey, OrderRow, read_rows
from store.postgres import tables
from store.postgres.interning import InternedStrings
from store.postgres.session import Database
from store.reads.execute import Cursor, one_row, rows
from store.reads.settings import version_of
from store.reads.snapshot import merchant_number, now, snapshot
from store.settings import app_installs

CHILDREN_READ: Final = 1000
"""Orders that name one as their parent: a split has two or three, some shops name one in all."""
_account, _ledger, _orders = tables.account.c, tables.ledger.c, tables.orders.c
_merchant_no = bindparam("merchant_no", type_=BigInteger)
_BITS = literal(40, Integer)

# The columns of the statement that intake locks orders with, without the lock: looking must not
# make intake wait.
_ORDER = select(tables.orders).where(
    _orders.merchant_no == bindparam("merchant_no"), _orders.order_id == bindparam("order_id")
)
_ACCOUNT_NOS = select(_account.account_no).where(
    _account.merchant_no == bindparam("merchant_no"),
    _account.member == any_(bindparam("members", type_=ARRAY(LargeBinary))),
)
_ENTRIES = (
    select(
        _account.member,
        _ledger.sequence,
        _ledger.type,
        _ledger.entry_no,
        _ledger.points,
        _ledger.expires_us,
        _ledger.occurred_us,
        _ledger.recorded_us,
    )
    .join_from(
        tables.ledger,
        tables.account,
        and_(
            _account.account_no == _ledger.account_no,
            _account.merchant_no == _ledger.merchant_no,
        ),
    )
    .where(_ledger.order_id == bindparam("order_id"), _ledger.merchant_no == _merchant_no)
    .order_by(_ledger.recorded_us, _ledger.account_no, _ledger.sequence)
)
_ENTRIES_IN_ACCOUNTS = _ENTRIES.where(
    _ledger.account_no == any_(bindparam("accounts", type_=ARRAY(BigInteger)))
)
# For orders whose members changed more than once. A merchant's accounts are one range of the
# ledger's key: the upper bits of an account number, above these 40, are the merchant's.
_ENTRIES_OF_MERCHANT = _ENTRIES.where(
    _ledger.account_no >= _merchant_no.op("<<")(_BITS),
    _ledger.account_no < (_merchant_no + 1).op("<<")(_BITS),
)
_AWAITING = select(func.count()).where(
    tables.awaiting_order.c.order_id == bindparam("order_id"), ~tables.awaiting_order.c.taken
)


def order_view(connection: Database, merchant_id: str, order_id: str) -> OrderView:
    """The order and what was posted for it; empty facts for one we have no record of.

    Raises UnknownMerchant.
    """
    key, words = pack_id(order_id), InternedStrings(connection)
    with snapshot(connection) as cursor:
        number, moment = merchant_number(cursor, merchant_id), now(cursor)
        newest = version_of(cursor, number, None)
        found = rows(cursor, _ORDER, merchant_no=number, order_id=key)
        redeemed = redemptions.on_orders(cursor, [(number, key)]).get((number, key), {})
        if not found:
            return OrderView(
                now=moment,
                facts=OrderFacts(),
                planned=0,
                due_at=None,
                entries=(),
                settings=None,
                newest=newest,
                redeemed=redeemed,
            )
        (row,) = with_buyers(cursor, read_rows(cursor, found, words).values())
        return OrderView(
            now=moment,
            facts=row.facts,
            planned=row.planned,
            due_at=row.due_us,
            entries=tuple(_entries(cursor, number, key, row.facts)),
            settings=_bound_version(cursor, number, row.facts),
            newest=newest,
            installs=app_installs.installs(cursor, [number]).get(number, ()),
            numbers=tuple(_numbers(cursor, row.key, row.facts, words)),
            family=_family(cursor, row),
            awaiting=one_row(cursor, _AWAITING, order_id=key)[0],
            till_returns=tuple(_till_returns(cursor, number, key, words)),
            redeemed=redeemed,
        )


def _bound_version(cursor: Cursor, merchant_no: int, facts: OrderFacts) -> SettingsVersion | None:
    if facts.settings_no <= NOTHING_IN_FORCE:
        return None
    return version_of(cursor, merchant_no, facts.settings_no)


def with_buyers(cursor: Cursor, order_rows: Iterable[OrderRow]) -> list[OrderRow]:
    """The orders, each with what is known of its member and of its ancestors.

    See rules.md 1.5, 1.7.
    """
    listed = list(order_rows)
    members = {}
    for row in listed:
        record = row.facts.record
        if record is not None and record.member:
            members[row.key] = (row.merchant_no, record.member)
    buyers = customers.buyers(cursor, sorted(set(members.values()))) if members else {}
    for row in listed:
        if row.key in members:
            row.facts.buyer = buyers.get(members[row.key], UNKNOWN_BUYER)
        _family(cursor, row)
    return listed


def _family(cursor: Cursor, row: OrderRow) -> Family:
    """Which of the orders that it comes from are known; notes in the facts what it takes over."""
    named = row.facts.origin.ancestors
    if not named:
        return Family()
    known = families.ancestors(cursor, [row.key], {})
    row.facts.inherited = creation_of(row.key, known)
    return Family(
        unknown=tuple(unpack_id(one) for one in named if (row.merchant_no, one) not in known),
        goes_round=is_own_ancestor(row.key, known),
    )


def _till_returns(
    cursor: Cursor, merchant_no: int, order_id: bytes, words: InternedStrings
) -> Iterator[str]:
    """The till's orders of type return or exchange that name this one as their parent (D17).

    Among the first `CHILDREN_READ` that do.
    """
    for child in families.children(cursor, merchant_no, order_id, b"", CHILDREN_READ):
        found = rows(cursor, _ORDER, merchant_no=merchant_no, order_id=child)
        for row in read_rows(cursor, found, words).values():
            record, parent = row.facts.record, row.facts.origin.parent
            if record is not None and record.kind in NOT_EARNING_KINDS and parent == order_id:
                yield unpack_id(child)


def _numbers(
    cursor: Cursor, order: OrderKey, facts: OrderFacts, words: InternedStrings
) -> Iterator[TrackedNumber]:
    merchant_no, order_id = order
    numbers = sorted(numbers_of(facts))
    merchants = (ANY_MERCHANT, merchant_no)
    found = tracking.read(cursor, [(number, each) for number in numbers for each in merchants])
    for number in numbers:
        row, lone = (found.get((number, each)) for each in (merchant_no, ANY_MERCHANT))
        if row is not None:
            yield TrackedNumber(
                number,
                len(row.claims),
                bool(row.flags & tracking.AMBIGUOUS),
                tuple(each.as_fact(number) for each in tracking.reports_for(row, lone, words)),
                row.claims.get(order_id),
            )


def _entries(
    cursor: Cursor, merchant_no: int, order_id: bytes, facts: OrderFacts
) -> list[OrderEntry]:
    """The order's entries in the order in which they were recorded, over all accounts."""
    posted = facts.posted
    if not posted.entries:
        return []
    holders = {posted.holder, facts.record.member if facts.record is not None else None} - {None}
    found = rows(cursor, _ACCOUNT_NOS, merchant_no=merchant_no, members=list(holders))
    accounts = {row[0] for row in found}
    if posted.account_no is not None:
        accounts.add(posted.account_no)
    of_order = {"merchant_no": merchant_no, "order_id": order_id}
    entries = rows(cursor, _ENTRIES_IN_ACCOUNTS, accounts=list(accounts), **of_order)
    numbered = sum(1 for entry in entries if entry[3] is not None)
    if numbered < posted.entries:  # some are in accounts of members before the last two
        entries = rows(cursor, _ENTRIES_OF_MERCHANT, **of_order)
    return [
        OrderEntry(
            member_id=unpack_id(member),
            sequence=sequence,
            type=EntryType(kind),
            numbered=entry_no is not None,
            points=points,
            expires_at=expires,
            occurred_at=occurred,
            recorded_at=recorded,
        )
        for member, sequence, kind, entry_no, points, expires, occurred, recorded in entries
    ]
