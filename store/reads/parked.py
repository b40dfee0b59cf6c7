"""Carriers' reports without an order, as people see them (rules.md 6)."""

from typing import Final, NamedTuple

from sqlalchemy import (
    BigInteger,
    bindparam,
    cast,
    distinct,
    func,
    literal_column,
    select,
    tuple_,
)

from rules.order.carrier_reports import numbers_of
from schemas.answers.parked import (
    AmbiguousNumberAnswer,
    AwaitedOrderAnswer,
    ClaimingOrder,
    ParkedRecordAnswer,
    ParkedReport,
)
from schemas.ids import Micros
from schemas.packing import unpack_id
from store.carriers import awaiting_order, tracking
from store.carriers.tracking import ANY_MERCHANT, TrackingRow
from store.orders.orders import KEY, ROW, OrderKey, OrderRow, read_rows
from store.postgres import tables
from store.postgres.interning import InternedStrings
from store.postgres.named_queries import queries
from store.postgres.session import Cursor, Database, raw
from store.reads.execute import one_row, rows
from store.reads.snapshot import snapshot
from store.settings.merchants import Merchants

_tracking, _awaiting = tables.tracking.c, tables.awaiting_order.c
_unknown, _purged = tables.unknown_code.c, tables.purged_report.c

_SQL: Final = queries("reads/parked", row=ROW, key=KEY)
# As the partial indexes of `tracking` have it, so that both are found without reading the rest.
_is_unmatched = _tracking.claims.is_(None) & (
    _tracking.flags.op("&")(literal_column("4")) == literal_column("0")
)
_is_ambiguous = _tracking.flags.op("&")(literal_column("1")) == literal_column("1")
_PARKED = select(
    select(func.count()).where(_is_unmatched).scalar_subquery(),
    select(func.min(_tracking.first_us)).where(_is_unmatched).scalar_subquery(),
    select(func.count()).where(_is_ambiguous).scalar_subquery(),
    select(func.min(_tracking.first_us)).where(_is_ambiguous).scalar_subquery(),
    select(func.count()).where(~_awaiting.taken).scalar_subquery(),
    select(func.min(_awaiting.first_us)).where(~_awaiting.taken).scalar_subquery(),
)
_records = tables.parked_record.c
_REASONS = (
    select(_records.reason, func.count(), func.min(_records.first_us))
    .group_by(_records.reason)
    .order_by(_records.reason)
)
_RECORDS = (
    select(
        _records.topic,
        _records.partition,
        _records.offset,
        tables.merchant.c.merchant_id,
        _records.reason,
        _records.key,
        _records.occurred_us,
        _records.first_us,
    )
    .join_from(
        tables.parked_record,
        tables.merchant,
        tables.merchant.c.merchant_no == _records.merchant_no,
        isouter=True,
    )
    .order_by(_records.first_us, _records.topic, _records.partition, _records.offset)
    .limit(bindparam("limit"))
)
_PURGED = select(_purged.kind, _purged.reports).order_by(_purged.kind)
# sum() of a bigint is numeric, which Python would read as a decimal.
_UNKNOWN_CODES = select(
    func.count(distinct(tuple_(_unknown.carrier, _unknown.service, _unknown.code))),
    cast(func.coalesce(func.sum(_unknown.reports), 0), BigInteger),
).select_from(tables.unknown_code)
_AMBIGUOUS = (
    select(_tracking.number, _tracking.merchant_no, _tracking.first_us)
    .where(_is_ambiguous)
    .order_by(_tracking.first_us, _tracking.number, _tracking.merchant_no)
    .limit(bindparam("limit"))
)
_oldest = func.min(_awaiting.first_us)
_AWAITED = (
    select(_awaiting.order_id, func.count(), _oldest)
    .where(~_awaiting.taken)
    .group_by(_awaiting.order_id)
    .order_by(_oldest, _awaiting.order_id)
    .limit(bindparam("limit"))
)


class Parked(NamedTuple):
    """Carriers' reports without an order (rules.md 6): how many, and since when the oldest waits.

    The instant is None where there are none. `unmatched`: tracking numbers that no order of the
    merchant names, or of any merchant. `ambiguous`: numbers with reports that fit several members'
    orders. `awaiting`: reports that name an order themselves, which is not known.
    """

    unmatched: int
    unmatched_since: Micros | None
    ambiguous: int
    ambiguous_since: Micros | None
    awaiting: int
    awaiting_since: Micros | None


def parked(connection: Database) -> Parked:
    """How many reports have no order."""
    return Parked(*one_row(raw(connection), _PARKED))


