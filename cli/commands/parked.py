"""`points carriers parked`: carriers' reports that have no order, and why (SPEC 6)."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.support.console import JsonOption, emit, out
from cli.support.wiring import configuration, connect

if TYPE_CHECKING:
    from store.carriers.parked import AmbiguousNumber, AwaitedOrder, Parked


def parked_command(
    ambiguous: Annotated[
        bool, typer.Option("--ambiguous", help="List the reports that fit several orders.")
    ] = False,
    limit: Annotated[
        int,
        typer.Option("--limit", help="List at most so many numbers and orders.", min=1, max=10_000),
    ] = 50,
    json_: JsonOption = False,
) -> None:
    """Show carriers' reports without an order: unmatched ones wait 180 days, ambiguous ones fit several and count for none."""
    from store.carriers import parked as reports

    with connect(configuration()) as connection:
        parked, purged = reports.parked(connection), reports.purged(connection)
        numbers = reports.ambiguous(connection, limit) if ambiguous else []
        orders = (
            [one for one in reports.awaited(connection, limit) if len(one.merchants) > 1]
            if ambiguous
            else []
        )
    if json_:
        listed = {
            "numbers": [contested_json(one) for one in numbers],
            "orders": [awaited_json(one) for one in orders],
        }
        emit(parked_json(parked, purged) | (listed if ambiguous else {}))
        return
    _print_counts(parked, purged)
    _print_contested(numbers)
    _print_awaited(orders)
    if len(numbers) == limit:
        out().print(f"[dim]the oldest {limit}; more with --limit[/]")


def contested_json(one: "AmbiguousNumber") -> dict[str, Any]:
    """An ambiguous number for programs, with the orders that ever named it and all reports that came for it."""
    from schemas.ids import iso

    return {
        "tracking_number": one.number.decode("ascii", "replace"),
        "since": iso(one.since),
        "crowded": one.crowded,
        "orders": [
            {
                **order._asdict(),
                "created_at": iso(order.created_at) if order.created_at is not None else None,
            }
            for order in one.orders
        ],
        "reports": [
            {
                "occurred_at": iso(r.at),
                "service": r.service,
                "code": r.code,
                "word": r.meaning.word,
                "return_leg": r.return_leg,
            }
            for r in one.reports
        ],
    }


def awaited_json(one: "AwaitedOrder") -> dict[str, Any]:
    """An order id that several merchants have, for programs."""
    from schemas.ids import iso

    return one._asdict() | {"since": iso(one.since)}


def _print_contested(numbers: "list[AmbiguousNumber]") -> None:
    from rich.markup import escape

    from schemas.ids import iso

    for one in numbers:
        crowded = (
            " [red]so many orders named it that it counts for none of them[/]"
            if one.crowded
            else ""
        )
        out().print(
            f"\n[bold]{escape(one.number.decode('ascii', 'replace'))}[/] [dim]since {iso(one.since)[:16]}Z[/]{crowded}"
        )
        for order in one.orders:
            created = (
                f", created {iso(order.created_at)[:16]}Z" if order.created_at is not None else ""
            )
            now = "[yellow]names it[/]" if order.names_it else "[dim]named it once[/]"
            out().print(
                f"  {now}  {escape(order.merchant_id)} {escape(order.order_id)} [dim]{escape(order.status)}{created}[/]"
            )
        for report in one.reports:
            leg = ", on the way back" if report.return_leg else ""
            out().print(
                f"  {iso(report.at)}  {escape(report.service)} {escape(report.code)}: {report.meaning.word}{leg}"
            )


def _print_awaited(orders: "list[AwaitedOrder]") -> None:
    from rich.markup import escape

    for one in orders:
        many = "1 report names" if one.reports == 1 else f"{one.reports:,} reports name"
        out().print(
            f"\n{many} order [bold]{escape(one.order_id)}[/] and no merchant; there is one at {escape(', '.join(one.merchants))}"
        )


def parked_json(parked: "Parked", purged: dict[str, int]) -> dict[str, Any]:
    """The counts, for programs; `oldest` is null where there are none.

    `purged`: reports forgotten after 180 days, by kind.
    """
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
        (parked.unmatched, "unmatched"),
        (parked.awaiting, "awaiting their order"),
        (parked.ambiguous, "ambiguous → points carriers parked --ambiguous"),
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
        (
            "unmatched",
            parked.unmatched,
            parked.unmatched_since,
            "tracking numbers that no order names",
        ),
        (
            "ambiguous",
            parked.ambiguous,
            parked.ambiguous_since,
            "tracking numbers with reports that fit several orders",
        ),
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
