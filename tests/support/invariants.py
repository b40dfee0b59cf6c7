"""I1 to I9 of a database at rest and of the topics it wrote, by SQL and from Kafka alone."""

from collections.abc import Mapping
from typing import Any

import orjson
from confluent_kafka import Consumer, Message, TopicPartition

from schemas.ids import iso, record_key
from schemas.packing import unpack_id
from tests.support.engine import Engine

EARNING = ("granted", "adjusted", "clawed_back")
TYPES = (*EARNING, "expired", "assigned", "deducted", "held", "released", "redeemed", "returned")
"""Names of entry types by their number, from 1."""

ACCOUNTS = """
SELECT a.account_no, a.available, a.held, a.debt, a.sequence,
       l.points, l.entries, l.first, l.last, t.remaining, t.held
FROM account a
LEFT JOIN (SELECT account_no, sum(points) points, count(*) entries,
                  min(sequence) first, max(sequence) last
           FROM ledger GROUP BY account_no) l USING (account_no)
LEFT JOIN (SELECT account_no, sum(remaining) remaining, sum(held) held
           FROM lot GROUP BY account_no) t USING (account_no)
WHERE coalesce(l.points, 0) <> a.available + a.held - a.debt
   OR coalesce(l.entries, 0) <> a.sequence OR coalesce(l.last, 0) <> a.sequence
   OR coalesce(l.first, 1) <> 1
   OR coalesce(t.remaining, 0) <> a.available + a.held OR coalesce(t.held, 0) <> a.held
   OR (a.available <> 0 AND a.debt <> 0) OR a.available < 0 OR a.held < 0 OR a.debt < 0"""
RUNNING = """
SELECT account_no, sequence FROM (
  SELECT account_no, sequence, available + held - debt AS shown, available, debt,
         sum(points) OVER (PARTITION BY account_no ORDER BY sequence) AS summed FROM ledger) l
WHERE shown <> summed OR (available <> 0 AND debt <> 0)"""
LOTS = """
SELECT account_no, source FROM lot
WHERE remaining < 0 OR held < 0 OR held > remaining OR remaining + expired > points"""
HOLDS = """
WITH part AS (
  SELECT h.account_no, h.hold_id, h.points, (lot->>0)::bigint expires_us, (lot->>1)::int kind,
         decode(lot->>2, 'hex') source, (lot->>3)::int episode, (lot->>4)::bigint part
  FROM hold h, jsonb_array_elements(h.lots) lot WHERE h.state = 1)
SELECT 'account', a.account_no FROM account a
LEFT JOIN (SELECT account_no, sum(points) points FROM hold WHERE state = 1 GROUP BY 1) h
     USING (account_no)
WHERE coalesce(h.points, 0) <> a.held
UNION ALL
SELECT 'lot', l.account_no FROM lot l
LEFT JOIN (SELECT account_no, expires_us, kind, source, episode, sum(part) part
           FROM part GROUP BY 1, 2, 3, 4, 5) p
     ON (p.account_no, p.expires_us, p.kind, p.source, p.episode)
      = (l.account_no, l.expires_us, l.source_kind, l.source, l.episode)
WHERE coalesce(p.part, 0) <> l.held
UNION ALL
SELECT 'hold', account_no FROM part GROUP BY account_no, hold_id, points HAVING sum(part) <> points
UNION ALL
SELECT 'timeout', account_no FROM hold JOIN account USING (account_no)
WHERE state = 1 AND expires_us < next_timeout"""
REDEMPTIONS = """
SELECT account_no, order_id, number FROM redemption r
WHERE returned < 0 OR returned > points OR manual > returned AND purpose IS NOT NULL
   OR points - returned - debt <> (
     SELECT coalesce(sum((lot->>4)::bigint), 0) FROM jsonb_array_elements(r.lots) lot)"""
RECORDED = """
SELECT account_no, sequence FROM (
  SELECT account_no, sequence, recorded_us,
         lag(recorded_us) OVER (PARTITION BY account_no ORDER BY sequence) AS before FROM ledger) l
WHERE recorded_us < before"""
ORPHANS = """
SELECT account_no FROM ledger LEFT JOIN account USING (account_no)
WHERE account.account_no IS NULL"""
ENTRIES = """
SELECT l.event_id::text, m.merchant_id, a.member, l.sequence, l.type, l.points,
       l.available, l.held, l.debt, l.order_id, l.settings_no, l.occurred_us, l.recorded_us
FROM ledger l JOIN account a USING (account_no) JOIN merchant m ON m.merchant_no = a.merchant_no"""
CURSORS = """
SELECT topic, partition, first_offset, next_offset, applied, duplicate, ignored, parked, dead,
       applied + duplicate + ignored + parked + dead FROM cursor"""
