"""What others do between the looking up of a batch of commands and its writing."""

from collections.abc import Callable
from typing import Any

import pytest

from store.ledger import commands


def once_meanwhile(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """Lets something happen once, after a batch has looked up what it knows."""
    known = commands.known

    def looked_up(*arguments: Any) -> Any:
        found = known(*arguments)
        monkeypatch.setattr(commands, "known", known)
        happens()
        return found

    monkeypatch.setattr(commands, "known", looked_up)
