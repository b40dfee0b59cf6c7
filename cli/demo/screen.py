"""What is shown while the sample days are played: a log, and on a terminal a panel of figures."""

import io
import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from zoneinfo import ZoneInfo

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.panel import Panel
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.progress_bar import ProgressBar
from rich.table import Table

from cli.demo.telling import Teller
from cli.support.console import out, safe
from rules.account.expiry import shown_day
from schemas.ids import NEVER, Micros, instant, micros

if TYPE_CHECKING:
    from cli.demo.figures import Figures
    from cli.demo.notices import Told
    from cli.demo.outcome import StoryOutcome
    from cli.demo.story import Story, StoryStep

WHEN_WIDTH = 16
PANEL_WIDTH = 118
MANY = 3
"""From so many names on they are separated by commas alone."""
Advance = Callable[[float], None]


class Screen:
    """Everything that is printed. Without a terminal these are only lines, and nothing moves."""

    def __init__(self, console: Console | None = None) -> None:
        """Prints to standard output."""
        self.console = console or out()
        self._moves = self.console.is_terminal

    def say(self, text: str = "") -> None:
        """A line, with markup. It is not folded, so that commands can be copied."""
        self.console.print(text, soft_wrap=True)

    def print_folded(self, text: str, indent: int = 0) -> None:
        """A line, with markup, that is folded where the terminal ends."""
        self.console.print(Padding(text, (0, 0, 0, indent)))

    @contextmanager
    def phase(self, what: str, total: float | None = None) -> Iterator[Advance]:
        """A bar while something is done, and a line with its time when it is.

        The answer moves the bar to a value.
        """
        began = time.monotonic()
        if self._moves:
            columns: tuple[ProgressColumn, ...] = (
                SpinnerColumn(),
                TextColumn("{task.description}", markup=False),
                BarColumn(24),
                TimeElapsedColumn(),
            )
            with Progress(*columns, console=self.console, transient=True) as progress:
                task = progress.add_task(what, total=total)
                yield lambda done: progress.update(task, completed=done)
        else:
            self.say(f"  [dim]…[/] {safe(what)}")
            yield lambda _: None
        self.say(f"  [green]✓[/] {safe(what)} [dim]{time.monotonic() - began:.1f} s[/]")

    @contextmanager
    def noting(self, without: str) -> Iterator[None]:
        """Shows lines written to standard error as lines of ours, so that no bar is disturbed.

        Lines that begin with `without` are left out: the bar says the same.
        """

        def note(line: str) -> None:
            if not line.startswith(without):
                self.print_folded(f"[dim]{safe(line)}[/]", indent=4)

        with redirect_stderr(_Lines(note)):
            yield

    def day(self, story: "Story") -> "Day":
        """The display of the day itself; a context manager."""
        return Day(self.console, story, moves=self._moves)


class _Lines(io.TextIOBase):
    """A stream that hands on whole lines."""

    def __init__(self, take: Callable[[str], None]) -> None:
        self._take, self._rest = take, ""

    def write(self, text: str) -> int:
        """Takes any piece of text."""
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            if line.strip():
                self._take(line)
        return len(text)


