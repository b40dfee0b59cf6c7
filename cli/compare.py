"""`points compare-upstream`: the platform's own figure of each order beside ours, differences by reason (SPEC 7)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from cli.console import JsonOption, emit, out, slow_progress
from cli.wiring import configuration, connect

if TYPE_CHECKING:
    from psycopg import Connection

    from rules.facts import OrderRecord
    from store.views import Judged

WORDS = {
    "equal": "the same points after the same days",
    "points_differ": "other points",
    "partly_returned": "theirs still counts goods that went back",
    "days_differ": "the same points, after other days",
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
    merchant: Annotated[str | None, typer.Argument(help="The merchant's id; all merchants without.")] = None,
    limit: Annotated[int, typer.Option("--limit", help="Show so many orders of each difference.", min=0, max=10_000)] = 3,
    json_: JsonOption = False,
) -> None:
    """Compare the platform's own figures (member_point_summary) with ours. It changes nothing: they are never paid."""
    with connect(configuration()) as connection, slow_progress("comparing") as advance:
        groups = compare(connection, merchant, limit, advance)
    if json_:
        emit(compared_json(groups))
    else:
        _print(groups)


def compare(
    connection: "Connection[tuple[Any, ...]]", merchant: str | None, limit: int, advance: Callable[[int, int], None]
) -> list[Group]:
    """All outcomes, `equal` first, then by how many orders have them. Tells `advance` how many of how many are done."""
    from rules.summary import compared, ours
    from schemas.packing import unpack_id
    from store import views

    groups: dict[str, Group] = {}
    for page in views.judged(connection, merchant):
        for one in page.orders:
            record, outcome = one.facts.record, compared(one.facts, one.rules, one.decided)
            if record is not None and record.summary_points is not None and outcome is not None:
                days = one.rules.pending_days if one.rules is not None else None
                points = ours(one.decided)
                shown = Example(
                    one.merchant_id, unpack_id(one.order_id), record.summary_points, points, record.summary_days, days
                )
                groups.setdefault(outcome, Group(outcome)).add(shown, limit)
        advance(page.done, page.total)
    return sorted(groups.values(), key=lambda group: (group.outcome != "equal", -group.orders, group.outcome))
