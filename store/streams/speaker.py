"""Which of several watches speaks: the one whose session holds a lock."""

from typing import Final

from store.postgres.named_queries import queries
from store.postgres.session import Cursor

_SQL: Final = queries("streams/speaker")


def try_to_speak(cursor: Cursor) -> bool:
    """Whether this session speaks from now on, for as long as it lives; ask only until it does."""
    row = cursor.execute(_SQL["try_to_speak"]).fetchone()
    return bool(row and row[0])


def end_when_silent(cursor: Cursor, seconds: float) -> None:
    """Has the server end this session, and with it its lock, once it is silent for so long.

    A process that hangs keeps its connection, and would keep others from speaking.
    """
    cursor.execute(_SQL["end_when_silent"], [f"{int(seconds * 1000)}ms"])
