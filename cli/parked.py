"""`points carriers parked`: carriers' reports that have no order, and why (SPEC 6)."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.console import JsonOption, emit, out
from cli.wiring import configuration, connect

if TYPE_CHECKING:
    from store.views import Parked


def parked_command(
    ambiguous: Annotated[bool, typer.Option("--ambiguous", help="List the reports that fit several orders.")] = False,
    limit: Annotated[int, typer.Option("--limit", help="List at most so many numbers and orders.", min=1, max=10_000)] = 50,
    json_: JsonOption = False,
) -> None:
    """Show carriers' reports without an order: unmatched ones wait 180 days, ambiguous ones fit several and count for none."""
    from store import views

    with connect(configuration()) as connection:
        parked, purged = views.parked(connection), views.purged(connection)
    if json_:
        emit(parked_json(parked, purged))
    else:
        _print_counts(parked, purged)


def parked_json(parked: "Parked", purged: dict[str, int]) -> dict[str, Any]:
    """The counts, for programs; `oldest` is null where there are none. `purged`: reports forgotten after 180 days, by kind."""
    from schemas.ids import iso

    def told(count: int, since: int | None, what: str) -> dict[str, Any]:
        return {what: count, "oldest": iso(since) if since is not None else None}

    return {
        "unmatched": told(parked.unmatched, parked.unmatched_since, "numbers"),
        "ambiguous": told(parked.ambiguous, parked.ambiguous_since, "numbers"),
        "awaiting_order": told(parked.awaiting, parked.awaiting_since, "reports"),
        "purged": purged,
    }


def in_words(parked: "Parked") -> str:
    """What waits, in a few words."""
    parts = [
        (parked.ambiguous, "numbers that fit several orders → points carriers parked --ambiguous"),
        (parked.unmatched, "numbers that no order names"),
        (parked.awaiting, "reports of orders that are not known"),
    ]
    return ", ".join(f"{count:,} {what}" for count, what in parts if count)


def _print_counts(parked: "Parked", purged: dict[str, int]) -> None:
    from rich.table import Table

    from schemas.ids import iso

    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(justify="right")
    table.add_column(style="dim")
    rows = (
        ("unmatched", parked.unmatched, parked.unmatched_since, "tracking numbers that no order names"),
        ("ambiguous", parked.ambiguous, parked.ambiguous_since, "tracking numbers with reports that fit several orders"),
        (
            "awaiting order",
            parked.awaiting,
            parked.awaiting_since,
            "reports of an order that is not known, or of several merchants",
        ),
    )
    for name, count, since, what in rows:
        oldest = f", the oldest since {iso(since)[:16]}Z" if since is not None else ""
        table.add_row(name, f"{count:,}", what + oldest)
    for kind, count in purged.items():
        table.add_row("purged", f"{count:,}", f"{kind} reports forgotten after 180 days")
    out().print(table)
