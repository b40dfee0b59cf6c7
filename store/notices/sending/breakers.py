"""Providers that an operator paused, and breakers as senders last saw them."""

from typing import Final, NamedTuple

from schemas.ids import Micros
from store.postgres.named_queries import queries
from store.postgres.session import Cursor

_SQL: Final = queries("notices/sending/breakers")


class ProviderState(NamedTuple):
    """Whether a provider may get anything: paused since when and by whom, open until when and why.

    `open_until_us` may lie in the past; None while the breaker is closed.
    """

    provider: str
    paused_us: Micros | None = None
    paused_by: str | None = None
    open_until_us: Micros | None = None
    why: str | None = None


def states(cursor: Cursor) -> dict[str, ProviderState]:
    """All providers of which there is something to say, by name."""
    rows = cursor.execute(_SQL["all"]).fetchall()
    return {row[0]: ProviderState(*row[:-1]) for row in rows}


def clock(cursor: Cursor) -> Micros:
    """The product's one clock."""
    row = cursor.execute(_SQL["clock"]).fetchone()
    return int(row[0]) if row is not None else 0


def opened(cursor: Cursor, provider: str, until: Micros | None, why: str | None) -> None:
    """A breaker opened until an instant, or closed (None)."""
    cursor.execute(_SQL["opened"], [provider, until, why])


def pause(cursor: Cursor, provider: str, by: str) -> None:
    """Nothing more goes to a provider until `resume`; rows wait, until they are too late."""
    cursor.execute(_SQL["pause"], [provider, by])


def resume(cursor: Cursor, provider: str) -> bool:
    """Lets a provider go on, and closes its breaker; False when it was neither paused nor open."""
    cursor.execute(_SQL["resume"], [provider])
    return cursor.rowcount > 0
