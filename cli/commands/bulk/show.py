"""`points bulk list | show | rows`: jobs as they stand, and what became of each row."""

from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from cli.commands.bulk.job import JobId, print_job
from cli.support.arguments import LARGEST_INT4, Merchant, at_most
from cli.support.console import JsonOption, emit, emit_each, out, print_table, safe
from cli.support.wiring import connect, database_configuration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.answers.bulk import JobRowAnswer

SHOWN_ROWS = 100
"""To people, unless they ask for another number."""
_COLUMNS = ("row", "member", "points", "outcome", "code", "#", "missing")
_NUMBERS = frozenset({"row", "points", "#", "missing"})


def list_command(merchant: Merchant, json_: JsonOption = False) -> None:
    """List a merchant's jobs, newest first; those that commands began come last."""
    from store.reads.jobs import shown_jobs
    from store.reads.settings import time_zone
    from store.reads.snapshot import snapshot

    with connect(database_configuration()) as connection:
        with snapshot(connection) as cursor:
            jobs = shown_jobs(cursor, merchant)
        zone = time_zone(connection, merchant)
    if json_:
        emit([job.answer for job in jobs])
        return
    for job in jobs:
        print_job(job, zone)
    if not jobs:
        out().print("no jobs")


def show_command(merchant: Merchant, job: JobId, json_: JsonOption = False) -> None:
    """Show where a job stands."""
    from store.reads.jobs import shown_job
    from store.reads.settings import time_zone
    from store.reads.snapshot import snapshot

    with connect(database_configuration()) as connection:
        with snapshot(connection) as cursor:
            shown = shown_job(cursor, merchant, job)
        zone = time_zone(connection, merchant)
    if json_:
        emit(shown.answer)
    else:
        print_job(shown, zone)


def rows_command(
    merchant: Merchant,
    job: JobId,
    after: Annotated[
        int, typer.Option("--after", help="Only rows after this line of the file.", min=0)
    ] = 0,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit", help="At most so many; by default all with --json, else 100.", min=1
        ),
    ] = None,
    refused: Annotated[bool, typer.Option("--refused", help="Only those refused.")] = False,
    json_: JsonOption = False,
) -> None:
    """Show the rows of a job and what became of each."""
    from store.reads.jobs import job_rows
    from store.reads.snapshot import snapshot

    wanted = at_most(limit) if json_ or limit is not None else SHOWN_ROWS
    with connect(database_configuration()) as connection, snapshot(connection) as cursor:
        rows = job_rows(
            cursor,
            merchant,
            job,
            after=min(after, LARGEST_INT4),
            limit=wanted,
            refused_only=refused,
        )
        if json_:
            emit_each(rows)
        else:
            _print(rows, wanted or SHOWN_ROWS)


def _print(rows: "Iterator[JobRowAnswer]", limit: int) -> None:
    from rich.table import Table

    found = list(islice(rows, limit))
    if not found:
        out().print("no rows")
        return
    columns = [name for name in _COLUMNS if name != "missing" or found[0].missing is not None]
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    for name in columns:
        table.add_column(name, justify="right" if name in _NUMBERS else "left", no_wrap=True)
    for row in found:
        colour = {"applied": "green", "refused": "red", None: "dim"}[row.outcome]
        cells = [
            str(row.row or ""),
            safe(row.member_id),
            f"{row.points:+,}",
            f"[{colour}]{row.outcome or 'waits'}[/]",
            row.code.name if row.code is not None else "",
            str(row.sequence or ""),
            str(row.missing or ""),
        ]
        table.add_row(*cells[: len(columns)])
    print_table(table)
    if len(found) == limit and found[-1].row is not None:
        out().print(f"[dim]more: --after {found[-1].row}[/]")
