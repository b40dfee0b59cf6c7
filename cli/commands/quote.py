"""`points quote`: what a cart costs with a member's points."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.support.arguments import Member, Merchant, typed_text
from cli.support.console import JsonOption, emit, out, panel_title, safe
from cli.support.documents import read_document, shown_name
from cli.support.wiring import connect, quoting_configuration

if TYPE_CHECKING:
    from rich.table import Table

    from schemas.answers.quotes import QuoteAnswer


def quote_command(
    merchant: Merchant,
    member: Member,
    cart: Annotated[Path, typer.Argument(help="The cart, JSON; - for standard input.")],
    points: Annotated[
        str | None,
        typer.Option(
            "--points", help="As entered, instead of what the cart says.", callback=typed_text
        ),
    ] = None,
    json_: JsonOption = False,
) -> None:
    """Quote how many points a cart may use, what they are worth, and why."""
    from rules.quotes.answer import Signing
    from schemas.quotes import load_cart
    from schemas.whole_numbers import as_typed
    from store.reads.account.quote import quoted
    from store.settings.merchants import Merchants

    loaded = quoting_configuration()
    data = read_document(cart)
    entered = None if points is None else as_typed(points)
    asked = load_cart(data, name=shown_name(cart), points=entered)
    signing = Signing(loaded.quotes.signing(), loaded.quotes.ttl_seconds)
    with connect(loaded) as connection:
        answer = quoted(connection, Merchants(connection), merchant, member, asked, signing)
    if json_:
        emit(answer)
    else:
        _print(answer)


def _print(answer: "QuoteAnswer") -> None:
    from rich.console import Group
    from rich.panel import Panel
    from rich.rule import Rule

    steps = "\n".join(safe(step) for step in answer.steps)
    colour = "green" if answer.points else "yellow"
    title = f"[bold]{safe(answer.member_id)}[/] at {safe(answer.merchant_id)}"
    out().print(
        Panel(
            Group(_figures(answer), Rule(style="dim"), f"[dim]{steps}[/]"),
            title=panel_title(f"{title} · [bold {colour}]{answer.code}[/]"),
            title_align="left",
            border_style=colour,
            padding=(0, 1),
            width=min(out().width, 118),
        )
    )


def _figures(answer: "QuoteAnswer") -> "Table":
    from rich.table import Table

    from rules.explain.formatting import money_shown
    from schemas.ids import iso

    def money(amount: int) -> str:
        return safe(money_shown(amount, answer.currency))

    bill = [("items", money(answer.subtotal))]
    bill += [("discount", money(-answer.discount))] if answer.discount else []
    bill += [("store credit", money(-answer.store_credit))] if answer.store_credit else []
    bill += [("points", money(-answer.point_discount))]
    bill += [("delivery", money(answer.delivery_fee))] if answer.delivery_fee else []
    bill += [("[bold]total[/]", f"[bold]{money(answer.total)}[/]")]
    points = [
        ("available", f"{answer.available:,}"),
        ("at most", f"{answer.max_points:,} [dim]{answer.limited_by or ''}[/]"),
        ("entered", f"{answer.entered:,}" if answer.entered is not None else "nothing"),
        ("[bold]used[/]", f"[bold]{answer.points:,}[/]"),
        ("left", f"{answer.points_left:,}"),
        ("signed until", iso(answer.valid_until) if answer.valid_until is not None else "–"),
    ]
    table = Table.grid(padding=(0, 3))
    table.add_column()
    table.add_column(justify="right")
    rows = max(len(bill), len(points))
    for left, right in zip(
        bill + [("", "")] * (rows - len(bill)),
        points + [("", "")] * (rows - len(points)),
        strict=True,
    ):
        table.add_row(*left, *right)
    return table
