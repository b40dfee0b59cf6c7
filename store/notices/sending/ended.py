"""What became of notices, as every statement that moves some says it: metered, and published.

A statement of `settling` has the rows that it moved in `done`, with what they were before
(`RETURNED`); `METERED` brings what the shops owe in step, and `PUBLISHED` answers what is told.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple
from uuid import UUID

import orjson

from schemas.ids import Micros, iso, record_key
from schemas.notices.words import State
from store.postgres.session import Cursor
from store.streams import outbox
from store.streams.outbox import OutboxKind

RETURNED: Final = """
    n.notice_id, n.event_id, n.merchant_no, n.member_id, n.kind, n.channel, n.state, n.reason,
    n.attempt, n.changed_us, n.month, n.provider, n.parts, n.provider_parts, old.state AS was,
    old.provider_parts AS provider_parts_were"""
# What a notice counts is taken away as it was and added as it is. The rows in one order: two
# transactions wait for one another, and do not block.
METERED: Final = """
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
PUBLISHED: Final = """
SELECT d.notice_id, d.event_id, s.merchant_id, d.member_id, d.kind, d.channel, d.state, d.reason,
       CASE WHEN d.state IN ('sent', 'unknown') THEN coalesce(d.provider_parts, d.parts) END,
       d.attempt, d.changed_us, d.was
FROM done d JOIN shop s ON s.merchant_no = d.merchant_no ORDER BY d.notice_id"""


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


def announce(cursor: Cursor, ended: Iterable[Ended]) -> None:
    """Publishes what became of notices, with the transaction. About 3 us each."""
    records = [(record_key(each.merchant_id, each.member_id), _value(each)) for each in ended]
    outbox.add_packed(cursor, OutboxKind.NOTICE, records)


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
