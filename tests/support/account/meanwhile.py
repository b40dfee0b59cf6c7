"""What others do between the looking up of a batch of commands and its writing."""

from collections.abc import Callable
from typing import Any

import pytest

from store.ledger import commands


def once_meanwhile(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """Lets something happen once, after a batch has looked up what it knows."""
    ask = commands.ask_known

    def asked(*arguments: Any) -> Any:
        known = ask(*arguments)

        def looked_up() -> Any:
            found = known()
            monkeypatch.setattr(commands, "ask_known", ask)
            happens()
            return found

        return looked_up

    monkeypatch.setattr(commands, "ask_known", asked)