class Day:
    """The log of what happens, and the panel of figures."""

    def __init__(self, console: Console, story: "Story", *, moves: bool) -> None:
        """Shows nothing before it is entered."""
        self._console, self._story, self._moves = console, story, moves
        self._zone = story.shops[0].settings.timezone
        self._figures: Figures | None = None
        self._events = self._steps = 0
        self._now = story.begins
        self._shown_day = ""
        self._teller = Teller(
            story.member_named,
            lambda moment: self._shown(moment)[1],
            console.width - WHEN_WIDTH - 2,
        )
        self._live = (
            Live(console=console, get_renderable=self._panel, refresh_per_second=8, transient=True)
            if moves
            else None
        )

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *exc: object) -> None:
        if self._live is not None:
            self._live.stop()

    def begins(self, step: "StoryStep") -> None:
        """A step: when, and what happens."""
        self._now, self._steps = step.at, self._steps + 1
        day, time_of_day = self._shown(step.at)
        if day != self._shown_day:
            if not self._moves and self._figures is not None:
                self._console.print(
                    f"[dim]{_plain(self._figures, self._events)}[/]", soft_wrap=True
                )
            self._shown_day = day
            self._line(
                f"[bold cyan]{day}[/]", "[cyan]the sample clock jumps[/]" if self._steps > 1 else ""
            )
        self._line(f"[cyan]{time_of_day}[/]", f"[bold]{safe(step.says)}[/]", right=True)
        if step.command:
            self._line("", f"[dim]$ points {safe(self._typed(step.command))}[/]")
        if step.notices:
            self._line("", f"[dim]$ points {safe(self._typed(step.notices))}[/]")

    def event_read(self, event: dict[str, Any]) -> None:
        """An event from points.changed.v1."""
        member = self._story.member_named(event["member_id"])
        usable, ends = event["balance"]["available"], self._expiry(event)
        change = _change(event)
        self._line("", f"{change} {safe(member)} has {usable:,} now{ends}")

    def answer_read(self, answer: dict[str, Any]) -> None:
        """A refusal from points.command-results.v1; of what is applied, the events tell."""
        if answer["outcome"] == "refused":
            who = safe(self._story.member_named(answer["member_id"]))
            why = f"[magenta]{answer['code']}[/] [dim]{safe(answer['message'] or '')}[/]"
            self._line("", f"[red]✖[/] {answer['type']} for {who} is refused: {why}")

    def told(self, news: "Sequence[Told]") -> None:
        """What members were told, and who was not. Of shops that tell nothing, nothing."""
        ours = self._story.shops[0].id
        shown = [told for told in news if told.notice.merchant_id == ours]
        for line in self._teller.words(shown):
            self._line("", line)
        letter = self._teller.letter(shown)
        if letter is not None:
            self._line("", letter)

    def _expiry(self, event: dict[str, Any]) -> str:
        if event["points"] <= 0 or not event["lots"]:
            return ""
        zone = next(s.settings.timezone for s in self._story.shops if s.id == event["merchant_id"])
        text = event["lots"][0]["expires_at"]
        ends = NEVER if text is None else micros(datetime.fromisoformat(text))
        return (
            " [dim](never expire)[/]"
            if ends == NEVER
            else f" [dim](until {shown_day(ends, zone)} 23:59)[/]"
        )

    def _typed(self, command: Sequence[str]) -> str:
        """A command as an operator would type it, with names instead of our ids and paths."""
        return shlex.join(
            [
                self._story.named(word) if not word.startswith("/") else Path(word).name
                for word in command
            ]
        )

    def decided(self, outcomes: Sequence["StoryOutcome"]) -> None:
        """What orders earn so far, and when; those with the same answer in one line."""
        names: dict[str, dict[str, None]] = {}
        for outcome in outcomes:
            name = outcome.order.member.alias if outcome.order.member else "The guest"
            names.setdefault(self._decided(outcome), {})[name] = None
        for text, who in names.items():
            joined = " and ".join(who) if len(who) < MANY else ", ".join(who)
            self._line("", f"[dim]·[/] {joined}: {text}")

    def _decided(self, outcome: "StoryOutcome") -> str:
        explained = outcome.explained
        now = explained.decided
        if explained.state == "planned" and now.due_at is not None:
            return f"[yellow]{now.points:,} points planned[/] for {self._shown(now.due_at)[0]}"
        if explained.state == "granted":
            return f"nothing moves: the {explained.view.granted:,} points stay"
        if explained.state == "none":
            return f"no points: [magenta]{now.reason}[/]"
        if explained.state == "withdrawn":
            if outcome.entries:
                return "nothing is left"
            return f"nothing planned any more: [magenta]{now.reason}[/]"
        return f"[dim]not final: {safe(outcome.where[0].lower() + outcome.where[1:])}[/]"

    def update(self, figures: "Figures", events: int) -> None:
        """New figures for the panel; a line at once for what could not be used."""
        before = self._figures
        if before is not None and figures.letters > before.letters:
            self._line(
                "", "[magenta]✖ a dead letter[/] [dim]kept byte for byte; all the others go on[/]"
            )
        if before is not None and figures.parked > before.parked:
            self._line(
                "",
                "[magenta]‖ parked[/] [dim]a report with a number that no order has named yet[/]",
            )
        if before is not None and figures.unknown > before.unknown:
            self._line(
                "",
                "[magenta]? an unknown code[/] "
                "[dim]kept and counted; its order stays where it was[/]",
            )
        self._figures, self._events = figures, events

    def _line(self, when: str, text: RenderableType, *, right: bool = False) -> None:
        table = Table.grid(padding=(0, 1, 0, 0))
        table.add_column(width=WHEN_WIDTH, no_wrap=True, justify="right" if right else "left")
        table.add_column()
        table.add_row(when, text)
        self._console.print(table)

    def _shown(self, moment: Micros) -> tuple[str, str]:
        local = instant(moment).astimezone(ZoneInfo(self._zone))
        return f"{local:%a} {local.day} {local:%b %Y}", f"{local:%H:%M}"

    def _panel(self) -> Panel:
        day, time_of_day = self._shown(self._now)
        rows: list[Any] = (
            [_figures_shown(self._figures, self._events)] if self._figures is not None else []
        )
        bar = Table.grid(padding=(0, 1))
        bar.add_row(
            ProgressBar(len(self._story.steps), self._steps, width=40, complete_style="cyan"),
            f"[dim]{self._steps} of {len(self._story.steps)}[/]",
        )
        title = f"[bold]sample clock [cyan]{day} {time_of_day}[/][/]"
        width = min(self._console.width, PANEL_WIDTH)
        return Panel(
            Group(*rows, bar),
            title=title,
            title_align="left",
            width=width,
            border_style="cyan",
            padding=(0, 1),
        )


