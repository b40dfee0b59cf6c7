"""Ids in what commands print can be copied whole, however narrow the terminal is."""

import io
from collections.abc import Callable, Sequence
from datetime import date
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from rich.text import Text

from cli.commands import dlq, expiring, outbox
from cli.commands.bulk import show as bulk
from cli.commands.notices import listing
from cli.support.cursors import print_cursors
from cli.support.terminal import FilteringConsole
from schemas.answers.operations import CursorLag

MERCHANT, MEMBER, ORDER = "65e1f0a400000000000000aa", "65e1f0a400000000000000bb", "65e1" * 6
LONG = (
    "a-rather-long-name-of-what-a-shop-or-a-till-calls-by-names-of-its-own-with-a-number-0123456789"
)
NOTICE = UUID("0198f0a4-0000-7000-8000-0000000000cc")
TOPIC = "commerce.deliveries.of-a-staging-environment.v1"
AT = 1_780_000_000_000_000
WHY = "a sentence that says what is wrong with it, and is long enough to be folded between words"


class Terminal(FilteringConsole):
    """A terminal of so many columns; what was printed is in `written`."""

    columns = 80
    written = io.StringIO()

    def __init__(self, width: int | None = None, **how: Any) -> None:
        how |= {"file": self.written, "force_terminal": True, "no_color": True}
        super().__init__(**how, width=width or self.columns)


@pytest.fixture(params=[80, 120])
def terminal(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setattr(Terminal, "columns", request.param)
    monkeypatch.setattr(Terminal, "written", io.StringIO())
    monkeypatch.setattr("cli.support.terminal.FilteringConsole", Terminal)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    return Terminal()


def _cursors() -> None:
    figures: dict[str, Any] = dict.fromkeys(CursorLag.model_fields, 1_234_567)
    figures |= {"cluster": "c", "topic_uuid": "u", "retired": False, "pipeline": "intake"}
    rows = [
        CursorLag.model_construct(**figures | {"topic": topic, "partition": partition})
        for topic in (TOPIC, "commerce.orders.v1")
        for partition in range(11)
    ]
    print_cursors(rows)


def _letters(topic: str = TOPIC, **ended: int) -> None:
    row: Any = SimpleNamespace(
        id=1234567, topic=topic, partition=1, offset=1_234_567, received_at=AT, message=WHY,
        reason="cannot_apply", **{"redriven_at": None, "discarded_at": None} | ended,
    )  # fmt: skip
    dlq.print_list([row])


def _counted() -> None:
    row: Any = SimpleNamespace(
        day=date(2026, 11, 28), merchant_id=LONG, kept=1, counted=2, counted_bytes=3
    )
    dlq._print_counted([row])


def _refused(topic: str = TOPIC) -> None:
    row: Any = SimpleNamespace(
        id=1234567, refused_at=AT, kind=SimpleNamespace(name="COMMAND_RESULT"), topic=topic,
        size=1_000_000, reason=WHY,
    )  # fmt: skip
    outbox._print_list([row])


def _notices() -> None:
    row: Any = SimpleNamespace(
        notice_id=NOTICE, merchant_id=MERCHANT, member_id=LONG, recorded_at=AT,
        kind="expiring_soon", channel="email", state="failed", reason="unusable_address",
        points=1_000_000,
    )  # fmt: skip
    listing.print_notices([row], "none")


def _job_rows() -> None:
    row: Any = SimpleNamespace(
        row=1, member_id=LONG, points=100, outcome="applied", code=None, sequence=1, missing=None
    )
    bulk._print(iter([row]), 10)


def _expiring() -> None:
    row: Any = SimpleNamespace(expires_at=AT, member_id=LONG, points=100)
    expiring._print(iter([row]), 30, 10, "Asia/Taipei")


PRINTED: dict[str, tuple[Callable[[], None], Sequence[str]]] = {
    "status": (_cursors, [TOPIC, "commerce.orders.v1", "1,234,567"]),
    "dlq list": (_letters, ["1234567", "2026-05-28T20:26Z", "cannot_apply"]),
    "dlq counted": (_counted, [LONG]),
    "outbox list": (_refused, ["1234567", TOPIC]),
    "notices list": (_notices, [str(NOTICE), MERCHANT, LONG]),
    "bulk rows": (_job_rows, [LONG]),
    "expiring": (_expiring, [LONG]),
}


@pytest.mark.parametrize("name", PRINTED)
def test_ids_and_names_stay_whole(terminal: Terminal, name: str) -> None:
    prints, whole = PRINTED[name]
    prints()
    written = terminal.written.getvalue()
    assert all(text in written for text in whole), written
    assert "…" not in written


@pytest.mark.parametrize(
    "prints",
    [
        lambda: _letters("commerce.deliveries.v1"),
        lambda: _letters("commerce.deliveries.v1", redriven_at=AT),
        lambda: _letters("commerce.deliveries.v1", discarded_at=AT),
        lambda: _refused("points.command-results.v1"),
    ],
    ids=["open", "redriven", "discarded", "refused"],
)
def test_what_is_set_aside_fits_into_80_columns_whatever_became_of_it(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, prints: Callable[[], None]
) -> None:
    monkeypatch.setattr(Terminal, "columns", 80)
    prints()
    lines = terminal.written.getvalue().splitlines()
    assert max(len(Text.from_ansi(line).plain.rstrip()) for line in lines) <= 80


def test_the_figures_of_a_status_fit_into_80_columns(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Terminal, "columns", 80)
    _cursors()
    lines = terminal.written.getvalue().splitlines()
    assert max(len(Text.from_ansi(line).plain.rstrip()) for line in lines) <= 80
    assert len(lines) == 1 + 2 * (1 + 11)


def test_the_figures_of_all_topics_stand_below_each_other(terminal: Terminal) -> None:
    figures: dict[str, Any] = dict.fromkeys(CursorLag.model_fields, 0)
    figures |= {"pipeline": "intake", "partition": 0}
    print_cursors(
        [
            CursorLag.model_construct(**figures | {"topic": "commerce.orders.v1"}),
            CursorLag.model_construct(
                **figures | {"topic": TOPIC, "lag": 12_345_678, "dead": 12_345_678}
            ),
        ]
    )
    _, header, few, _, many = terminal.written.getvalue().splitlines()
    shown = [Text.from_ansi(line).plain.rstrip() for line in (header, few, many)]
    assert len({len(line) for line in shown}) == 1, shown


def test_words_are_folded_and_a_line_that_is_too_long_ends_with_its_last_word(
    terminal: Terminal,
) -> None:
    _letters()
    written = terminal.written.getvalue()
    assert all(word in written for word in WHY.split())
    _counted()
    figures = "1             2            3"
    assert terminal.written.getvalue().splitlines()[-1].endswith(figures)
