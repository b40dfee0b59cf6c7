"""`points bulk cancel | approve | undo`: what may be done with a job besides applying it."""

from cli.commands.bulk.job import JobId, Reason, apply_and_report, report
from cli.support.arguments import Merchant, Staff, this_user
from cli.support.console import JsonOption
from cli.support.wiring import connect, database_configuration


def cancel_command(merchant: Merchant, job: JobId, json_: JsonOption = False) -> None:
    """Cancel what of a job is not applied yet; what is applied stays."""
    from processors.bulk.gates import cancel_job
    from processors.bulk.shops import shop_of

    with connect(database_configuration(), tuned=True) as connection:
        shop = shop_of(connection, merchant)
        cancel_job(shop, job)
        report(shop, job, json_=json_)


def approve_command(
    merchant: Merchant, job: JobId, by: Staff = None, json_: JsonOption = False
) -> None:
    """Approve a job as a second person, and apply it (an extension: `assign.approval_above`)."""
    from processors.bulk.gates import approve_job
    from processors.bulk.shops import shop_of

    with connect(database_configuration(), tuned=True) as connection:
        shop = shop_of(connection, merchant)
        approve_job(shop, job, this_user() if by is None else by)
        apply_and_report(shop, job, json_=json_)


def undo_command(
    merchant: Merchant,
    job: JobId,
    reason: Reason,
    by: Staff = None,
    json_: JsonOption = False,
) -> None:
    """Take back what a job gave, never into debt (an extension: `assign.bulk_undo`)."""
    from processors.bulk.shops import shop_of
    from processors.bulk.undoing import make_undo

    with connect(database_configuration(), tuned=True) as connection:
        shop = shop_of(connection, merchant)
        key = make_undo(shop, job, reason, this_user() if by is None else by)
        apply_and_report(shop, key[1].decode(), json_=json_)
