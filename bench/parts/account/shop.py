"""What HTTP will do: one command a transaction, by the store's function, on a pool of sessions."""

from collections.abc import Mapping
from typing import Any, Self

from bench.kafka import BenchError
from processors.commands.applying import apply_and_publish
from store.ledger.commands import CommandRace
from store.ledger.holds import HoldRace
from store.postgres import session
from store.settings.merchants import Merchants

NOW = "SELECT points_now()"


class Till:
    """So many sessions, each used by one client."""

    def __init__(self, database_url: str, clients: int) -> None:
        self._sessions = [session.connect(database_url, name="till") for _ in range(clients)]
        self._merchants = [Merchants(connection) for connection in self._sessions]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for connection in self._sessions:
            connection.close()

    def hold(self, client: int, content: Mapping[str, Any]) -> None:
        """Applies and publishes one command. Raises BenchError when it is refused."""
        connection, merchants = self._sessions[client], self._merchants[client]
        while True:
            try:
                with session.transaction(connection) as cursor:
                    row = cursor.execute(NOW).fetchone()
                    applied = apply_and_publish(cursor, merchants, [content], row[0] if row else 0)
            except (CommandRace, HoldRace):
                continue
            break
        code = applied.results[0]["code"]
        if code != "ok":
            raise BenchError(f"a hold was refused: {code}")
