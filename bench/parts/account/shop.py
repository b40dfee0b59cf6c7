"""What HTTP will do: a command a transaction, by the store's function, on a session of its own."""

from collections.abc import Mapping
from typing import Any

from bench.kafka import BenchError
from processors.commands.at_once import apply_at_once
from store.postgres import session
from store.settings.merchants import Merchants


class Till:
    """One client's session."""

    def __init__(self, database_url: str) -> None:
        self._connection = session.connect(database_url, name="till")
        self._merchants = Merchants(self._connection)

    def hold(self, content: Mapping[str, Any]) -> None:
        """Applies and publishes one command. Raises BenchError when it is refused."""
        merchant: str = content["merchant_id"]
        applied = apply_at_once(self._connection, self._merchants, merchant, [content])
        code = applied.results[0]["code"]
        if code != "ok":
            raise BenchError(f"a hold was refused: {code}")
