"""What HTTP will do: a command a transaction, by the store's function, on a session of its own."""

from collections.abc import Mapping
from typing import Any

from bench.kafka import BenchError
from processors.commands.applying import apply_and_publish
from store.ledger.commands import CommandRace
from store.ledger.holds import HoldRace
from store.postgres import session
from store.settings.merchants import Merchants

NOW = "SELECT points_now()"


class Till:
    """One client's session."""

    def __init__(self, database_url: str) -> None:
        self._connection = session.connect(database_url, name="till")
        self._merchants = Merchants(self._connection)

    def hold(self, content: Mapping[str, Any]) -> None:
        """Applies and publishes one command. Raises BenchError when it is refused."""
        while True:
            try:
                with session.transaction(self._connection) as cursor:
                    row = cursor.execute(NOW).fetchone()
                    now = row[0] if row else 0
                    applied = apply_and_publish(cursor, self._merchants, [content], now)
            except (CommandRace, HoldRace):
                continue
            break
        code = applied.results[0]["code"]
        if code != "ok":
            raise BenchError(f"a hold was refused: {code}")
