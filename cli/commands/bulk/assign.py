"""`points bulk assign | resume`: a file's rows become a job, which is applied to its end."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.commands.bulk.job import JobId, Reason, apply_and_report, report
from cli.support.arguments import Merchant, Staff, this_user, typed_text
from cli.support.console import JsonOption, emit, out, remark
from cli.support.documents import open_file, shown_name
from cli.support.wiring import connect, database_configuration

if TYPE_CHECKING:
    from processors.bulk.making import Wanted
    from processors.bulk.shops import Shop


def assign_command(
    merchant: Merchant,
    file: Annotated[
        Path, typer.Argument(help="CSV with member_id,points[,reason]; - for standard input.")
    ],
    reason: Reason,
    points: Annotated[
        str | None,
        typer.Option("--points", help="For rows that do not say how many.", callback=typed_text),
    ] = None,
    job: Annotated[
        str | None,
        typer.Option("--job", help="The job's id; by default a new one.", callback=typed_text),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what it would do.")] = False,
    by: Staff = None,
    json_: JsonOption = False,
) -> None:
    """Give points to every member in a file, each by itself; the whole file is validated first."""
    from secrets import token_hex

    from processors.bulk.making import Wanted, make_job
    from processors.bulk.shops import shop_of
    from schemas.bulk.states import JobState
    from schemas.whole_numbers import as_typed

    with connect(database_configuration(), tuned=True) as connection:
        shop = shop_of(connection, merchant)
        with open_file(file) as source:
            job_id = f"bulk-{token_hex(8)}" if job is None else job
            staff = this_user() if by is None else by
            each = None if points is None else as_typed(points)
            wanted = Wanted(source, shown_name(file), job_id, reason, staff, each)
            if dry_run:
                _try_out(shop, wanted, json_=json_)
                return
            make_job(shop, wanted)
        shown = report(shop, job_id, json_=json_, only_if=JobState.waiting_approval)
        if shown is None:
            remark(f"job {job_id}: if this is interrupted, `points bulk resume` goes on")
            apply_and_report(shop, job_id, json_=json_)


def _try_out(shop: "Shop", wanted: "Wanted", *, json_: bool) -> None:
    from processors.bulk.making import try_out
    from rules.explain.formatting import day_shown
    from schemas.answers.bulk import TrialAnswer
    from schemas.ids import NEVER
    from store.reads.settings import time_zone

    trial = try_out(shop, wanted)
    if json_:
        emit(TrialAnswer.model_validate(trial))
        return
    zone = time_zone(shop.connection, shop.merchant_id)
    until = "never expire"
    if trial.expires_at != NEVER:
        until = f"can be used until {day_shown(trial.expires_at, zone)} ({zone})"
    have = "has" if trial.new_members == 1 else "have"
    out().print(
        f"[bold]{trial.rows:,}[/] members would be given [bold]{trial.points:,}[/] points, which "
        f"{until}; {trial.new_members:,} of them {have} no account yet"
    )
    out().print("[dim]nothing was done[/]")


def resume_command(merchant: Merchant, job: JobId, json_: JsonOption = False) -> None:
    """Apply what is left of a job, also after it was killed."""
    from processors.bulk.shops import shop_of

    with connect(database_configuration(), tuned=True) as connection:
        apply_and_report(shop_of(connection, merchant), job, json_=json_)
