"""`points history` and `points member history`: a member's ledger entries, a page at a time."""

from typing import TYPE_CHECKING, Annotated

import typer

from cli.support.arguments import LARGEST_INT8, Member, Merchant
from cli.support.console import JsonOption, emit, out, safe
from cli.support.wiring import connect, database_configuration

if TYPE_CHECKING:
    from rich.table import Table

    from schemas.answers.members import HistoryEntry

COLUMNS = ("#", "when", "type", "points", "held", "balance", "about", "expires")
NUMBERS = frozenset({"#", "points", "held", "balance"})
WIDE = 110
"""Columns of a terminal on which all of an entry fits on one line."""


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
    from store.reads.account.history import history
    from store.reads.settings import time_zone

    with connect(database_configuration()) as connection:
        entries = history(connection, merchant, member, min(after, LARGEST_INT8), limit)
        zone = time_zone(connection, merchant)
    if json_:
        emit(entries)
    else:
        _print(entries, limit, zone)


def _print(entries: "list[HistoryEntry]", limit: int, zone: str) -> None:
    if not entries:
        out().print("no entries")
        return
    out().print(history_table(entries, zone, narrow=out().width < WIDE))
    if len(entries) == limit:
        out().print(f"[dim]more: --after {entries[-1].sequence}[/]")


def history_table(entries: "list[HistoryEntry]", zone: str, *, narrow: bool) -> "Table":
    """The entries as rows. On a narrow terminal these take two lines, so that ids stay whole."""
    from rich.table import Table

    from rules.explain.formatting import day_shown, moment_shown

    table = Table(box=None, header_style="dim", padding=(0, 1 if narrow else 2, 0, 0))
    left_out = {"expires"} if narrow else set()
    left_out |= set() if any(map(_has_held, entries)) else {"held"}
    columns = [name for name in COLUMNS if name not in left_out]
    for name in columns:
        table.add_column(
            name,
            justify="right" if name in NUMBERS else "left",
            no_wrap=name in NUMBERS or name == "type",
            overflow="fold",
            min_width=None if name in NUMBERS or name == "type" else len("2025-12-31"),
            max_width=len("2025-12-31") if narrow and name == "when" else None,
        )
    for entry in entries:
        cells = {
            "#": str(entry.sequence),
            "when": moment_shown(entry.occurred_at, zone),
            "type": entry.type.name,
            "points": _signed(entry.points),
            "held": _signed(entry.held_points or 0),
            "balance": f"{entry.balance_after:,}",
            "about": _about(entry),
            "expires": day_shown(entry.expires_at, zone),
        }
        if narrow and cells["expires"]:
            cells["about"] += f"\nexpires {cells['expires']}"
        table.add_row(*(cells[name] for name in columns))
    return table


def _has_held(entry: "HistoryEntry") -> bool:
    return bool(entry.held_points)


def _signed(points: int) -> str:
    if not points:
        return ""
    return f"[{'green' if points > 0 else 'red'}]{points:+,}[/]"


def _about(entry: "HistoryEntry") -> str:
    """What the entry names: the order, else the hold, and why somebody made it."""
    why = [entry.reason] if entry.reason else []
    by = [f"by {entry.performer}"] if entry.performer and not entry.hold_id else []
    what = entry.order_id or (f"hold {entry.hold_id}" if entry.hold_id else None)
    return safe(", ".join([*([what] if what else []), *why, *by]))
