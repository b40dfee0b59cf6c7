"""`points carriers parked`: carriers' reports that have no order, and why (rules.md 6)."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from cli.support.console import JsonOption, emit, out, safe
from cli.support.wiring import connect, database_configuration

if TYPE_CHECKING:
    from schemas.answers.parked import (
        AmbiguousNumberAnswer,
        AwaitedOrderAnswer,
        ParkedAnswer,
        ParkedRecordAnswer,
    )
    from schemas.ids import Micros
    from store.reads.parked import Parked, ParkedReason


def parked_command(
    ambiguous: Annotated[
        bool, typer.Option("--ambiguous", help="List the reports that fit several members' orders.")
    ] = False,
    records: Annotated[
        bool, typer.Option("--records", help="List the parked records by their coordinates.")
    ] = False,
    limit: Annotated[
        int,
        typer.Option("--limit", help="List at most this many of each.", min=1, max=10_000),
    ] = 50,
    json_: JsonOption = False,
) -> None:
    """Show carriers' reports without an order.

    Unmatched ones wait 180 days.
    Ambiguous ones fit several members' orders and count for none.
    """
    from schemas.answers.parked import ParkedListAnswer, ParkedRecordsAnswer
    from store.reads import parked as reports

    with connect(database_configuration()) as connection:
        answer = parked_answer(
            reports.parked(connection), reports.reasons(connection), reports.purged(connection)
        )
        numbers = reports.ambiguous(connection, limit) if ambiguous else []
        awaited = reports.awaited(connection, limit) if ambiguous else []
        by_place = reports.records(connection, limit) if records else []
    listed, orders, parked = tuple(numbers), tuple(awaited), tuple(by_place)
    if json_ and records:
        emit(ParkedRecordsAnswer(**dict(answer), records=parked))
    elif json_ and ambiguous:
        emit(ParkedListAnswer(**dict(answer), numbers=listed, orders=orders))
    elif json_:
        emit(answer)
    else:
        _print_counts(answer)
        _print_ambiguous(listed)
        _print_awaited(orders)
        _print_records(parked)
        if limit in (len(listed), len(orders), len(parked)):
            out().print(f"[dim]the oldest {limit}; more with --limit[/]")


def parked_answer(
    parked: "Parked", reasons: "Iterable[ParkedReason]", purged: dict[str, int]
) -> "ParkedAnswer":
    """The counts, for programs."""
    from schemas.answers.parked import ParkedAnswer, ParkedNumbers, ParkedReports

    return ParkedAnswer(
        unmatched=ParkedNumbers(numbers=parked.unmatched, oldest=parked.unmatched_since),
        ambiguous=ParkedNumbers(numbers=parked.ambiguous, oldest=parked.ambiguous_since),
        awaiting_order=ParkedReports(reports=parked.awaiting, oldest=parked.awaiting_since),
        reasons={each.reason: each.records for each in reasons},
        purged=purged,
    )


def in_words(parked: "ParkedAnswer") -> str:
    """What waits, in a few words."""
    parts = (
        (parked.unmatched.numbers, "unmatched"),
        (parked.awaiting_order.reports, "awaiting their order"),
        (parked.ambiguous.numbers, "ambiguous → points carriers parked --ambiguous"),
    )
    return ", ".join(f"{count:,} {what}" for count, what in parts if count)


def _print_counts(parked: "ParkedAnswer") -> None:
    from rich.table import Table

    from store.carriers.awaiting_order import TOO_MANY

    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(justify="right")
    table.add_column(style="dim")
    unmatched, ambiguous, awaiting = parked.unmatched, parked.ambiguous, parked.awaiting_order
    table.add_row(
        "unmatched",
        f"{unmatched.numbers:,}",
        f"tracking numbers that no order names{_oldest(unmatched.oldest)}",
    )
    table.add_row(
        "ambiguous",
        f"{ambiguous.numbers:,}",
        "tracking numbers with reports that fit several members' orders"
        f"{_oldest(ambiguous.oldest)}",
    )
    table.add_row(
        "awaiting order",
        f"{awaiting.reports:,}",
        f"reports that name an order we do not know{_oldest(awaiting.oldest)}",
    )
    for reason, count in parked.reasons.items():
        table.add_row("records", f"{count:,}", f"parked as {reason} → --records")
    for kind, count in parked.purged.items():
        why = "too many" if kind == TOO_MANY else f"{kind}, after 180 days"
        table.add_row("purged", f"{count:,}", f"reports forgotten: {why}")
    out().print(table)


def _oldest(since: "Micros | None") -> str:
    return f", the oldest since {_minute(since)}" if since is not None else ""


def _minute(moment: "Micros") -> str:
    from schemas.ids import iso

    return f"{iso(moment)[:16]}Z"


def _print_ambiguous(numbers: "Iterable[AmbiguousNumberAnswer]") -> None:
    from schemas.ids import iso

    console = out()
    for number in numbers:
        too_many = "so many orders named it that it counts for none of them"
        crowded = f" [red]{too_many}[/]" if number.crowded else ""
        since = f"[dim]since {_minute(number.since)}[/]"
        console.print(f"\n[bold]{safe(number.tracking_number)}[/] {since}{crowded}")
        for order in number.orders:
            created = (
                f", created {_minute(order.created_at)}" if order.created_at is not None else ""
            )
            names_it = "[yellow]names it[/]" if order.names_it else "[dim]named it once[/]"
            ids = f"{safe(order.merchant_id)} {safe(order.order_id)}"
            console.print(f"  {names_it}  {ids} [dim]{safe(order.status)}{created}[/]")
        for report in number.reports:
            leg = ", on the way back" if report.return_leg else ""
            code = f"{safe(report.service)} {safe(report.code)}"
            console.print(f"  {iso(report.occurred_at)}  {code}: {safe(report.word)}{leg}")


def _print_awaited(orders: "Iterable[AwaitedOrderAnswer]") -> None:
    for order in orders:
        reports = "1 report names" if order.reports == 1 else f"{order.reports:,} reports name"
        since = f"[dim]since {_minute(order.since)}[/]"
        out().print(
            f"\n{reports} order [bold]{safe(order.order_id)}[/] and no merchant; "
            f"no order has that id {since}"
        )


def _print_records(records: "Iterable[ParkedRecordAnswer]") -> None:

    for record in records:
        named = f" of {safe(record.merchant_id)}" if record.merchant_id is not None else ""
        out().print(
            f"{safe(record.topic)}/{record.partition} {record.offset}  {record.reason}: "
            f"[bold]{safe(record.waits_for)}[/]{named} [dim]since {_minute(record.since)}[/]"
        )
