"""Recheck: orders to look at again because something beside them changed, decided by the same code (DESIGN 2.3)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from psycopg import Connection

from processors.recheck import contested_numbers
from processors.settlement import Tally, Trigger, settle
from schemas.ids import Micros
from schemas.packing import pack_id
from store.ledger.ledger import CauseKind
from store.orders import orders
from store.orders.orders import OrderKey, OrderRow
from store.postgres.interning import InternedStrings, NotInterned
from store.postgres.session import Cursor, raw, transaction
from store.settings.merchants import Merchants
from store.streams import recheck
from store.streams.recheck import Claimed, Mark, RecheckKind

BATCH = 500
"""Orders per transaction, about."""
CLAIMED: Mapping[RecheckKind, int] = {
    RecheckKind.ORDER: BATCH,
    RecheckKind.UNBOUND: 10,
    RecheckKind.MEMBER: 1000,
    RecheckKind.SINCE: 10,
    RecheckKind.NUMBER: 100,
}
"""Rows per transaction: as many as make a batch of orders when each stands for as many as it
usually does.
"""
LEAST_PAGE = 50
"""Orders of one row per transaction at least, however many rows share it."""


class RecheckResult(NamedTuple):
    """What a turn did: the tally, and how many rows of the queue it had in hand."""

    tally: Tally
    rows: int = 0
    waiting: bool = False


@dataclass(slots=True)
class _Work:
    """What the claimed rows mean: orders with the reason to look at them, and how far each row is then."""

    found: dict[OrderKey, Trigger] = field(default_factory=dict)
    finished: list[Claimed] = field(default_factory=list)
    moved: list[Claimed] = field(default_factory=list)

    def page(
        self, row: Claimed, ids: Sequence[bytes], reached: bytes | None, trigger: Trigger
    ) -> None:
        """Some of a row's orders; it is finished unless it says how far it has come."""
        self.found |= {(row.merchant_no, order_id): trigger for order_id in ids}
        if reached is None:
            self.finished.append(row)
        else:
            self.moved.append(row._replace(reached=reached))


class Recheck:
    """Works off the recheck queue, one kind of rows a turn, so that no kind waits for another's thousands."""

    def __init__(
        self, connection: Connection[tuple[Any, ...]], application_id: str | None = None
    ) -> None:
        """All reads and effects go through `connection`.

        Entries name the app `application_id` as what made them.
        """
        self._application = pack_id(application_id) if application_id is not None else None
        self.use(connection)

    def use(self, connection: Connection[tuple[Any, ...]]) -> None:
        """Goes on with a new connection."""
        self._connection = connection
        self._words = InternedStrings(connection)
        self._merchants = Merchants(connection)
        self._mark: Mark | None = None
        self._last = 0
        recheck.adopt(raw(connection))

    def turn(self, limit: int = BATCH) -> RecheckResult:
        """One transaction: claims rows whose time has come, settles their orders, takes the rows out or moves them on."""
        cursor = raw(self._connection)
        if self._mark is None:
            self._mark = recheck.mark(cursor)
        if self._mark is None:
            return RecheckResult(Tally())
        kinds = recheck.reached(cursor, self._mark)
        if kinds is None:
            return RecheckResult(Tally(), waiting=True)
        for kind in sorted(kinds, key=lambda kind: (kind <= self._last, kind)):
            turned = self._try(kind, self._mark, limit)
            if turned.rows:
                self._last = kind
                return turned
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
            tally, moved = self._rejoin(cursor, rows, now), []
        else:
            work = _Work()
            self._find(cursor, kind, rows, work, limit, now)
            tally, moved = self._look_at(cursor, kind, work.found, now), work.moved
            rows = work.finished
        recheck.done(cursor, kind, rows)
        recheck.go_on(cursor, kind, moved)
        return RecheckResult(tally, len(rows) + len(moved))

    def _find(
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
                work.page(row, [row.key], None, Trigger(now))
            elif kind is RecheckKind.UNBOUND:
                work.page(row, *recheck.unbound(cursor, row, share), Trigger(now))
            else:
                cause = Trigger(row.since_us, CauseKind.application, self._application)
                work.page(row, *recheck.created_between(cursor, row, share), cause)

    def _look_at(
        self, cursor: Cursor, kind: RecheckKind, found: Mapping[OrderKey, Trigger], now: Micros
    ) -> Tally:
        rows = orders.lock(cursor, sorted(found), self._words)
        reports = {key: row.facts.reports for key, row in rows.items()}
        if kind is RecheckKind.ORDER:
            contested_numbers.apply_new_codes(cursor, rows, self._words, self._merchants.codes)
        before = {key: _settled(row) for key, row in rows.items()}
        tally = settle(
            cursor, [(row, found[key]) for key, row in rows.items()], self._merchants, now
        )
        folded = [key for key, row in rows.items() if row.facts.reports is not reports[key]]
        orders.write(cursor, [rows[key] for key in folded], self._words)
        orders.write_posted(
            cursor,
            [
                row
                for key, row in rows.items()
                if key not in set(folded) and _settled(row) != before[key]
            ],
        )
        tally.claimed = len(rows)
        return tally

    def _rejoin(self, cursor: Cursor, claimed: Sequence[Claimed], now: Micros) -> Tally:
        named = sorted({row.key for row in claimed})
        rows = contested_numbers.reassign_reports(
            cursor, named, self._words, self._merchants.codes, now
        )
        tally = settle(cursor, [(row, Trigger(now)) for row in rows], self._merchants, now)
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
        if len(work.found) >= limit:
            return
        ids = [order_id for order_id, _ in page]
        cause = Trigger(page[0][1], CauseKind.customer, row.key) if page else Trigger(0)
        work.page(row, ids, ids[-1] if len(ids) == share else None, cause)


def _settled(row: OrderRow) -> tuple[Any, ...]:
    """What settling may change of a row."""
    return row.facts.settings_no, row.due_us, row.planned, row.facts.posted
