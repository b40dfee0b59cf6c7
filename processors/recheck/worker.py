"""The recheck worker: decides orders again after something else changed (architecture.md 2.3).

A customer, a parent order, first settings, an installed app or a tracking number may change what
other orders earn: whoever writes that puts rows into the recheck queue, and this worker works them
off with the same code as intake.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

from processors import batch_metrics, metrics
from processors.recheck import contested_numbers
from processors.runtime.configuration import Configuration
from processors.runtime.worker import SettlingWorker
from processors.settlement import Tally, settle
from processors.trigger import Trigger
from schemas.events import CauseKind
from schemas.ids import Micros
from schemas.packing import pack_id
from store.carriers.tracking import NumberKey
from store.orders import families, orders
from store.orders.orders import OrderKey, OrderRow
from store.postgres.interning import NotInterned
from store.postgres.session import Cursor, Database, raw, transaction
from store.streams import recheck
from store.streams.recheck import Claimed, Mark, RecheckKind

RECHECK_BATCH = 500
"""Orders per transaction, about."""
CLAIMED: Mapping[RecheckKind, int] = {
    RecheckKind.ORDER: RECHECK_BATCH,
    RecheckKind.UNBOUND: 10,
    RecheckKind.MEMBER: 1000,
    RecheckKind.SINCE: 10,
    RecheckKind.NUMBER: 100,
    RecheckKind.FAMILY: 10,
}
"""Queue rows per transaction, by kind, sized to expand to about one batch of orders."""
LEAST_PAGE = 50
"""Orders of one row per transaction at least, however many rows share it."""
RECHECK_SLEEP_SECONDS = 0.1
"""While the queue is empty."""
SHORT_RECHECK_SLEEP_SECONDS = RECHECK_SLEEP_SECONDS / 5
"""While other transactions are waited for that may still add rows."""


class RecheckResult(NamedTuple):
    """What a transaction did: the tally, and how many rows of the queue it had in hand.

    `waiting`: there are rows, but transactions that may add more of them are still open.
    """

    tally: Tally
    rows: int = 0
    waiting: bool = False


@dataclass(slots=True)
class _Work:
    """What the claimed rows mean.

    `triggers`: the orders, with the reason to look at them. `finished` and `moved`: the rows that
    are done with, and those of which some orders are left. `below`: orders that were found in a
    family and have families themselves.
    """

    triggers: dict[OrderKey, Trigger] = field(default_factory=dict)
    finished: list[Claimed] = field(default_factory=list)
    moved: list[Claimed] = field(default_factory=list)
    below: list[tuple[Claimed, bytes]] = field(default_factory=list)

    def page(
        self, row: Claimed, ids: Sequence[bytes], reached: bytes | None, trigger: Trigger
    ) -> None:
        """Some of a row's orders; it is finished unless it says how far it has come."""
        self.triggers |= {(row.merchant_no, order_id): trigger for order_id in ids}
        if reached is None:
            self.finished.append(row)
        else:
            self.moved.append(row._replace(reached=reached))


