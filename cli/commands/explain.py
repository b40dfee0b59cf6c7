"""`points explain`: one order, what it earns and when, and why."""

from typing import TYPE_CHECKING

from cli.support.arguments import Merchant, Order
from cli.support.console import JsonOption, emit, out, panel_title, safe
from cli.support.wiring import connect, database_configuration

if TYPE_CHECKING:
    from rich.table import Table

    from rules.explain.order import Explained

_COLOURS = {
    "none": "red",
    "waiting": "yellow",
    "planned": "cyan",
    "granted": "green",
    "withdrawn": "magenta",
}


def explain_command(merchant: Merchant, order: Order, json_: JsonOption = False) -> None:
    """Explain an order: its settings, what counted, what is missing, what was posted, and why."""
    from rules.explain.order import explain
    from store.reads.order import order_view

    with connect(database_configuration()) as connection:
        explained = explain(order_view(connection, merchant, order))
    if json_:
        emit(explained.answer(order))
    else:
        _print(merchant, order, explained)


def _print(merchant: str, order: str, explained: "Explained") -> None:
    from rich.console import Group
    from rich.panel import Panel
    from rich.rule import Rule

    colour = _COLOURS[explained.state]
    state = f"[bold {colour}]{explained.state}[/]"
    title = f"order [bold]{safe(order)}[/] at {safe(merchant)} · {state}"
    body = Group(_figures(explained), Rule(style="dim"), _steps(explained))
    out().print(
        Panel(
            body,
            title=panel_title(title),
            title_align="left",
            border_style=colour,
            padding=(0, 1),
            width=min(out().width, 118),
        )
    )


def _figures(explained: "Explained") -> "Table":
    from rich.table import Table

    from rules.explain.formatting import day_shown, moment_shown, money_shown

    now, zone = explained.decided, explained.zone
    table = Table.grid(padding=(0, 3))
    if now.reason:
        points = f"0 [yellow]{now.reason}[/]"
    else:
        base = safe(money_shown(now.earning.base, explained.currency))
        points = f"[bold]{now.points:,}[/] of {base}"
    left = (
        ("member", safe(explained.member_id or "none")),
        ("points", points),
        ("posted", f"[bold]{explained.view.granted:,}[/]"),
    )
    right = (
        ("final", moment_shown(now.final_at, zone) if now.final_at is not None else "not yet"),
        ("due", moment_shown(now.due_at, zone) if now.due_at is not None else "–"),
        ("expires", day_shown(now.expires_at, zone) or "–"),
    )
    for (name, value), (when_name, when) in zip(left, right, strict=True):
        table.add_row(f"[dim]{name}[/]", value, f"[dim]{when_name}[/]", when)
    return table


def _steps(explained: "Explained") -> "Table":
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    about = ""
    for step in explained.steps:
        word, colon, rest = step.text.partition(": ")
        # A reason's word stands out: it is what people search for.
        text = (
            f"[yellow]{safe(word)}[/]: {safe(rest)}"
            if colon and word.islower() and "_" in word
            else safe(step.text)
        )
        table.add_row("" if step.about == about else step.about, text)
        about = step.about
    return table
