"""A member's history as people see it: ids stay whole on every terminal."""

from io import StringIO

import pytest
from rich.console import Console

from cli.commands.history import WIDE, history_table
from schemas.answers.members import HistoryEntry
from schemas.events import EntryType
from schemas.ids import NEVER

ORDER = "65e1f0a4000000000000000b"


def entry(sequence: int, **fields: object) -> HistoryEntry:
    content = {
        "sequence": sequence,
        "type": EntryType.clawed_back,
        "points": -1_000,
        "balance_after": 12_345,
        "order_id": ORDER,
        "reason": None,
        "performer": None,
        "expires_at": 1_735_660_800_000_000,
        "occurred_at": 1_700_000_001_000_000,
        "recorded_at": 1_700_000_001_000_000,
    }
    return HistoryEntry.model_validate(content | fields)


@pytest.mark.parametrize("width", [80, 100, 120])
@pytest.mark.parametrize("held", [None, -500])
def test_an_order_is_one_word_to_copy_and_rows_fit(width: int, held: int | None) -> None:
    entries = [entry(1), entry(2, held_points=held), entry(3, expires_at=NEVER)]
    console = Console(file=StringIO(), width=width)
    console.print(history_table(entries, "Asia/Taipei", narrow=width < WIDE))
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert sum(ORDER in line for line in lines) == 3
    assert max(map(len, lines)) <= width
    assert any("2023-11-15" in line for line in lines)
