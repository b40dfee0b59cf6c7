"""Changes of a merchant's settings and campaigns, which wait for those who decide by them."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeVar

from cli.support.console import remark
from cli.support.errors import Exit, Failure

if TYPE_CHECKING:
    from store.postgres.session import Database

PATIENCE_SECONDS: Final = 30.0
"""Whoever decides is done within a few seconds, unless held up as well."""

_Done = TypeVar("_Done")


def in_turn(connection: "Database", merchant_id: str, change: Callable[[], _Done]) -> _Done:
    """What `change` does, tried again as long as others have a lock; says whom it waits for.

    Commands wait for each try, which is as long as a session waits for a lock, and go on in
    between. Raises Failure when it was not its turn in time.
    """
    from psycopg.errors import LockNotAvailable

    began, told = time.monotonic(), ""
    while True:
        try:
            return change()
        except LockNotAvailable:
            others = _others(connection, merchant_id)
            if time.monotonic() - began > PATIENCE_SECONDS:
                if others is None:
                    raise
                raise _not_in_time(merchant_id, others) from None
        text = f"waiting for {others or 'another session'}, {PATIENCE_SECONDS:.0f} seconds at most"
        if text != told:
            told = text
            remark(told)


def _others(connection: "Database", merchant_id: str) -> str | None:
    """Who decides by the merchant's settings now; None where nobody does."""
    from store.postgres.session import raw
    from store.settings import turns

    found = turns.deciders(raw(connection), merchant_id)
    return ", ".join(f"pid {pid} ({name})" for pid, name in found) or None


def _not_in_time(merchant_id: str, others: str) -> Failure:
    return Failure(
        Exit.UNREACHABLE,
        f"nothing was changed: {others} still decides by what {merchant_id} has in force",
        "try again; if it does not end, see with `points doctor` who holds it up",
    )
