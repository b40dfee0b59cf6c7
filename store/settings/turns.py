"""Turns of those who decide by settings or campaigns, and of those who change them.

So what is decided at an instant knows whatever was applied up to it, and nothing that is applied
later: whoever decides it again by its instant, as a replay does, comes to the same (account.md 1).
"""

from typing import Final

from store.postgres.named_queries import queries
from store.postgres.session import Cursor, Database, raw

_SQL: Final = queries("settings/turns")


def decide(connection: Database) -> None:
    """Lets nobody change settings or campaigns until this transaction ends; waits for who does.

    To be called before the clock and the settings are read.
    """
    raw(connection).execute(_SQL["decide"])


def change(cursor: Cursor) -> None:
    """Lets no command be decided until this transaction ends; waits for those that are.

    To be called before the clock is read.
    """
    cursor.execute(_SQL["change"])


def keep_partitions(cursor: Cursor) -> None:
    """Lets no cursor be begun until this transaction ends: those that there are can be locked."""
    cursor.execute(_SQL["keep_partitions"])
