"""What people ask of the notices lane: its notices, what waits, what needs an operator.

Connections have the lane's schema first in their search path, and act as its role.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple
from uuid import UUID

from schemas.answers.notices import NoticeAnswer, ProviderState, RefusedShop
from schemas.errors import Exit, PointsError
from schemas.ids import Micros
from store.postgres.named_queries import queries
from store.postgres.session import Cursor, Database, raw

PIPELINE: Final = "notices"
"""What the lane's cursors, pauses and dead letters are kept under."""

_FIELDS: Final = (
    "notice_id", "event_id", "member_id", "kind", "channel", "state", "reason", "points", "balance",
    "expires_us", "order_id", "recorded_us", "decided_us", "changed_us", "not_before_us",
    "give_up_us", "attempt", "provider", "provider_id", "parts", "provider_parts", "month",
)  # fmt: skip
_SQL: Final = queries("notices/reads", notice=", ".join(f"n.{name}" for name in _FIELDS))


class UnknownShop(PointsError):
    """The lane has heard of no such merchant."""

    code = "unknown_shop"
    exit_code = Exit.NOT_FOUND

    def __init__(self, merchant_id: str) -> None:
        """`merchant_id` is the one that was asked for."""
        super().__init__(
            f"the notices lane has not heard of merchant {merchant_id}",
            "apply its settings, and see whether a worker `notices` runs",
            where=merchant_id,
        )


class UnknownNotice(PointsError):
    """There is no notice of this id."""

    code = "unknown_notice"
    exit_code = Exit.NOT_FOUND

    def __init__(self, notice_id: UUID) -> None:
        """`notice_id` is the one that was asked for."""
        super().__init__(f"notice {notice_id} is not known", "look with `points notices list`")


class Open(NamedTuple):
    """Notices of a channel that are in a state which is no end.

    `due` of those that wait may go now, the earliest since `since`; of those that are unknown
    `since` is when the first of them became so.
    """

    channel: str
    state: str
    notices: int
    due: int
    since: Micros | None


class Figures(NamedTuple):
    """Counts of small tables, at the database's `now`."""

    now: Micros
    shops: int
    open_letters: int
    parked_events: int
    parked_merchants: int
    outbox_rows: int
    refused_rows: int


def shop_number(cursor: Cursor, merchant_id: str) -> int:
    """The lane's number of a merchant. Raises UnknownShop."""
    row = cursor.execute(_SQL["shop"], [merchant_id]).fetchone()
    if row is None:
        raise UnknownShop(merchant_id)
    return int(row[0])


def listed(
    connection: Database, merchant_id: str, member_id: str | None, state: str | None, limit: int
) -> list[NoticeAnswer]:
    """A merchant's notices, or one member's, those of the newest events first."""
    cursor = raw(connection)
    shop_number(cursor, merchant_id)
    rows = cursor.execute(_SQL["list"], [merchant_id, member_id, state, limit]).fetchall()
    return [_answer(row) for row in rows]


def shown(connection: Database, notice_id: UUID) -> NoticeAnswer:
    """One notice. Raises UnknownNotice."""
    row = raw(connection).execute(_SQL["show"], [notice_id]).fetchone()
    if row is None:
        raise UnknownNotice(notice_id)
    return _answer(row)


def newest_of_kind(
    connection: Database, merchant_id: str, member_id: str, kind: str
) -> NoticeAnswer | None:
    """A member's newest notice of a kind; None where there is none."""
    rows = raw(connection).execute(_SQL["newest"], [merchant_id, member_id, kind]).fetchall()
    return _answer(rows[0]) if rows else None


def sealed_reason(cursor: Cursor, notice_id: UUID) -> bytes | None:
    """Why the points were given that a notice tells of, sealed for its member; None without it."""
    row = cursor.execute(_SQL["sealed_reason"], [notice_id]).fetchone()
    return None if row is None else row[0]


def unknown(connection: Database, merchant_id: str | None, limit: int) -> list[NoticeAnswer]:
    """Notices of which nobody knows whether they arrived, those that became so first."""
    cursor = raw(connection)
    if merchant_id is not None:
        shop_number(cursor, merchant_id)
    rows = cursor.execute(_SQL["unknown"], [merchant_id, limit]).fetchall()
    return [_answer(row) for row in rows]


def open_notices(connection: Database) -> list[Open]:
    """What waits, is in hand or is unknown, by channel and state."""
    found = [Open(*row) for row in raw(connection).execute(_SQL["open"]).fetchall()]
    return sorted(found, key=_place)


def _place(row: Open) -> tuple[str, str]:
    return row.channel, row.state


def providers(connection: Database) -> list[ProviderState]:
    """Providers that an operator has paused, or whose breaker has been open."""
    rows = raw(connection).execute(_SQL["providers"]).fetchall()
    return [ProviderState.of_row(row) for row in rows]


def refused_shops(connection: Database) -> list[RefusedShop]:
    """Shops of which a provider takes nothing, by merchant."""
    rows = raw(connection).execute(_SQL["refused"]).fetchall()
    return [RefusedShop.of_row(row) for row in rows]


def figures(connection: Database) -> Figures:
    """Counts of what an operator looks at."""
    cursor = raw(connection)
    counts: list[int] = []
    for name in ("figures", "parked", "outbox"):
        counts += cursor.execute(_SQL[name]).fetchone() or ()
    return Figures(*counts)


def earliest(cursor: Cursor, letters: Sequence[int]) -> list[tuple[str, str, int, int]]:
    """Topic, its uuid, partition and least offset of dead letters, by partition."""
    cursor.execute(_SQL["letters"], [list(letters)])
    return [(topic, uuid, partition, at) for topic, uuid, partition, at in cursor.fetchall()]


def position(cursor: Cursor, topic_uuid: str, partition: int) -> tuple[str, int] | None:
    """The cluster and next offset of the lane's cursor in a partition, locked."""
    row = cursor.execute(_SQL["position"], [PIPELINE, topic_uuid, partition]).fetchone()
    return (str(row[0]), int(row[1])) if row is not None else None


def _answer(row: Sequence[object]) -> NoticeAnswer:
    *values, merchant_id = row
    names = (name.removesuffix("_us") + "_at" * name.endswith("_us") for name in _FIELDS)
    return NoticeAnswer.model_validate(
        {**dict(zip(names, values, strict=True)), "merchant_id": merchant_id}
    )
