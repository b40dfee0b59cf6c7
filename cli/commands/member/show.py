"""`points member show`: a member's balance and what it is made of."""

from typing import TYPE_CHECKING

from cli.support.arguments import Days, Member, Merchant
from cli.support.console import JsonOption, emit, out, panel_title, safe
from cli.support.wiring import connect, database_configuration

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.table import Table

    from schemas.answers.members import MemberAnswer


def show_command(
    merchant: Merchant, member: Member, days: Days = 30, json_: JsonOption = False
) -> None:
    """Show a member's balance, live holds, points that lapse soon and planned orders."""
    from store.reads.account.member import member_shown
    from store.reads.settings import time_zone

    with connect(database_configuration()) as connection:
        answer = member_shown(connection, merchant, member, days)
        zone = time_zone(connection, merchant)
    if json_:
        emit(answer)
    else:
        _print(f"[bold]{safe(member)}[/] at {safe(merchant)}", answer, days, zone)


def _print(title: str, answer: "MemberAnswer", days: int, zone: str) -> None:
    from rich.console import Group
    from rich.panel import Panel

    from cli.commands.balance import figures
    from rules.explain.formatting import day_shown, moment_shown

    plans = [
        (f"{plan.points:,}", f"{safe(plan.order_id)}, due {moment_shown(plan.due_at, zone)}")
        for plan in answer.plans
    ]
    upcoming = [
        (f"{lot.points:,}", f"until {day_shown(lot.expires_at, zone)}") for lot in answer.upcoming
    ]
    holds = [
        (
            f"{hold.points:,}",
            f"{safe(hold.hold_id)}, {hold.purpose}, until {moment_shown(hold.expires_at, zone)}",
        )
        for hold in answer.holds
    ]
    body = Group(
        figures(answer, zone),
        *_section("held for", holds),
        *_section(f"lapse within {days:,} days", upcoming),
        *_section("planned", plans),
        f"[dim]times of {zone}[/]",
    )
    out().print(
        Panel(body, title=panel_title(title), title_align="left", expand=False, padding=(0, 2))
    )


def _section(name: str, rows: "Iterable[tuple[str, str]]") -> "list[Table | str]":
    """A heading with its rows; nothing where there are none."""
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right", no_wrap=True)
    table.add_column(overflow="fold")
    for row in rows:
        table.add_row(*row)
    return [f"\n[bold]{name}[/]", table] if table.row_count else []
