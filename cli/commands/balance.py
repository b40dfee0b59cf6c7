"""`points balance`: what a member has at this moment."""

from typing import TYPE_CHECKING

from cli.support.arguments import Member, Merchant
from cli.support.console import JsonOption, emit, out, panel_title, safe
from cli.support.wiring import connect, database_configuration

if TYPE_CHECKING:
    from rich.table import Table

    from schemas.answers.members import BalanceAnswer


def balance_command(merchant: Merchant, member: Member, json_: JsonOption = False) -> None:
    """Show a member's points as they are at this moment."""
    from store.reads.account.balance import balance
    from store.reads.settings import time_zone

    with connect(database_configuration()) as connection:
        answer = balance(connection, merchant, member)
        zone = time_zone(connection, merchant)
    if json_:
        emit(answer)
    else:
        _print(merchant, member, answer, zone)


def _print(merchant: str, member: str, answer: "BalanceAnswer", zone: str) -> None:
    from rich.panel import Panel

    title = f"[bold]{safe(member)}[/] at {safe(merchant)}"
    table = figures(answer, zone)
    out().print(
        Panel(table, title=panel_title(title), title_align="left", expand=False, padding=(0, 2))
    )


def figures(answer: "BalanceAnswer", zone: str) -> "Table":
    """A balance as people read it, with the last days of the merchant's zone."""
    from rich.table import Table

    from rules.explain.formatting import day_shown

    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right")
    table.add_row(f"[bold green]{answer.available:,}[/]", "available")
    for lot in answer.expiring:
        until = f"until {day_shown(lot.expires_at, zone)} ({zone})"
        table.add_row(f"[dim]{lot.points:,}[/]", f"[dim]{until}[/]")
    if answer.never_expire:
        table.add_row(f"[dim]{answer.never_expire:,}[/]", "[dim]never expire[/]")
    if answer.held:
        table.add_row(f"{answer.held:,}", "held")
    if answer.debt:
        table.add_row(f"[red]{answer.debt:,}[/]", "debt, which the next points pay first")
    table.add_row(f"{answer.pending:,}", "pending (planned orders)")
    return table
