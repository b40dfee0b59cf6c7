"""`points history`: a member's ledger entries, a page at a time."""

from typing import TYPE_CHECKING, Annotated

import typer

from cli.support.arguments import LARGEST_INT8, Member, Merchant
from cli.support.console import JsonOption, emit, out, safe
from cli.support.wiring import connect, database_configuration

if TYPE_CHECKING:
    from schemas.answers.members import HistoryEntry

COLUMNS = ("#", "when", "type", "points", "balance", "order", "expires")
NUMBERS = frozenset({"#", "points", "balance"})


def history_command(
    merchant: Merchant,
    member: Member,
    after: Annotated[
        int, typer.Option("--after", help="Only entries after this sequence.", min=0)
    ] = 0,
    limit: Annotated[
        int, typer.Option("--limit", help="At most this many entries.", min=1, max=10_000)
    ] = 100,
    json_: JsonOption = False,
) -> None:
    """Show a member's ledger entries, oldest first, a page at a time."""
    from store.reads.history import history
    from store.reads.settings import time_zone

    with connect(database_configuration()) as connection:
        entries = history(connection, merchant, member, min(after, LARGEST_INT8), limit)
        zone = time_zone(connection, merchant)
    if json_:
        emit(entries)
    else:
        _print(entries, limit, zone)


def _print(entries: "list[HistoryEntry]", limit: int, zone: str) -> None:
    from rich.table import Table

    from rules.explain.formatting import day_shown, moment_shown

    if not entries:
        out().print("no entries")
        return
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    for name in COLUMNS:
        table.add_column(name, justify="right" if name in NUMBERS else "left")
    for entry in entries:
        colour = "green" if entry.points > 0 else "red"
        table.add_row(
            str(entry.sequence),
            moment_shown(entry.occurred_at, zone),
            entry.type.name,
            f"[{colour}]{entry.points:+,}[/]",
            f"{entry.balance_after:,}",
            safe(entry.order_id or ""),
            day_shown(entry.expires_at, zone),
        )
    out().print(table)
    if len(entries) == limit:
        out().print(f"[dim]more: --after {entries[-1].sequence}[/]")
