"""What the commands about jobs share: how a job is named, applied and shown."""

from typing import TYPE_CHECKING, Annotated

import typer

from cli.support.arguments import typed_text
from cli.support.console import emit, out, safe, slow_progress
from cli.support.wiring import connect, database_configuration

if TYPE_CHECKING:
    from processors.bulk.shops import Shop
    from schemas.bulk.states import JobState
    from store.reads.jobs import ShownJob


JobId = Annotated[str, typer.Argument(help="The job's id.", callback=typed_text)]
Reason = Annotated[
    str, typer.Option("--reason", help="Why: 1 to 50 characters.", callback=typed_text)
]


def apply_and_report(shop: "Shop", job_id: str, *, json_: bool) -> None:
    """Applies a job to its end, with a progress bar, and shows what came of it."""
    from processors.bulk.running import run_together
    from processors.bulk.shops import shop_of

    with (
        connect(database_configuration(), tuned=True) as second,
        slow_progress("rows") as advance,
    ):
        both = (shop, shop_of(second, shop.merchant_id))
        run_together(both, shop.key(job_id), advance)
    report(shop, job_id, json_=json_)


def report(
    shop: "Shop", job_id: str, *, json_: bool, only_if: "JobState | None" = None
) -> "ShownJob | None":
    """Shows a job as it stands; with `only_if` just one in that state."""
    from store.reads.jobs import shown_job
    from store.reads.settings import time_zone
    from store.reads.snapshot import snapshot

    with snapshot(shop.connection) as cursor:
        shown = shown_job(cursor, shop.merchant_id, job_id)
    if only_if is not None and shown.answer.state is not only_if:
        return None
    if json_:
        emit(shown.answer)
    else:
        print_job(shown, time_zone(shop.connection, shop.merchant_id))
    return shown


def print_job(shown: "ShownJob", zone: str) -> None:
    """A job for people: where it stands, and whose it is; times are the merchant's."""
    from rules.explain.formatting import moment_shown

    job = shown.answer
    done = f"{job.successful_count:,} of {job.total_count:,} rows applied"
    refused = f", [red]{job.failed_count:,} refused[/]" if job.failed_count else ""
    out().print(f"[bold]{safe(job.job_id)}[/] is [bold]{job.state}[/]: {done}{refused}")
    if shown.made_at is not None:
        who = f"by {safe(shown.made_by)} at {moment_shown(shown.made_at, zone)} ({zone})"
        approved = f", approved by {safe(shown.approved_by)}" if shown.approved_by else ""
        what = f"{job.points:,} points, {safe(shown.reason)}"
        out().print(f"[dim]{what} · {who}{approved}[/]")
