"""Turns of those who decide by a merchant's settings or campaigns, and of those who change them.

So what is decided at an instant knows whatever was applied up to it, and nothing that is applied
later: whoever decides it again by its instant, as a replay does, comes to the same (account.md 1).
Each merchant has its own turn, save that merchants with one slot share theirs.
"""

from collections.abc import Iterable
from typing import Final
from zlib import crc32

from store.postgres.named_queries import queries
from store.postgres.session import Cursor, Database, raw

SLOTS: Final = 256
"""So few that a batch of thousands of merchants takes no more locks than a server has room for, and
so many that hardly any two merchants share one.
"""
_SQL: Final = queries("settings/turns")


def slot_of(merchant_id: str) -> int:
    """Whose turn it is goes by the id: a merchant without settings has no number yet."""
    return crc32(merchant_id.encode()) % SLOTS


def decide(connection: Database, merchant_ids: Iterable[str]) -> None:
    """Lets nobody change these merchants' settings or campaigns until this transaction ends.

    Waits for who does. To be called once, before the clock and the settings are read and before
    anything else is locked.
    """
    slots = sorted({slot_of(merchant_id) for merchant_id in merchant_ids})
    if slots:
        raw(connection).execute(_SQL["decide"], [slots])


def change(cursor: Cursor, merchant_id: str) -> None:
    """Lets no command of a merchant be decided until this transaction ends.

    Waits for those that are. To be called before the clock is read.
    """
    cursor.execute(_SQL["change"], [slot_of(merchant_id)])


def deciders(cursor: Cursor, merchant_id: str) -> list[tuple[int, str]]:
    """Sessions that decide by a merchant's settings now: their pids, and what they are called."""
    return cursor.execute(_SQL["deciders"], [slot_of(merchant_id)]).fetchall()


def keep_partitions(cursor: Cursor) -> None:
    """Lets no cursor be begun until this transaction ends: those that there are can be locked."""
    cursor.execute(_SQL["keep_partitions"])
