"""The end of the sample days: who got what and when, and who got nothing and why."""

from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.table import Table

from cli.demo.outcome import Results, StoryOutcome, shops_of
from cli.demo.telling import CHANNELS
from cli.support.console import safe
from rules.explain.formatting import day_shown
from rules.local_days import local_date

if TYPE_CHECKING:
    from cli.demo.story import Story, StoryCommand

WIDE = 110
"""Columns from which on the table has a column for the shops."""
DIGITS = 4
"""The last digits of an order's id: the sample's orders differ in them."""


def show(console: Console, story: "Story", got: Results) -> None:
    """Prints all of it."""
    earned = [outcome for outcome in got.outcomes if outcome.explained.view.granted]
    nothing = [outcome for outcome in got.outcomes if not outcome.explained.view.granted]
    console.print("\n[bold]Who got what, and when[/]")
    console.print(_earned(earned, console.width))
    console.print("\n[bold]Who got nothing, and why[/] [dim](as points explain says it)[/]")
    console.print(_nothing(nothing, console.width))
    ids = {outcome.order.id[:-DIGITS] for outcome in got.outcomes}
    console.print(f"[dim]the orders' ids begin with {', '.join(sorted(ids))}[/]")
    console.print(
        "\n[bold]Who got points by hand and who spent some[/] [dim](points.command-results.v1)[/]"
    )
    console.print(_spending(story, got))
    console.print("\n[bold]What they have now[/] [dim](points balance)[/]")
    console.print(_balances(story, got))
    _told(console, story, got)
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


def _earned(outcomes: list[StoryOutcome], width: int) -> Group:
    """A table; where it is narrow outcome for every shop, under the shop's name."""
    if width >= WIDE:
        return Group(_earned_table(outcomes, named=True))
    parts: list[RenderableType] = []
    for name, mine in groupby(outcomes, key=lambda outcome: outcome.order.shop.name):
        parts += [f"[dim]{safe(name)}[/]", _earned_table(list(mine), named=False)]
    return Group(*parts)


def _earned_table(outcomes: list[StoryOutcome], *, named: bool) -> Table:
    table = _table(
        *(["shop"] if named else []), "member", "order", "points", "due", "usable until", "how"
    )
    table.columns[-2].min_width = len("2025-12-31 23:59")
    shop = ""
    for outcome in outcomes:
        now, zone = outcome.explained.decided, outcome.explained.zone
        due = str(local_date(now.due_at, zone)) if now.due_at is not None else ""
        several = f": {_entries(outcome)}" if len(outcome.entries) > 1 else ""
        first, shop = _first(outcome, shop), outcome.order.shop.name
        figures = (
            f"[green]{outcome.explained.view.granted:,}[/]",
            due,
            day_shown(now.expires_at, zone),
        )
        row = (_who(outcome), _order(outcome), *figures, f"{safe(outcome.order.about)}{several}")
        table.add_row(*([f"[dim]{safe(first)}[/]"] if named else []), *row)
    return table


def _nothing(outcomes: list[StoryOutcome], width: int) -> Table:
    table = _table(*(["shop"] if width >= WIDE else []), "member", "order", "state", "why")
    shop = ""
    for outcome in outcomes:
        posted = f" [dim]({_entries(outcome)})[/]" if outcome.entries else ""
        state = f"[magenta]{outcome.explained.decided.reason or outcome.explained.state}[/]"
        first, shop = _first(outcome, shop), outcome.order.shop.name
        table.add_row(
            *([f"[dim]{safe(first)}[/]"] if width >= WIDE else []),
            _who(outcome),
            _order(outcome),
            state,
            safe(outcome.why) + posted,
        )
    return table


def _first(outcome: StoryOutcome, before: str) -> str:
    """The shop's name where it begins, nothing in the rows below it."""
    return outcome.order.shop.name if outcome.order.shop.name != before else ""


def _entries(outcome: StoryOutcome) -> str:
    return ", ".join(outcome.entries).replace("-", "−")


def _who(outcome: StoryOutcome) -> str:
    return outcome.order.member.alias if outcome.order.member else "a guest"


def _order(outcome: StoryOutcome) -> str:
    return f"…{outcome.order.id[-DIGITS:]}"


