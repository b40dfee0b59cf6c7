"""From facts to effects, the same for every worker: decide each order, post the differences, keep the plan in step."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from confluent_kafka import Message

from rules.binding import bound_version, first_heard
from rules.entitlement import Change, Entitlement, after_posting, changes, entitlement, is_unfinished
from rules.facts import NOTHING_IN_FORCE, NOTHING_POSTED, UNHEARD
from schemas.ids import Micros
from store.database import Cursor
from store.ledger import CauseKind, EntryType, Posting, post
from store.merchants import Merchants
from store.orders import OrderRow, write_plans

TRACEPARENT = "traceparent"
"""The W3C trace context's header; it goes from the record that made an entry to the entry's event."""


class Trigger(NamedTuple):
    """What made us look at an order: shown as the cause of the entries, and when it occurred."""

    occurred_at: Micros
    cause: CauseKind = CauseKind.order
    cause_id: bytes | None = None
    message: Message | None = None

    def traceparent(self) -> bytes | None:
        """The trace that the record belongs to, if it says one."""
        headers = self.message.headers() if self.message is not None else None
        return next((v for name, v in list(headers or ()) if name == TRACEPARENT and isinstance(v, bytes)), None)


@dataclass(slots=True)
class Tally:
    """What a batch did, for metrics."""

    entries: int = 0
    by_type: dict[str, int] = field(default_factory=dict)
    planned: int = 0
    granted: int = 0
    claimed: int = 0


@dataclass(slots=True)
class _Decided:
    row: OrderRow
    now: Entitlement
    found: list[tuple[Change, Posting]]


def settle(cursor: Cursor, todo: Sequence[tuple[OrderRow, Trigger]], merchants: Merchants, now: Micros) -> Tally:
    """Brings ledger, accounts, lots, events and plan in line with the facts of some locked orders.

    The rows' `posted`, `due_us` and `planned` are set; writing the rows themselves is left to the caller.
    """
    decided = [one for row, trigger in todo if (one := _decide(row, trigger, merchants, now)) is not None]
    postings = [posting for one in decided for _, posting in one.found]
    tally = Tally(entries=post(cursor, postings, now, merchants.merchant_id))
    gone: list[tuple[int, Micros, bytes]] = []
    made: list[tuple[int, Micros, bytes]] = []
    for one in decided:
        row = one.row
        account = one.found[-1][1].account_no if one.found else None
        if one.found or row.facts.posted.episode:
            done = [(change, posting.moved) for change, posting in one.found]
            row.facts.posted = after_posting(row.facts, one.now, done, account)
        _replan(row, one.now, gone, made)
    tally.planned = len(made)
    types = Counter([p.type for p in postings if p.moved])
    tally.by_type = {entry.name: count for entry, count in types.items()}
    tally.granted = types[EntryType.granted]
    write_plans(cursor, gone, made)
    return tally


def _decide(row: OrderRow, trigger: Trigger, merchants: Merchants, now: Micros) -> _Decided | None:
    facts = row.facts
    if facts.settings_no < NOTHING_IN_FORCE:
        _bind(row, merchants)
    rules = merchants.rules(row.merchant_no, facts.settings_no)
    if row.due_us is None and facts.posted is NOTHING_POSTED and is_unfinished(facts, rules):
        return None
    decided = entitlement(facts, rules, now)
    return _Decided(row, decided, [(c, _posting(row, c, decided, trigger)) for c in changes(facts, decided)])


def _bind(row: OrderRow, merchants: Merchants) -> None:
    facts, versions = row.facts, merchants.versions(row.merchant_no)
    if row.new and facts.settings_no == UNHEARD:
        facts.settings_no = first_heard(versions)
    if facts.record is not None:
        facts.settings_no = bound_version(versions, facts.record.created_at, facts.settings_no)


def _posting(row: OrderRow, change: Change, now: Entitlement, trigger: Trigger) -> Posting:
    posted = row.facts.posted
    fresh = change.episode > posted.episode
    occurred = now.due_at if fresh and now.due_at is not None else trigger.occurred_at
    return Posting(
        row.merchant_no,
        change.holder,
        EntryType[change.type],
        change.points,
        row.order_id,
        change.episode,
        change.expires_at,
        posted.entries,
        row.facts.settings_no or None,
        occurred,
        trigger.cause,
        trigger.cause_id,
        fresh,
        trigger.traceparent(),
    )


def _replan(row: OrderRow, now: Entitlement, gone: list[tuple[int, Micros, bytes]], made: list[tuple[int, Micros, bytes]]) -> None:
    due = now.due_at if now.state == "planned" and now.points else None
    row.planned = now.points if due is not None else 0
    if due == row.due_us:
        return
    if row.due_us is not None:
        gone.append((row.merchant_no, row.due_us, row.order_id))
    if due is not None:
        made.append((row.merchant_no, due, row.order_id))
    row.due_us = due