EARNED = """
SELECT m.merchant_id, l.order_id, a.member, sum(l.points) FILTER (WHERE l.type <= 3),
       coalesce(-sum(l.points) FILTER (WHERE l.type = 4), 0)
FROM ledger l JOIN account a USING (account_no) JOIN merchant m ON m.merchant_no = a.merchant_no
GROUP BY 1, 2, 3"""


def check_accounts(engine: Engine) -> None:
    """I2, I8, I9: accounts, ledger, lots, holds agree, entry by entry, for all accounts."""
    assert engine.rows(ACCOUNTS) == []
    assert engine.rows(RUNNING) == []
    assert engine.rows(LOTS) == []
    assert engine.rows(ORPHANS) == []
    assert engine.rows(HOLDS) == []
    assert engine.rows(REDEMPTIONS) == []
    assert engine.rows(RECORDED) == []


def check_cursors(engine: Engine) -> None:
    """I6 and I7: every record of each partition was counted once, as one of five things."""
    cursors = engine.rows(CURSORS)
    for topic, partition, first, following, *outcomes, total in cursors:
        low, high = _watermarks(engine, topic, partition)
        assert (first, following) == (low, high), (
            f"{topic}/{partition}: {following} of {high} records are done"
        )
        assert total == following - first, (
            f"{topic}/{partition}: {outcomes} do not add up to {following - first}"
        )


def check_events(engine: Engine) -> None:
    """I4: each ledger entry has one event, each event one entry, and they agree."""
    messages: dict[str, Message] = {}
    for message in engine.events():
        event_id = orjson.loads(message.value())["event_id"]
        first = messages.setdefault(event_id, message)
        assert first.value() == message.value(), f"event {event_id} has two payloads"
    entries = {row[0]: row for row in engine.rows(ENTRIES)}
    assert set(messages) == set(entries)
    for event_id, row in entries.items():
        _check_event(messages[event_id], row)


def _check_event(message: Message, row: tuple[Any, ...]) -> None:
    (
        event_id,
        merchant,
        member,
        sequence,
        kind,
        points,
        *balance,
        order,
        settings_no,
        occurred,
        recorded,
    ) = row
    event = orjson.loads(message.value() or b"")
    name = unpack_id(bytes(member))
    assert message.key() == record_key(merchant, name)
    assert (event["merchant_id"], event["member_id"], event["sequence"]) == (
        merchant,
        name,
        sequence,
    )
    assert (event["type"], event["points"]) == (TYPES[kind - 1], points)
    assert list(map(event["balance"].get, ("available", "held", "debt"))) == balance
    assert event["order_id"] == (unpack_id(bytes(order)) if order is not None else None)
    assert event["settings_version"] == settings_no
    assert (event["occurred_at"], event["recorded_at"]) == (iso(occurred), iso(recorded))
    pairs: Any = message.headers() or ()
    headers = {key: value.decode() for key, value in pairs}
    assert headers["ce_specversion"] == "1.0"
    assert headers["ce_id"] == event_id
    assert headers["ce_type"] == f"points.{event['type']}.v1"
    assert headers["ce_source"] == f"/member-points/{merchant}"
    assert headers["ce_subject"] == name
    assert headers["content-type"] == "application/json"
    assert headers["ce_time"]


def check_earned(engine: Engine, earned: Mapping[tuple[str, str, str], int]) -> None:
    """I1: the earning entries of each (merchant, order, member) add up to its entitlement."""
    left = {key: points for key, points in earned.items() if points}
    for merchant, order, member, points, expired in engine.rows(EARNED):
        owed = left.pop((merchant, unpack_id(bytes(order)), unpack_id(bytes(member))), 0)
        assert owed <= (points or 0) <= owed + expired, (
            f"order {unpack_id(bytes(order))}: {points} posted, {owed} owed"
        )
    assert not left


def check_idle(engine: Engine) -> None:
    """Everything at once, of an engine whose workers have nothing left to do."""
    check_accounts(engine)
    check_cursors(engine)
    check_events(engine)


def _watermarks(engine: Engine, topic: str, partition: int) -> tuple[int, int]:
    consumer = Consumer(
        {
            "bootstrap.servers": engine.bootstrap,
            "group.id": f"{engine.prefix}watermarks",
            "log_level": 0,
        }
    )
    try:
        low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=20)
    finally:
        consumer.close()
    return low, high
