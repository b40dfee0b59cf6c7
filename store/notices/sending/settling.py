"""What became of notices: the state, what the shop owes and what is published, all at once.

Whatever moves a notice to an end or from one goes through here, in the caller's transaction, so
that the meter is the sum of the notices at any time.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, Column, Text

from rules.notices.receipts import Receipt, Standing
from schemas.ids import Micros
from schemas.notices.words import OPEN, State
from store.notices.sending.ended import METERED, PUBLISHED, RETURNED, Ended, announce
from store.notices.sending.weeks import ALL_WEEKS, statements_of, table_of
from store.postgres import tables
from store.postgres.arrays import uuids
from store.postgres.columns import Columns
from store.postgres.session import Answer, Cursor

__all__ = [
    "Ended",
    "Moved",
    "Receipt",
    "Receipts",
    "Settled",
    "announce",
    "receipt",
    "resend",
    "resolve",
    "send_to_settle",
    "settle",
]

_SETTLED: Final = Columns(
    tables.notices.notice,
    "notice_id", Column("was", Text), "attempt", "state", "reason",
    Column("delay_us", BigInteger), Column("keeps_asked", Boolean), "provider_id", "provider_parts",
    Column("as_of_us", BigInteger),
)  # fmt: skip
_RECEIPT: Final = Columns(
    tables.notices.notice,
    "notice_id",
    "state",
    Column("delivered", Boolean),
    "provider_id",
    "provider_parts",
)
_NAMING: Final = statements_of(
    "notices/sending/settling",
    settled=_SETTLED,
    receipt=_RECEIPT,
    returned=RETURNED,
    metered=METERED.strip(),
    published=PUBLISHED.strip(),
)
_SQL: Final = _NAMING(ALL_WEEKS)

_OPEN: Final = frozenset(state.value for state in OPEN)


@dataclass(frozen=True, slots=True)
class Settled:
    """What a notice becomes, unless it is no longer in the state and attempt that it `was` in.

    `delay_us`: how long it waits, if it does. `keeps_asked`: whether a former request still counts
    as one that may have arrived. `as_of_us`: since when it was so, of what is in hand: an attempt
    begins with the mark, so that two takings have the same.
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
    as_of_us: Micros | None = None


@dataclass(frozen=True, slots=True)
class Receipts:
    """What became of receipts: notices that one changed, and those that are known at all.

    `moved`: those of the changed that are in another state now, by channel and state.
    """

    changed: frozenset[UUID]
    known: frozenset[UUID]
    moved: Mapping[tuple[str, str], int] = field(default_factory=dict, compare=False)


class Moved(NamedTuple):
    """Notices that were moved, and those of them that came to an end, which `announce` tells."""

    ended: list[Ended]
    told: list[Ended]


def settle(cursor: Cursor, rows: Iterable[Settled]) -> list[Ended]:
    """Moves notices on, meters and publishes them; those that were moved.

    A notice that somebody else settled meanwhile stays as it is; that its provider has taken it
    counts all the same where that says more than was known.
    """
    moved = send_to_settle(cursor, rows)()
    announce(cursor, moved.told)
    return moved.ended


def send_to_settle(cursor: Cursor, rows: Iterable[Settled]) -> Answer[Moved]:
    """As `settle`, for a caller who sends more before the answer is there, and then announces."""
    ordered = sorted(rows, key=_id_of)
    if not ordered:
        return lambda: Moved([], [])
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
            row.as_of_us,
        )
        for row in ordered
    ]
    settle = _NAMING(table_of(ordered[0].notice_id, ordered[-1].notice_id))["settle"]
    cursor.execute(settle, _SETTLED.arrays(arrays))
    return lambda: _moved(_read(cursor))


def receipt(cursor: Cursor, rows: Sequence[Receipt]) -> Receipts:
    """Takes what providers say later, in any order, any number of times (rules.notices.receipts).

    Nothing of a notice is changed that was never written.
    """
    if not rows:
        return Receipts(frozenset(), frozenset())
    before = _standing(cursor, {row.notice_id for row in rows})
    after = dict(before)
    for row in rows:
        if row.notice_id in after:
            after[row.notice_id] = after[row.notice_id].after(row)
    known = frozenset(before)
    arrays = [
        (
            notice_id.bytes,
            now.state.encode(),
            now.is_delivered,
            _bytes(now.provider_id),
            now.provider_parts,
        )
        for notice_id, now in sorted(after.items())
        if now != before[notice_id]
    ]
    if not arrays:
        return Receipts(frozenset(), known)
    done = _done(cursor, "receipt", _RECEIPT.arrays(arrays))
    return Receipts(
        frozenset(each.notice_id for each, _ in done),
        known,
        Counter((each.channel, each.state) for each, was in done if each.state != was),
    )


def _standing(cursor: Cursor, notice_ids: Collection[UUID]) -> dict[UUID, Standing]:
    """How those of these notices stand that there are; locked."""
    bounds = [min(notice_ids), max(notice_ids)]
    rows = cursor.execute(_SQL["standing"], [*bounds, _ids(notice_ids)]).fetchall()
    return {notice_id: Standing(State(state), *rest) for notice_id, state, *rest in rows}


def resolve(cursor: Cursor, notice_ids: Sequence[UUID], state: State) -> list[Ended]:
    """Settles unknown notices as an operator says, `sent` or `failed`; those that were unknown."""
    if not notice_ids:
        return []
    done = _done(cursor, "resolve", [_ids(notice_ids), state.value])
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


def _done(cursor: Cursor, query: str, parameters: Sequence[Any]) -> list[tuple[Ended, str]]:
    """What a statement moved, published where it came to an end, with the state it was in."""
    cursor.execute(_SQL[query], parameters)
    done = _read(cursor)
    announce(cursor, _moved(done).told)
    return done


def _read(cursor: Cursor) -> list[tuple[Ended, str]]:
    return [(Ended(*row), was) for *row, was in cursor.fetchall()]


def _moved(done: Iterable[tuple[Ended, str]]) -> Moved:
    moved = Moved([], [])
    for each, was in done:
        if each.state == was:
            continue  # only its figures are others
        moved.ended.append(each)
        if each.state not in _OPEN:
            moved.told.append(each)
    return moved


def _id_of(row: Settled) -> UUID:
    return row.notice_id


def _ids(notice_ids: Iterable[UUID]) -> Any:
    return uuids([notice_id.bytes for notice_id in notice_ids])


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else text.encode()