class ParkedReason(NamedTuple):
    """Records that are parked for one reason (store/streams/parked_records.py)."""

    reason: str
    records: int
    since: Micros


def reasons(connection: Database) -> list[ParkedReason]:
    """How many records are parked, by reason, and since when the oldest is."""
    return [ParkedReason(*row) for row in rows(raw(connection), _REASONS)]


def records(connection: Database, limit: int) -> list[ParkedRecordAnswer]:
    """The records that are parked, those that wait longest first."""
    return [
        ParkedRecordAnswer(
            topic=topic,
            partition=partition,
            offset=offset,
            merchant_id=merchant_id,
            reason=reason,
            waits_for=_waits_for(key),
            occurred_at=occurred_at,
            since=since,
        )
        for topic, partition, offset, merchant_id, reason, key, occurred_at, since in rows(
            raw(connection), _RECORDS, limit=limit
        )
    ]


def _waits_for(key: bytes) -> str:
    prefix = awaiting_order.ORDER_KEY_PREFIX
    if key.startswith(prefix):
        return unpack_id(key[len(prefix) :])
    return key.decode(errors="replace")


def ambiguous(connection: Database, limit: int) -> list[AmbiguousNumberAnswer]:
    """Numbers with ambiguous reports, those that wait longest first."""
    strings, ids = InternedStrings(connection), Merchants(connection)
    with snapshot(connection) as cursor:
        numbers = {
            (number, no): since for number, no, since in rows(cursor, _AMBIGUOUS, limit=limit)
        }
        lone = {(number, ANY_MERCHANT) for number, _ in numbers}
        tracked = tracking.read(cursor, sorted(lone | numbers.keys()))
        keys = sorted({key for row in tracked.values() for key in row.order_keys})
        orders = _orders(cursor, keys, strings)
        return [
            _ambiguous(
                tracked[key], tracked.get((key[0], ANY_MERCHANT)), since, orders, ids, strings
            )
            for key, since in numbers.items()
        ]


def _orders(
    cursor: Cursor, keys: list[OrderKey], strings: InternedStrings
) -> dict[OrderKey, OrderRow]:
    if not keys:
        return {}
    found = cursor.execute(_SQL["orders"], KEY.arrays(keys), binary=True).fetchall()
    return read_rows(cursor, found, strings)


def _ambiguous(
    row: TrackingRow,
    lone: TrackingRow | None,
    since: Micros,
    orders: dict[OrderKey, OrderRow],
    ids: Merchants,
    strings: InternedStrings,
) -> AmbiguousNumberAnswer:
    claimants = [_claimant(orders[key], row.number, ids) for key in row.order_keys if key in orders]
    stored = tracking.reports_for(row, lone, strings)
    reports = sorted(report.as_fact(row.number) for report in stored)
    return AmbiguousNumberAnswer(
        tracking_number=row.number.decode("ascii", "replace"),
        since=since,
        crowded=bool(row.flags & tracking.CROWDED),
        orders=tuple(claimants),
        reports=tuple(
            ParkedReport(
                occurred_at=report.at,
                service=report.service,
                code=report.code,
                word=report.meaning.word,
                return_leg=report.return_leg,
            )
            for report in reports
        ),
    )


def _claimant(order: OrderRow, number: bytes, ids: Merchants) -> ClaimingOrder:
    record = order.facts.record
    return ClaimingOrder(
        merchant_id=ids.merchant_id(order.merchant_no),
        order_id=unpack_id(order.order_id),
        names_it=number in numbers_of(order.facts),
        created_at=record.created_at if record is not None else None,
        status=record.status if record is not None else "",
    )


def awaited(connection: Database, limit: int) -> list[AwaitedOrderAnswer]:
    """Order ids that reports name without a merchant, those that wait longest first."""
    return [
        AwaitedOrderAnswer(order_id=unpack_id(order_id), since=since, reports=reports)
        for order_id, reports, since in rows(raw(connection), _AWAITED, limit=limit)
    ]


def purged(connection: Database) -> dict[str, int]:
    """How many reports without an order were forgotten: after 180 days, or as too many; by kind."""
    return dict(rows(raw(connection), _PURGED))


class UnknownCodeCounts(NamedTuple):
    """Carriers' codes that no table has, and the reports that carried them."""

    codes: int
    reports: int


def unknown_codes(connection: Database) -> UnknownCodeCounts:
    """How many codes are unknown."""
    return UnknownCodeCounts(*one_row(raw(connection), _UNKNOWN_CODES))
