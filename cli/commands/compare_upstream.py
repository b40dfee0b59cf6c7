"""`points compare-upstream`: the platform's own figures compared with ours (rules.md 7)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import typer

from cli.support.arguments import typed_text
from cli.support.console import JsonOption, emit, out, print_table, safe, slow_progress
from cli.support.wiring import connect, database_configuration

if TYPE_CHECKING:
    from schemas.answers.orders import ComparedOrder, ComparisonOutcome, UpstreamComparison
    from store.postgres.session import Database
    from store.reads.upstream_figures import DecidedOrder

WORDS = {
    "equal": "the same points after the same days",
    "other_points": "other points",
    "partly_returned": "theirs still counts goods that went back",
    "other_days": "the same points, after other days",
    "not_final": "the same points; with us the order is not final yet",
    "cancelled": "with us it is cancelled or removed",
    "returned": "with us it is wholly returned",
}
"""What an outcome says; every other one is a reason why we give nothing, as in `explain`."""


@dataclass(slots=True)
class _Group:
    """The orders with one outcome, while they are counted."""

    orders: int = 0
    upstream_points: int = 0
    our_points: int = 0
    examples: "list[ComparedOrder]" = field(default_factory=list)

    def add(self, order: "ComparedOrder", limit: int) -> None:
        """One order more."""
        self.orders += 1
        self.upstream_points += order.upstream_points
        self.our_points += order.our_points
        if len(self.examples) < limit:
            self.examples.append(order)


def compare_command(
    merchant: Annotated[
        str | None,
        typer.Argument(help="The merchant's id; without it, all merchants.", callback=typed_text),
    ] = None,
    limit: Annotated[
        int,
        typer.Option("--limit", help="Show this many orders of each outcome.", min=0, max=10_000),
    ] = 3,
    json_: JsonOption = False,
) -> None:
    """Compare the platform's own figures (member_point_summary) with ours.

    It changes nothing: points are never granted from them.
    """
    with connect(database_configuration()) as connection, slow_progress("comparing") as advance:
        comparison = compare(connection, merchant, limit, advance)
    if json_:
        emit(comparison)
    else:
        _print(comparison)


def compare(
    connection: "Database",
    merchant: str | None,
    limit: int,
    advance: Callable[[int, int], None],
) -> "UpstreamComparison":
    """All outcomes, `equal` first, then by how many orders have them.

    `advance` is called with how many of how many orders are done.
    """
    from schemas.answers.orders import ComparisonOutcome, UpstreamComparison
    from store.reads import upstream_figures

    groups: dict[str, _Group] = {}
    for page in upstream_figures.with_figures(connection, merchant):
        for order in page.orders:
            compared = _compared(order)
            if compared is not None:
                outcome, example = compared
                groups.setdefault(outcome, _Group()).add(example, limit)
        advance(page.done, page.total)
    outcomes = [
        ComparisonOutcome(
            outcome=outcome,
            orders=group.orders,
            upstream_points=group.upstream_points,
            our_points=group.our_points,
            examples=tuple(group.examples),
        )
        for outcome, group in groups.items()
    ]
    outcomes.sort(key=lambda each: (each.outcome != "equal", -each.orders, each.outcome))
    return UpstreamComparison(
        orders=sum(each.orders for each in outcomes),
        upstream_points=sum(each.upstream_points for each in outcomes),
        our_points=sum(each.our_points for each in outcomes),
        outcomes=tuple(outcomes),
    )


def _compared(order: "DecidedOrder") -> "tuple[str, ComparedOrder] | None":
    """The outcome of one order; None when the platform gave no figure."""
    from rules.earning.upstream_figures import compare, our_points
    from schemas.answers.orders import ComparedOrder
    from schemas.packing import unpack_id

    record, outcome = order.facts.record, compare(order.facts, order.rules, order.decided)
    if record is None or record.summary_points is None or outcome is None:
        return None
    return outcome, ComparedOrder(
        merchant_id=order.merchant_id,
        order_id=unpack_id(order.order_id),
        upstream_points=record.summary_points,
        our_points=our_points(order.decided),
        upstream_days=record.summary_days,
        our_days=order.rules.pending_days if order.rules is not None else None,
    )


def _print(comparison: "UpstreamComparison") -> None:
    from rich.table import Table

    outcomes = comparison.outcomes
    if not outcomes:
        out().print("no order carries a figure of the platform (member_point_summary)")
        return
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("outcome", no_wrap=True)
    for name in ("orders", "theirs", "ours", "difference"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", style="dim")
    for each in outcomes:
        colour = "green" if each.outcome == "equal" else "yellow"
        word = WORDS.get(each.outcome, "we give nothing: see `points explain`")
        table.add_row(f"[{colour}]{each.outcome}[/]", *_figures(each), word)
    if len(outcomes) > 1:
        table.add_row("[bold]all[/]", *_figures(comparison), "")
    print_table(table)
    _print_examples([each for each in outcomes if each.outcome != "equal" and each.examples])


def _figures(counted: "ComparisonOutcome | UpstreamComparison") -> list[str]:
    theirs, ours = counted.upstream_points, counted.our_points
    difference = f"{ours - theirs:+,}" if ours != theirs else "0"
    return [f"{counted.orders:,}", f"{theirs:,}", f"{ours:,}", difference]


def _print_examples(outcomes: "Sequence[ComparisonOutcome]") -> None:
    for each in outcomes:
        some_of = f"{len(each.examples)} of {each.orders:,}"
        how_many = f" [dim]· {some_of}[/]" if each.orders > len(each.examples) else ""
        out().print(f"\n[yellow]{each.outcome}[/]{how_many}")
        for order in each.examples:
            theirs, ours = f"{order.upstream_points:,}", f"{order.our_points:,}"
            days = (order.upstream_days, order.our_days)
            if None not in days and order.upstream_days != order.our_days:
                theirs = f"{theirs} after {order.upstream_days} days"
                ours = f"{ours} after {order.our_days}"
            ids = f"{safe(order.merchant_id)} {safe(order.order_id)}"
            out().print(f"  {ids}  [dim]theirs[/] {theirs}[dim], ours[/] {ours}")
