"""`points expiring`: whose points lapse soon."""

from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from cli.support.arguments import Days, Merchant, at_most
from cli.support.console import JsonOption, emit_each, out, print_table, safe
from cli.support.wiring import connect, database_configuration

if TYPE_CHECKING:
    from schemas.answers.members import ExpiringOfMember

SHOWN = 100
"""Rows that people see unless they ask for more."""


def expiring_command(
    merchant: Merchant,
    days: Days = 30,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit", help=f"At most this many rows; else {SHOWN}, or all as JSON.", min=1
        ),
    ] = None,
    json_: JsonOption = False,
) -> None:
    """Show whose free points lapse soon, by instant and member."""
    from store.reads.account.expiring import expiring
    from store.reads.settings import time_zone

    with connect(database_configuration()) as connection:
        zone = time_zone(connection, merchant)
        with closing(expiring(connection, merchant, days)) as rows:
            if json_:
                emit_each(islice(rows, at_most(limit)))
            else:
                _print(rows, days, at_most(limit) or SHOWN, zone)


def _print(rows: "Iterator[ExpiringOfMember]", days: int, limit: int, zone: str) -> None:
    from rich.table import Table

    from rules.explain.formatting import day_shown

    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("usable until", no_wrap=True)
    table.add_column("member", no_wrap=True)
    table.add_column("points", justify="right", no_wrap=True)
    day = ""
    for row in islice(rows, limit):
        before, day = day, day_shown(row.expires_at, zone)
        table.add_row(day if day != before else "", safe(row.member_id), f"{row.points:,}")
    if not table.row_count:
        out().print(f"nothing lapses within {days:,} days")
        return
    print_table(table)
    if next(rows, None) is not None:
        out().print(f"[dim]more: --limit {limit * 10}, or --json for all[/]")
