"""What became of notices: the state, what the shop owes and what is published, all at once.

Whatever moves a notice to an end or from one goes through here, in the caller's transaction, so
that the meter is the sum of the notices at any time.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple
from uuid import UUID

import orjson
from sqlalchemy import BigInteger, Boolean, Column, Text

from schemas.ids import Micros, iso, record_key
from schemas.notices.words import OPEN, State
from store.postgres import tables
from store.postgres.arrays import uuids
from store.postgres.columns import Columns
from store.postgres.named_queries import queries
from store.postgres.session import Cursor
from store.streams import outbox
from store.streams.outbox import OutboxKind

_SETTLED: Final = Columns(
    tables.notices.notice,
    "notice_id", Column("was", Text), "attempt", "state", "reason",
    Column("delay_us", BigInteger), Column("keeps_asked", Boolean), "provider_id", "provider_parts",
)  # fmt: skip
_RECEIPT: Final = Columns(
    tables.notices.notice,
    "notice_id",
    Column("delivered", Boolean),
    "provider_id",
    "provider_parts",
)
_RETURNED: Final = """
    n.notice_id, n.event_id, n.merchant_no, n.member_id, n.kind, n.channel, n.state, n.reason,
    n.attempt, n.changed_us, n.month, n.provider, n.parts, n.provider_parts, old.state AS was,
    old.provider_parts AS provider_parts_were"""
# What a notice counts is taken away as it was and added as it is. The rows in one order: two
# transactions wait for one another, and do not block.
_METERED: Final = """
metered AS (
  INSERT INTO meter AS m
    (merchant_no, month, channel, provider, messages, parts, provider_parts, unknown)
  SELECT x.merchant_no, x.month, x.channel, x.provider, sum(x.sign),
         sum(x.sign * coalesce(x.parts, 0)), sum(x.sign * coalesce(x.provider_parts, x.parts, 0)),
         coalesce(sum(x.sign) FILTER (WHERE x.state = 'unknown'), 0)
  FROM (SELECT merchant_no, month, channel, provider, 1 AS sign, parts, provider_parts, state
        FROM done
        UNION ALL
        SELECT merchant_no, month, channel, provider, -1, parts, provider_parts_were, was
        FROM done) x
  WHERE x.state IN ('sent', 'unknown')
  GROUP BY x.merchant_no, x.month, x.channel, x.provider
  ORDER BY x.merchant_no, x.month, x.channel, x.provider
  ON CONFLICT (merchant_no, month, channel, provider) DO UPDATE
  SET messages = m.messages + excluded.messages, parts = m.parts + excluded.parts,
      provider_parts = m.provider_parts + excluded.provider_parts,
      unknown = m.unknown + excluded.unknown
)"""
_PUBLISHED: Final = """
SELECT d.notice_id, d.event_id, s.merchant_id, d.member_id, d.kind, d.channel, d.state, d.reason,
       CASE WHEN d.state IN ('sent', 'unknown') THEN coalesce(d.provider_parts, d.parts) END,
       d.attempt, d.changed_us, d.was