class Recheck(SettlingWorker):
    """Works off the queue, one kind of rows a turn, so that none waits for thousands of another."""

    def __init__(self, connection: Database, application_id: str | None = None) -> None:
        """Entries name the app `application_id` as what caused them."""
        self._application = pack_id(application_id) if application_id is not None else None
        super().__init__(connection)

    @classmethod
    def of(cls, configuration: Configuration, connection: Database) -> Self:
        """A worker that knows the configured app."""
        return cls(connection, configuration.application_id)

    def use(self, connection: Database) -> None:
        """Goes on with a new connection, and adopts the rows of a restored backup."""
        super().use(connection)
        self._mark: Mark | None = None
        self._last = 0
        recheck.adopt(raw(connection))

    def turn(self) -> float:
        """One claim.

        A short sleep with nothing claimed, a shorter one while others' transactions are waited for.
        """
        result = self.recheck_orders(self.share_of(RECHECK_BATCH))
        self.worked = result.rows > 0
        if not self.worked:
            return SHORT_RECHECK_SLEEP_SECONDS if result.waiting else RECHECK_SLEEP_SECONDS
        metrics.RECHECKED.inc(result.tally.claimed)
        batch_metrics.posted(result.tally)
        return 0.0

    def recheck_orders(self, limit: int = RECHECK_BATCH) -> RecheckResult:
        """One transaction: claims rows whose time has come and settles their orders.

        Rows whose orders were all seen are taken out, the others remember how far they came.
        """
        cursor = raw(self._connection)
        if self._mark is None:
            self._mark = recheck.mark(cursor)
        if self._mark is None:
            return RecheckResult(Tally())
        kinds = recheck.reached(cursor, self._mark)
        if kinds is None:
            return RecheckResult(Tally(), waiting=True)
        for kind in sorted(kinds, key=lambda kind: (kind <= self._last, kind)):
            result = self._try(kind, self._mark, limit)
            if result.rows:
                self._last = kind
                return result
        self._mark = None  # nothing is left under it, or others have it
        return RecheckResult(Tally(), waiting=True)

    def _try(self, kind: RecheckKind, until: Mark, limit: int) -> RecheckResult:
        while True:
            try:
                with transaction(self._connection) as cursor:
                    return self._work_off(cursor, kind, until, limit)
            except NotInterned as unknown:
                self._words.learn(set(unknown.args))

    def _work_off(
        self, cursor: Cursor, kind: RecheckKind, until: Mark, limit: int
    ) -> RecheckResult:
        rows, now = recheck.claim(cursor, kind, until, min(limit, CLAIMED[kind]))
        if not rows:
            return RecheckResult(Tally())
        self._merchants.keep_up(cursor)
        if kind is RecheckKind.NUMBER:
            tally, moved = self._reassign(cursor, rows, now), []
        else:
            work = _Work()
            self._expand(cursor, kind, rows, work, limit, now)
            tally, moved = self._settle(cursor, kind, work.triggers, now), work.moved
            rows = work.finished
        recheck.go_on(cursor, kind, moved)
        if kind is RecheckKind.FAMILY:
            recheck.walked(cursor, rows)
        else:
            recheck.done(cursor, kind, rows)
        return RecheckResult(tally, len(rows) + len(moved))

    def _expand(
        self,
        cursor: Cursor,
        kind: RecheckKind,
        rows: Sequence[Claimed],
        work: _Work,
        limit: int,
        now: Micros,
    ) -> None:
        share = max(min(limit, LEAST_PAGE), limit // len(rows))
        if kind is RecheckKind.MEMBER:
            _members(work, rows, recheck.of_members(cursor, rows, share), share, limit)
            return
        for row in rows:
            if kind is RecheckKind.ORDER:
                work.page(row, [row.key], None, Trigger(row.since_us or now))
            elif kind is RecheckKind.UNBOUND:
                work.page(row, *recheck.unbound(cursor, row, share), Trigger(now))
            elif kind is RecheckKind.FAMILY:
                _family(cursor, work, row, share, now)
            else:
                cause = Trigger(row.since_us, CauseKind.application, self._application)
                work.page(row, *recheck.created_between(cursor, row, share), cause)
        recheck.descend(cursor, work.below)

    def _settle(
        self, cursor: Cursor, kind: RecheckKind, triggers: Mapping[OrderKey, Trigger], now: Micros
    ) -> Tally:
        rows = orders.lock(cursor, sorted(triggers), self._words)
        reports = {key: row.facts.reports for key, row in rows.items()}
        if kind is RecheckKind.ORDER:
            contested_numbers.apply_new_codes(rows.values(), self._merchants.codes)
        before = {key: _settled(row) for key, row in rows.items()}
        todo = [(row, triggers[key]) for key, row in rows.items()]
        tally = settle(cursor, todo, self._merchants, now, look_at_all=True)
        # Only rows with new facts are written whole: the others cost a narrower statement.
        folded = {key for key, row in rows.items() if row.facts.reports is not reports[key]}
        changed = {key for key, row in rows.items() if _settled(row) != before[key]}
        orders.write(cursor, [row for key, row in rows.items() if key in folded], self._words)
        changed -= folded
        orders.write_posted(cursor, [row for key, row in rows.items() if key in changed])
        tally.claimed = len(rows)
        return tally

    def _reassign(self, cursor: Cursor, claimed: Sequence[Claimed], now: Micros) -> Tally:
        asked: dict[NumberKey, Micros] = {}
        for row in claimed:
            number = row.key, row.merchant_no
            asked[number] = max(row.since_us, asked.get(number, 0))
        changed = contested_numbers.reassign_reports(
            cursor, asked, self._words, self._merchants.codes, now
        )
        todo = [(row, Trigger(at or now)) for row, at in changed]
        tally = settle(cursor, todo, self._merchants, now)
        rows = [row for row, _ in changed]
        orders.write(cursor, rows, self._words)
        tally.claimed = len(rows)
        return tally


def _members(
    work: _Work,
    rows: Sequence[Claimed],
    pages: Sequence[Sequence[tuple[bytes, Micros]]],
    share: int,
    limit: int,
) -> None:
    """A page of each member's orders, until there are enough.

    The rows behind are left for another turn.
    """
    for row, page in zip(rows, pages, strict=True):
        if len(work.triggers) >= limit:
            return
        ids = [order_id for order_id, _ in page]
        cause = Trigger(page[0][1], CauseKind.customer, row.key) if page else Trigger(0)
        work.page(row, ids, ids[-1] if len(ids) == share else None, cause)


def _family(cursor: Cursor, work: _Work, row: Claimed, share: int, now: Micros) -> None:
    """A page of the orders that come from one: a parent that comes late may have a million.

    Those of them that others come from are asked for in their turn.
    """
    ids = families.children(cursor, row.merchant_no, row.key, row.reached, share)
    if ids and row.before_us > 1:
        keys = [(row.merchant_no, order_id) for order_id in ids]
        work.below += [(row, order_id) for _, order_id in families.parents(cursor, keys)]
    at = row._replace(reached=ids[-1]) if ids else row
    work.page(at, ids, at.reached if len(ids) == share else None, Trigger(now))


def _settled(row: OrderRow) -> tuple[Any, ...]:
    """What settling may change of a row."""
    facts = row.facts
    redeemed = facts.redeemed, facts.mismatched
    return facts.settings_no, row.due_us, row.planned, facts.posted, redeemed
