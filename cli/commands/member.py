"""`points balance` and `points history`: what a member has, and how it came about."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.support.console import JsonOption, emit, out
from cli.support.wiring import configuration, connect

if TYPE_CHECKING:
    from store.reads.views import AccountBalance, HistoryEntry

Merchant = Annotated[str, typer.Argument(help="The merchant's id.")]
Member = Annotated[str, typer.Argument(help="The member's id.")]


def balance_command(merchant: Merchant, member: Member, json_: JsonOption = False) -> None:
    """Show a member's points as they are at this moment."""
    from store.reads import views

    with connect(configuration()) as connection:
        found = views.balance(connection, merchant, member)
        zone = _zone(connection, merchant)
    if json_:
        emit(balance_json(found))
    else:
        _print_balance(merchant, member, found, zone)


def balance_json(found: "AccountBalance") -> dict[str, Any]:
    """The contract's shape."""
    from schemas.ids import iso

    return {
        "available": found.available,
        "held": found.held,
        "debt": found.debt,
        "pending": found.pending,
        "never_expire": found.never_expire,
        "expiring": [
            {"expires_at": iso(lot.expires_at), "points": lot.points} for lot in found.expiring
        ],
        "sequence": found.sequence,
    }


def _zone(connection: Any, merchant: str) -> str:
    """The merchant's time zone, for showing days; UTC without settings."""
    from store.reads import views

    newest = views.settings_version(connection, merchant)
    return newest.document.timezone if newest is not None else "UTC"


def _print_balance(merchant: str, member: str, found: "AccountBalance", zone: str) -> None:
    from rich.markup import escape
    from rich.panel import Panel
    from rich.table import Table

    from rules.account.expiry import shown_day

    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right")
    table.add_row(f"[bold green]{found.available:,}[/]", "available")
    for lot in found.expiring:
        table.add_row(
            f"[dim]{lot.points:,}[/]",
            f"[dim]until {shown_day(lot.expires_at, zone)} 23:59 ({zone})[/]",
        )
    if found.never_expire:
        table.add_row(f"[dim]{found.never_expire:,}[/]", "[dim]never expire[/]")
    if found.held:
        table.add_row(f"{found.held:,}", "held")
    if found.debt:
        table.add_row(f"[red]{found.debt:,}[/]", "debt, which the next points pay first")
    table.add_row(f"{found.pending:,}", "pending (planned orders)")
    title = f"[bold]{escape(member)}[/] at {escape(merchant)}"
    out().print(Panel(table, title=title, title_align="left", expand=False, padding=(0, 2)))


def history_command(
    merchant: Merchant,
    member: Member,
    after: Annotated[
        int, typer.Option("--after", help="Only entries behind this sequence.", min=0)
    ] = 0,
    limit: Annotated[
        int, typer.Option("--limit", help="At most so many entries.", min=1, max=10_000)
    ] = 100,
    json_: JsonOption = False,
) -> None:
    """Show a member's ledger entries, oldest first, a page at a time."""
    from store.reads import views

    with connect(configuration()) as connection:
        entries = views.history(connection, merchant, member, after, limit)
        zone = _zone(connection, merchant)
    if json_:
        emit([history_json(entry) for entry in entries])
    else:
        _print_history(entries, limit, zone)


def history_json(entry: "HistoryEntry") -> dict[str, Any]:
    """The contract's shape."""
    from schemas.ids import iso, iso_or_none

    return {
        "sequence": entry.sequence,
        "type": entry.type,
        "points": entry.points,
        "balance_after": entry.balance_after,
        "order_id": entry.order_id,
        "reason": entry.reason,
        "performer": entry.performer,
        "expires_at": iso_or_none(entry.expires_at) if entry.expires_at is not None else None,
        "occurred_at": iso(entry.occurred_at),
        "recorded_at": iso(entry.recorded_at),
    }


def _print_history(entries: "list[HistoryEntry]", limit: int, zone: str) -> None:
    from rich.table import Table

    from cli.support.formatting import day_shown, moment_shown

    if not entries:
        out().print("no entries")
        return
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    for name, justify in (
        ("#", "right"),
        ("when", "left"),
        ("type", "left"),
        ("points", "right"),
        ("balance", "right"),
    ):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    table.add_column("order")
    table.add_column("expires")
    for e in entries:
        colour = "green" if e.points > 0 else "red"
        points = f"[{colour}]{e.points:+,}[/]"
        when, expires = moment_shown(e.occurred_at, zone), day_shown(e.expires_at, zone)
        table.add_row(
            str(e.sequence), when, e.type, points, f"{e.balance_after:,}", e.order_id or "", expires
        )
    out().print(table)
    if len(entries) == limit:
        out().print(f"[dim]more: --after {entries[-1].sequence}[/]")
