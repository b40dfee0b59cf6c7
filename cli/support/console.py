"""What commands print: rich for people, JSON for programs, errors on stderr.

All of it is filtered: ids and names come from outside, and must not act on the terminal.
"""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.support.errors import Exit, Failure, PointsError
from schemas.printable import printable, printable_json, printable_lines

if TYPE_CHECKING:
    from pydantic import BaseModel
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
WIDTH_OF_A_PIPE = 120
"""Output that goes to no terminal is not folded at 80 columns: `grep` gets whole rows."""
SLOW_SECONDS = 2.0
"""What takes longer shows how far it is."""
_WITH_CODE_WORD = frozenset({Exit.REFUSED, Exit.NOT_FOUND})


def out(width: int | None = None) -> "Console":
    """The console for what a command answers; `width`: other than what it goes to has.

    Without colours when NO_COLOR is set or the output is no terminal.
    """
    from cli.support.terminal import FilteringConsole

    if width is None and not sys.stdout.isatty():
        width = WIDTH_OF_A_PIPE
    return FilteringConsole(highlight=False, width=width)


def err() -> "Console":
    """The console for what went wrong and for remarks."""
    from cli.support.terminal import FilteringConsole

    return FilteringConsole(
        stderr=True, highlight=False, width=None if sys.stderr.isatty() else WIDTH_OF_A_PIPE
    )


def safe(text: object) -> str:
    """A value from outside as it goes into a line, a cell or a title of ours.

    It stays on that line, and is no markup.
    """
    from rich.markup import escape

    return escape(printable(str(text)))


def panel_title(markup: str) -> "Text":
    """A panel's title: given as text, rich would put emoji for `:name:` in it."""
    from rich.text import Text

    return Text.from_markup(markup, emoji=False)


def safe_lines(text: str) -> str:
    """As `safe`, for a text of ours whose line feeds are its form: a document, JSON."""
    from rich.markup import escape

    return escape(printable_lines(text))


def counted(count: int, noun: str) -> str:
    """A number with its noun, as people write it: 1 row, 2,000 rows."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


@contextmanager
def slow_progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Takes (done, total), and shows a bar on a terminal's stderr after more than two seconds."""
    from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

    began, console = time.monotonic(), err()
    bar = Progress(
        *Progress.get_default_columns()[:2],
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
    task = bar.add_task(what)

    def advance(done: int, total: int) -> None:
        if console.is_terminal and time.monotonic() - began > SLOW_SECONDS:
            bar.start()
        bar.update(task, completed=done, total=total)

    try:
        yield advance
    finally:
        bar.stop()


def emit(value: Any) -> None:
    """Prints answers (schemas.answers) as JSON: two spaces of indentation, a line end."""
    import orjson

    text = orjson.dumps(value, default=_plain, option=orjson.OPT_INDENT_2).decode()
    sys.stdout.write(f"{printable_json(text)}\n")


def emit_each(answers: "Iterable[BaseModel]") -> None:
    """As `emit` for a list, each answer as it comes: a long one is never whole in memory."""
    import orjson

    separator = "\n"
    sys.stdout.write("[")
    for answer in answers:
        text = orjson.dumps(_plain(answer), option=orjson.OPT_INDENT_2).decode()
        indented = printable_json(text).replace("\n", "\n  ")
        sys.stdout.write(f"{separator}  {indented}")
        separator = ",\n"
    sys.stdout.write("]\n" if separator == "\n" else "\n]\n")


def _plain(answer: "BaseModel") -> dict[str, Any]:
    """A model as orjson asks for it."""
    return answer.model_dump(mode="json")


NARROW = 12
"""Cells that a column keeps at least which is folded, as one of messages is."""


def print_table(table: "Table") -> None:
    """Prints a table whose ids can be copied.

    Columns that do not wrap are never cut, and the others are folded. Where a terminal is too
    narrow for that, its own next line has the rest, which is copied as one.
    """
    from rich.segment import Segment, Segments

    console, needed = out(), _least_width(table)
    if needed <= console.width:
        console.print(table)
        return
    wide = out(needed)
    for line in wide.render_lines(table, pad=False):
        while line and not line[-1].text.strip():
            line.pop()  # or a terminal would show the spaces in a line of their own
        wide.print(Segments([*line, Segment.line()]), soft_wrap=True, end="")


def _least_width(table: "Table") -> int:
    """In how many cells a table has all ids whole; makes their columns no narrower than that."""
    _, right, _, left = table.padding
    needed = 0
    for column in table.columns:
        width = max(widest([column.header, *column.cells]), column.min_width or 0)
        if column.no_wrap:
            column.min_width = width
        else:
            column.overflow = "fold"
            width = min(NARROW, width)
        needed += width + left + right
    return needed


def widest(cells: "Iterable[object]") -> int:
    """In how many cells of a terminal the longest line of some cells of a table is whole."""
    from rich.cells import cell_len
    from rich.text import Text

    texts = (Text.from_markup(cell, emoji=False).plain for cell in cells if isinstance(cell, str))
    return max((cell_len(line) for text in texts for line in text.splitlines()), default=0)


def complain(failure: PointsError) -> None:
    """Prints an expected failure: what was wrong, and what to do.

    A refusal begins with its code word, which programs compare.
    """
    console = err()
    first, *rest = failure.lines
    has_word = failure.exit_code in _WITH_CODE_WORD and failure.code != Failure.code
    word = f"{failure.code}: " if has_word else ""
    print_line(console, f"[bold red]error:[/] {word}{safe(first)}")
    for line in rest:
        print_line(console, safe(line))
    if failure.remedy:
        print_line(console, f"[dim]→[/] {safe(failure.remedy)}")


def remark(text: str) -> None:
    """One line for people on stderr, so that it never gets into what programs read."""
    print_line(err(), f"[dim]{safe(text)}[/]")


def print_line(console: "Console", line: str) -> None:
    """A line that a terminal folds between words; elsewhere it stays whole, for `grep`."""
    console.print(line, soft_wrap=not console.is_terminal)