FROM done d JOIN shop s ON s.merchant_no = d.merchant_no ORDER BY d.notice_id"""
_SQL: Final = queries(
    "notices/settling",
    settled=_SETTLED,
    receipt=_RECEIPT,
    returned=_RETURNED,
    metered=_METERED.strip(),
    published=_PUBLISHED.strip(),
)

_OPEN: Final = frozenset(state.value for state in OPEN)


@dataclass(frozen=True, slots=True)
class Settled:
    """What a notice becomes, unless it is no longer in the state and attempt that it `was` in.

    `delay_us`: how long it waits, if it does. `keeps_asked`: whether a former request still counts
    as one that may have arrived.
    """

    notice_id: UUID
    was: State
    attempt: int
    state: State
    reason: str | None = None
    delay_us: int = 0
    keeps_asked: bool = True
    provider_id: str | None = None
    provider_parts: int | None = None


class Receipt(NamedTuple):
    """What a provider says later of a message: whether it arrived, and what it charges."""

    notice_id: UUID
    delivered: bool
    provider_id: str | None = None
    parts: int | None = None


class Ended(NamedTuple):
    """What became of a notice. `parts` of one that is metered; published only when it was sent."""

    notice_id: UUID
    event_id: UUID
    merchant_id: str
    member_id: str
    kind: str
    channel: str
    state: str
    reason: str | None
    parts: int | None
    attempt: int
    at: Micros


@dataclass(frozen=True, slots=True)
class Receipts:
    """What became of receipts: notices that one changed, and those that are known at all.

    `moved`: those of the changed that are in another state now, by channel and state.
    """

    changed: frozenset[UUID]
    known: frozenset[UUID]
    moved: Mapping[tuple[str, str], int] = field(default_factory=dict, compare=False)


def settle(cursor: Cursor, rows: Iterable[Settled]) -> list[Ended]:
    """Moves notices on, meters and publishes them; those that were moved.

    A notice that somebody else settled meanwhile stays as it is.
    """
    arrays = [
        (
            row.notice_id.bytes,
            row.was.encode(),
            row.attempt,
            row.state.encode(),
            _bytes(row.reason),
            row.delay_us,
            row.keeps_asked,
            _bytes(row.provider_id),
            row.provider_parts,
        )
        for row in sorted(rows, key=_id_of)
    ]
    if not arrays:
        return []
    return [each for each, _ in _done(cursor, "settle", _SETTLED.arrays(arrays))]


def receipt(cursor: Cursor, rows: Sequence[Receipt]) -> Receipts:
    """Takes what providers say later, in any order, any number of times.

    It settles what is unknown, being sent, or waits to be written again; of what was sent it says
    that it did not arrive, or what was charged. Nothing that has another end is changed. One that
    says delivered wins over others of its notice.
    """
    best: dict[UUID, Receipt] = {}
    for row in rows:
        there = best.get(row.notice_id)
        if there is None or row.delivered >= there.delivered:
            best[row.notice_id] = row
    if not best:
        return Receipts(frozenset(), frozenset())
    ordered = [best[notice_id] for notice_id in sorted(best)]
    arrays = [(r.notice_id.bytes, r.delivered, _bytes(r.provider_id), r.parts) for r in ordered]
    bounds = [ordered[0].notice_id, ordered[-1].notice_id]
    known = cursor.execute(_SQL["known"], [*bounds, _ids(best)]).fetchall()
    done = _done(cursor, "receipt", _RECEIPT.arrays(arrays))
    return Receipts(
        frozenset(each.notice_id for each, _ in done),
        frozenset(notice_id for (notice_id,) in known),
        Counter((each.channel, each.state) for each, was in done if each.state != was),
    )


def resolve(cursor: Cursor, notice_ids: Sequence[UUID], state: State) -> list[Ended]:
    """Settles unknown notices as an operator says, `sent` or `failed`; those that were unknown."""
    if not notice_ids:
        return []
    bounds = [min(notice_ids), max(notice_ids)]
    done = _done(cursor, "resolve", [*bounds, _ids(notice_ids), state.value])
    return [each for each, _ in done]


def resend(
    cursor: Cursor,
    notice_ids: Sequence[UUID],
    within_us: Mapping[str, int],
    least_id: UUID,
) -> list[UUID]:
    """Sends unknown, failed or expired notices once more, if their ids are not below `least_id`.

    `within_us`: after how many microseconds they are given up, by channel. Those that wait now.
    """
    if not notice_ids:
        return []
    bounds = [min(notice_ids), max(notice_ids)]
    rows = cursor.execute(
        _SQL["resend"],
        [*bounds, _ids(notice_ids), within_us["sms"], within_us["email"], least_id],
    ).fetchall()
    return [row[0] for row in rows]


def announce(cursor: Cursor, ended: Iterable[Ended]) -> None:
    """Publishes what became of notices, with the transaction. About 3 us each."""
    records = [(record_key(each.merchant_id, each.member_id), _value(each)) for each in ended]
    outbox.add_packed(cursor, OutboxKind.NOTICE, records)


def _done(cursor: Cursor, query: str, parameters: Sequence[Any]) -> list[tuple[Ended, str]]:
    """What a statement moved, published where it came to an end, with the state it was in."""
    rows = cursor.execute(_SQL[query], parameters).fetchall()
    done = [(Ended(*row), was) for *row, was in rows]
    announce(cursor, [e for e, was in done if e.state not in _OPEN and e.state != was])
    return done


def _value(ended: Ended) -> bytes:
    """As `NoticeChanged.to_json` writes it, without making one: a midnight has a million."""
    return orjson.dumps(
        {
            "notice_id": ended.notice_id,
            "event_id": ended.event_id,
            "merchant_id": ended.merchant_id,
            "member_id": ended.member_id,
            "kind": ended.kind,
            "channel": ended.channel,
            "state": ended.state,
            "reason": ended.reason,
            "parts": ended.parts if ended.state == State.sent else None,
            "attempt": ended.attempt,
            "at": iso(ended.at),
        }
    )


def _id_of(row: Settled) -> UUID:
    return row.notice_id


def _ids(notice_ids: Iterable[UUID]) -> Any:
    return uuids([notice_id.bytes for notice_id in notice_ids])


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else text.encode()
