"""`points compare-upstream`: the platform's own figure of each order beside ours, differences by reason (SPEC 7)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from cli.support.console import JsonOption, emit, out, slow_progress
from cli.support.wiring import configuration, connect

if TYPE_CHECKING:
    from psycopg import Connection

    from store.reads.upstream_figures import Judged

WORDS = {
    "equal": "the same points after the same days",
    "other_points": "other points",
    "partly_returned": "theirs still counts goods that went back",
    "other_days": "the same points, after other days",
    "not_final": "the same points; with us the order is not final yet",
    "cancelled": "with us it is cancelled or removed",
    "returned": "with us it is wholly returned",
}
"""What an outcome says; every other one is a reason why we give nothing, as `explain` names it."""


class Example(NamedTuple):
    """One order with both figures. Days are None where nobody told or bound them."""

    merchant_id: str
    order_id: str
    upstream_points: int
    our_points: int
    upstream_days: int | None
    our_days: int | None


@dataclass(slots=True)
class Group:
    """The orders with one outcome: how many, the sums of both sides, and some of them."""

    outcome: str
    orders: int = 0
    upstream_points: int = 0
    our_points: int = 0
    examples: list[Example] = field(default_factory=list)

    def add(self, example: Example, limit: int) -> None:
        """One order more."""
        self.orders += 1
        self.upstream_points += example.upstream_points
        self.our_points += example.our_points
        if len(self.examples) < limit:
            self.examples.append(example)


def compare_command(
    merchant: Annotated[
        str | None, typer.Argument(help="The merchant's id; all merchants without.")
    ] = None,
    limit: Annotated[
        int,
        typer.Option("--limit", help="Show so many orders of each difference.", min=0, max=10_000),
    ] = 3,
    json_: JsonOption = False,
) -> None:
    """Compare the platform's own figures (member_point_summary) with our_points.

    It changes nothing: they are never paid.
    """
    with connect(configuration()) as connection, slow_progress("comparing") as advance:
        groups = compare(connection, merchant, limit, advance)
    if json_:
        emit(compared_json(groups))
    else:
        _print(groups)


def compare(
    connection: "Connection[tuple[Any, ...]]",
    merchant: str | None,
    limit: int,
    advance: Callable[[int, int], None],
) -> list[Group]:
    """All outcomes, `equal` first, then by how many orders have them.

    Tells `advance` how many of how many are done.
    """
    from store.reads import upstream_figures

    groups: dict[str, Group] = {}
    for page in upstream_figures.with_figures(connection, merchant):
        for judged in page.orders:
            found = _example(judged)
            if found is not None:
                outcome, example = found
                groups.setdefault(outcome, Group(outcome)).add(example, limit)
        advance(page.done, page.total)
    return sorted(
        groups.values(), key=lambda group: (group.outcome != "equal", -group.orders, group.outcome)
    )


def _example(one: "Judged") -> tuple[str, Example] | None:
    """The outcome of one order; None when the platform gave no figure."""
    from rules.earning.upstream_figures import compare, our_points
    from schemas.packing import unpack_id

    record, outcome = one.facts.record, compare(one.facts, one.rules, one.decided)
    if record is None or record.summary_points is None or outcome is None:
        return None
    days = one.rules.pending_days if one.rules is not None else None
    figures = (record.summary_points, our_points(one.decided), record.summary_days, days)
    return outcome, Example(one.merchant_id, unpack_id(one.order_id), *figures)


def compared_json(groups: list[Group]) -> dict[str, Any]:
    """The report for programs: orders that have a figure of the platform, and both sums, in all and by outcome."""
    return {
        "orders": sum(group.orders for group in groups),
        "upstream_points": sum(group.upstream_points for group in groups),
        "our_points": sum(group.our_points for group in groups),
        "outcomes": [
            {
                "outcome": group.outcome,
                "orders": group.orders,
                "upstream_points": group.upstream_points,
                "our_points": group.our_points,
                "examples": [example._asdict() for example in group.examples],
            }
            for group in groups
        ],
    }


def _print(groups: list[Group]) -> None:
    from rich.table import Table

    if not groups:
        out().print("no order carries a figure of the platform (member_point_summary)")
        return
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("outcome")
    for name in ("orders", "theirs", "ours", "difference"):
        table.add_column(name, justify="right")
    table.add_column("", style="dim")
    for group in groups:
        colour = "green" if group.outcome == "equal" else "yellow"
        word = WORDS.get(group.outcome, "we give nothing: see `points explain`")
        table.add_row(f"[{colour}]{group.outcome}[/]", *_figures([group]), word)
    if len(groups) > 1:
        table.add_row("[bold]all[/]", *_figures(groups), "")
    out().print(table)
    _print_examples([group for group in groups if group.outcome != "equal" and group.examples])


def _figures(groups: list[Group]) -> list[str]:
    theirs, our_points = (
        sum(group.upstream_points for group in groups),
        sum(group.our_points for group in groups),
    )
    return [
        f"{sum(group.orders for group in groups):,}",
        f"{theirs:,}",
        f"{our_points:,}",
        f"{our_points - theirs:+,}" if our_points != theirs else "0",
    ]


def _print_examples(groups: list[Group]) -> None:
    from rich.markup import escape

    for group in groups:
        out().print(f"\n[yellow]{group.outcome}[/]", end="")
        out().print(
            f" [dim]· {len(group.examples)} of {group.orders:,}[/]"
            if group.orders > len(group.examples)
            else ""
        )
        for one in group.examples:
            theirs, our_points = f"{one.upstream_points:,}", f"{one.our_points:,}"
            if (
                one.upstream_days != one.our_days
                and one.upstream_days is not None
                and one.our_days is not None
            ):
                theirs, our_points = (
                    f"{theirs} after {one.upstream_days} days",
                    f"{our_points} after {one.our_days}",
                )
            ids = f"{escape(one.merchant_id)} {escape(one.order_id)}"
            out().print(f"  {ids}  [dim]theirs[/] {theirs}[dim], ours[/] {our_points}")