def _change(event: dict[str, Any]) -> str:
    """What an event changed: points, or only what of them is held."""
    points = event["points"]
    if not points:
        return f"[yellow]▶ {event['type']} {abs(event['held_points']):,}[/]"
    colour, sign = ("green", "+") if points > 0 else ("red", "−")
    return f"[{colour}]▶ {event['type']} {sign}{abs(points):,}[/]"


def _figures_shown(figures: "Figures", events: int) -> Table:
    table = Table.grid(padding=(0, 2), expand=True)
    for _ in range(4):
        table.add_column(ratio=1, no_wrap=True)
    cells = [
        f"[dim]{name}[/] [bold {colour}]{value}[/]"
        for name, value, colour in _cells(figures, events)
    ]
    table.add_row(*cells[:4])
    table.add_row(*cells[4:])
    return table


def _cells(figures: "Figures", events: int) -> list[tuple[str, str, str]]:
    return [
        ("orders in", f"{figures.orders}", "white"),
        ("planned", f"{figures.planned}", "yellow"),
        ("granted", f"+{figures.granted:,}" if figures.granted else "0", "green"),
        ("taken", f"−{-figures.taken:,}" if figures.taken else "0", "red"),
        (
            "records",
            f"{figures.consumed}" + (f" (lag {figures.lag})" if figures.lag else ""),
            "white",
        ),
        ("parked", f"{figures.parked}", "magenta" if figures.parked else "white"),
        ("events out", f"{events}", "green"),
        ("dead letters", f"{figures.letters}", "magenta" if figures.letters else "white"),
    ]


def _plain(figures: "Figures", events: int) -> str:
    return " · ".join(f"{name} {value}" for name, value, _ in _cells(figures, events))
