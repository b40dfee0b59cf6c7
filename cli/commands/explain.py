"""`points explain`: one order, what it earns and when, and why."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.support.console import JsonOption, emit, out
from cli.support.wiring import configuration, connect

if TYPE_CHECKING:
    from rich.table import Table

    from cli.support.steps import Explained

_COLOURS = {
    "none": "red",
    "waiting": "yellow",
    "planned": "cyan",
    "granted": "green",
    "withdrawn": "magenta",
}


def explain_command(
    merchant: Annotated[str, typer.Argument(help="The merchant's id.")],
    order: Annotated[str, typer.Argument(help="The order's id.")],
    json_: JsonOption = False,
) -> None:
    """Explain an order: its settings, what counted, what is awaited, what was posted, and why."""
    from cli.support.steps import explain
    from store.reads import views

    with connect(configuration()) as connection:
        found = explain(views.order(connection, merchant, order))
    if json_:
        emit(explained_json(order, found))
    else:
        _print(merchant, order, found)


def explained_json(order_id: str, found: "Explained") -> dict[str, Any]:
    """The contract's shape."""
    from schemas.ids import iso, iso_or_none

    now, bound = found.decided, found.view.settings
    return {
        "order_id": order_id,
        "member_id": member_of(found),
        "settings_version": bound.version if bound is not None else None,
        "base": now.earning.base,
        "points": now.points,
        "final_at": iso(now.final_at) if now.final_at is not None else None,
        "due_at": iso(now.due_at) if now.due_at is not None else None,
        "expires_at": iso_or_none(now.expires_at) if now.expires_at is not None else None,
        "state": found.state,
        "granted": found.view.granted,
        "steps": [step.text for step in found.steps],
    }


def member_of(found: "Explained") -> str | None:
    """The order's newest member."""
    from schemas.packing import unpack_id

    record = found.view.facts.record
    return unpack_id(record.member) if record is not None and record.member is not None else None


def _print(merchant: str, order: str, found: "Explained") -> None:
    from rich.console import Group
    from rich.markup import escape
    from rich.panel import Panel
    from rich.rule import Rule

    colour = _COLOURS[found.state]
    title = (
        f"order [bold]{escape(order)}[/] at {escape(merchant)} · [bold {colour}]{found.state}[/]"
    )
    body = Group(_figures(found), Rule(style="dim"), _steps(found))
    out().print(
        Panel(
            body,
            title=title,
            title_align="left",
            border_style=colour,
            padding=(0, 1),
            width=min(out().width, 118),
        )
    )


def _figures(found: "Explained") -> "Table":
    from rich.markup import escape
    from rich.table import Table

    from cli.support.formatting import day_shown, moment_shown, money_shown

    now, zone = found.decided, found.zone
    table = Table.grid(padding=(0, 3))
    points = (
        f"[bold]{now.points:,}[/] of {money_shown(now.earning.base, found.currency)}"
        if not now.reason
        else "0"
    )
    reason = f" [yellow]{now.reason}[/]" if now.reason else ""
    left = (
        ("member", escape(member_of(found) or "nobody")),
        ("points", points + reason),
        ("posted", f"[bold]{found.view.granted:,}[/]"),
    )
    right = (
        ("final", moment_shown(now.final_at, zone) if now.final_at is not None else "not yet"),
        ("due", moment_shown(now.due_at, zone) if now.due_at is not None else "–"),
        ("expires", day_shown(now.expires_at, zone) or "–"),
    )
    for (a, b), (c, d) in zip(left, right, strict=True):
        table.add_row(f"[dim]{a}[/]", b, f"[dim]{c}[/]", d)
    return table


def _steps(found: "Explained") -> "Table":
    from rich.markup import escape
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    about = ""
    for step in found.steps:
        word, colon, rest = step.text.partition(": ")
        # A reason's word stands out: it is what people search for.
        text = (
            f"[yellow]{escape(word)}[/]: {escape(rest)}"
            if colon and word.islower() and "_" in word
            else escape(step.text)
        )
        table.add_row("" if step.about == about else step.about, text)
        about = step.about
    return table
