"""The end of the sample day: who got what and when, who got nothing and why, and what to try next."""

from itertools import groupby
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table

from cli.demo.outcome import Outcome, Results, shops_of
from rules.explain.formatting import day_shown
from rules.local_days import local_date

if TYPE_CHECKING:
    from cli.demo.story import Story

WIDE = 110
"""Columns from which on there is room for the shops beside their orders."""
DIGITS = 4
"""Of an order's id: the sample's orders differ in them."""


def show(console: Console, story: "Story", got: Results) -> None:
    """Prints all of it."""
    earned = [one for one in got.outcomes if one.told.view.granted]
    nothing = [one for one in got.outcomes if not one.told.view.granted]
    console.print("\n[bold]Who got what, and when[/]")
    console.print(_earned(earned, console.width))
    console.print("\n[bold]Who got nothing, and why[/] [dim](as points explain says it)[/]")
    console.print(_nothing(nothing, console.width))
    ids = {one.order.id[:-DIGITS] for one in got.outcomes}
    console.print(f"[dim]the orders' ids begin with {', '.join(sorted(ids))}[/]")
    console.print("\n[bold]What they have now[/] [dim](points balance)[/]")
    console.print(_balances(story, got))
    _dead_letters(console, got)
    _unknown_codes(console, got)
    _figures(console, got)


def _table(*columns: str) -> Table:
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0), pad_edge=False)
    for name in columns:
        right = name == "points"
        table.add_column(
            name, justify="right" if right else "left", no_wrap=name not in ("how", "why")
        )
    return table


def _earned(outcomes: list[Outcome], width: int) -> Group:
    """A table; where it is narrow one for every shop, under the shop's name."""
    if width >= WIDE:
        return Group(_earned_table(outcomes, named=True))
    told: list[RenderableType] = []
    for name, mine in groupby(outcomes, key=lambda one: one.order.shop.name):
        told += [f"[dim]{escape(name)}[/]", _earned_table(list(mine), named=False)]
    return Group(*told)


def _earned_table(outcomes: list[Outcome], *, named: bool) -> Table:
    table = _table(
        *(["shop"] if named else []), "member", "order", "points", "due", "usable until", "how"
    )
    table.columns[-2].min_width = len("2025-12-31 23:59")
    shop = ""
    for one in outcomes:
        now, zone = one.told.decided, one.told.zone
        due = str(local_date(now.due_at, zone)) if now.due_at is not None else ""
        several = f": {_entries(one)}" if len(one.entries) > 1 else ""
        first, shop = _first(one, shop), one.order.shop.name
        figures = (f"[green]{one.told.view.granted:,}[/]", due, day_shown(now.expires_at, zone))
        row = (_who(one), _order(one), *figures, f"{escape(one.order.about)}{several}")
        table.add_row(*([f"[dim]{escape(first)}[/]"] if named else []), *row)
    return table


def _nothing(outcomes: list[Outcome], width: int) -> Table:
    table = _table(*(["shop"] if width >= WIDE else []), "member", "order", "state", "why")
    shop = ""
    for one in outcomes:
        posted = f" [dim]({_entries(one)})[/]" if one.entries else ""
        state = f"[magenta]{one.told.decided.reason or one.told.state}[/]"
        first, shop = _first(one, shop), one.order.shop.name
        table.add_row(
            *([f"[dim]{escape(first)}[/]"] if width >= WIDE else []),
            _who(one),
            _order(one),
            state,
            escape(one.why) + posted,
        )
    return table


def _first(one: Outcome, before: str) -> str:
    """The shop's name where it begins, nothing in the rows below it."""
    return one.order.shop.name if one.order.shop.name != before else ""


def _entries(one: Outcome) -> str:
    return ", ".join(one.entries).replace("-", "−")


def _who(one: Outcome) -> str:
    return one.order.member.alias if one.order.member else "a guest"


def _order(one: Outcome) -> str:
    return f"…{one.order.id[-DIGITS:]}"


def _balances(story: "Story", got: Results) -> Table:
    table = _table("shop", "balances")
    table.columns[1].no_wrap = False
    for shop in shops_of(got):
        mine = {
            member: found
            for (merchant, member), found in got.balances.items()
            if merchant == shop.id
        }
        told = [
            f"{story.member_named(m)} [bold]{b.available:,}[/]"
            + (f" [red]debt {b.debt:,}[/]" if b.debt else "")
            for m, b in mine.items()
        ]
        table.add_row(escape(shop.name), " · ".join(told))
    return table


def _dead_letters(console: Console, got: Results) -> None:
    console.print("\n[bold]What could not be read[/] [dim](points dlq list)[/]")
    for letter in got.letters:
        place = f"{letter.topic}/{letter.partition} @{letter.offset}"
        console.print(
            f"{letter.id}  {escape(place)}  [magenta]{letter.reason}[/]: {escape(letter.message)}"
        )


def _unknown_codes(console: Console, got: Results) -> None:
    console.print(
        "\n[bold]What carriers said that stands in no table[/] [dim](points carriers unknown)[/]"
    )
    for one in got.unknown:
        times = f"{one.reports} report" + ("s" if one.reports > 1 else "")
        console.print(
            f"{one.carrier} {one.service}  [magenta]{escape(one.code)}[/]  {times}; its order stays where it was"
        )


def _figures(console: Console, got: Results) -> None:
    told = ", ".join(f"{count} {name}" for name, count in got.records.items() if count)
    console.print("\n[bold]Nothing is dropped silently[/]")
    console.print(f"{sum(got.records.values())} records in: {told}")
    if got.records["parked"] and not got.parked:
        console.print("[dim]parked: a report that came before its order; it has found it since[/]")
    console.print(
        f"{got.entries} ledger entries, {len(got.events)} points-changed events, each with an id of its own"
    )
    where = (
        f"[red]{len(got.found)} places have some[/]"
        if got.found
        else "none is in a table or an event"
    )
    console.print(f"{got.searched} names, numbers and addresses were in the records: {where}")
    console.print(
        "[dim]a dead letter keeps its bytes for 14 days; points dlq show masks what is personal[/]"
    )