def _balances(story: "Story", got: Results) -> Table:
    table = _table("shop", "balances")
    table.columns[1].no_wrap = False
    for shop in shops_of(got):
        shown = []
        for (merchant, member), balance in got.balances.items():
            if merchant == shop.id:
                debt = f" [red]debt {balance.debt:,}[/]" if balance.debt else ""
                shown.append(f"{story.member_named(member)} [bold]{balance.available:,}[/]{debt}")
        table.add_row(safe(shop.name), " · ".join(shown))
    return table


def _spending(story: "Story", got: Results) -> Table:
    table = _table("member", "command", "points", "answer", "has then", "how")
    for command in story.spending:
        answer = got.answers[command.id]
        applied = answer["outcome"] == "applied"
        balance = answer["balance"]
        held = f", {balance['held']:,} held" if balance["held"] else ""
        table.add_row(
            command.member.alias,
            command.type,
            f"{command.content['points']:,}" if "points" in command.content else "all",
            f"[{'green' if applied else 'magenta'}]{answer['code']}[/]",
            f"{balance['available']:,}{held}",
            safe(_how(command)),
        )
    return table


def _how(command: "StoryCommand") -> str:
    """What a command names: the reason, the gifts, the hold, the order."""
    content = command.content
    gifts = [f"{gift['gift_id']}" for gift in content.get("gifts", ())]
    order = [f"on …{content['order_id'][-DIGITS:]}"] if "order_id" in content else []
    named = [content[name] for name in ("reason", "hold_id") if name in content]
    return ", ".join([*named, *gifts, *order])


def _told(console: Console, story: "Story", got: Results) -> None:
    """What members were told, and what each shop owes for it."""
    if got.notices is None:
        console.print(
            "\n[dim]Notices are not played: the extra `notices` or a real Kafka is missing[/]"
        )
        return
    console.print("\n[bold]What members were told[/] [dim](points notices list)[/]")
    counts = Counter((n.channel, n.state, n.reason) for n in got.notices)
    for (channel, state, reason), count in sorted(counts.items(), key=str):
        why = f": [magenta]{safe(reason)}[/]" if reason else ""
        console.print(f"{CHANNELS[channel]:4} {count:3} {state}{why}")
    console.print("\n[bold]What each shop owes for SMS[/] [dim](points notices usage)[/]")
    for shop in story.shops:
        rows = [row for row in got.usage if row.merchant_id == shop.id and row.channel == "sms"]
        messages, parts = sum(row.messages for row in rows), sum(row.parts for row in rows)
        by = ", ".join(row.provider for row in rows)
        owed = f"{messages} messages of {parts} parts in all, by {by}" if messages else "nothing"
        console.print(f"{safe(shop.name)}: {owed}")


def _dead_letters(console: Console, got: Results) -> None:
    console.print("\n[bold]What could not be read[/] [dim](points dlq list)[/]")
    for letter in got.letters:
        place = f"{letter.topic}/{letter.partition} @{letter.offset}"
        console.print(
            f"{letter.id}  {safe(place)}  [magenta]{safe(letter.reason)}[/]: {safe(letter.message)}"
        )


def _unknown_codes(console: Console, got: Results) -> None:
    console.print(
        "\n[bold]Carriers' codes that are in no table[/] [dim](points carriers unknown)[/]"
    )
    for unknown in got.unknown:
        times = f"{unknown.reports} report" + ("s" if unknown.reports > 1 else "")
        code = f"[magenta]{safe(unknown.code)}[/]"
        console.print(
            f"{unknown.carrier} {unknown.service}  {code}  {times}; its order stays where it was"
        )


def _figures(console: Console, got: Results) -> None:
    outcomes = ", ".join(f"{count} {name}" for name, count in got.records.items() if count)
    console.print("\n[bold]Nothing is dropped silently[/]")
    console.print(f"{sum(got.records.values())} records in: {outcomes}")
    if got.records["parked"] and not got.parked:
        console.print("[dim]parked: a report that came before its order; it has found it since[/]")
    console.print(
        f"{got.entries} ledger entries, {len(got.events)} points-changed events, "
        "each with an id of its own"
    )
    where = (
        f"[red]{len(got.leaks)} places have some[/]"
        if got.leaks
        else "none is in a table or an event"
    )
    console.print(f"{got.searched} names, numbers and addresses were in the records: {where}")
    console.print(
        "[dim]a dead letter keeps its bytes for 14 days; points dlq show masks what is personal[/]"
    )
