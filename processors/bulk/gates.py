"""Jobs cancelled, and approved by a second person (account.md 7)."""

from processors.bulk.refusals import BulkRefused, named
from processors.bulk.shops import Shop
from schemas.bulk.states import Gate
from store.bulk import jobs, pieces
from store.ledger.jobs import JobKey
from store.postgres.session import transaction


def cancel_job(shop: Shop, job_id: str) -> JobKey:
    """Ends a job: what is not applied yet never is. A second time changes nothing.

    Raises UnknownJob, and BulkRefused when nothing is left to cancel.
    """
    key = shop.key(job_id)
    with transaction(shop.connection) as cursor:
        # Waits for the pieces in hand, whose transactions share the job; later ones see the end.
        job = jobs.lock(cursor, key)
        if job.gate is not Gate.cancelled:
            if not pieces.progress(cursor, key)[1]:
                raise BulkRefused("not_cancellable", job_id)
            jobs.change_gate(cursor, key, Gate.cancelled)
    return key


def approve_job(shop: Shop, job_id: str, by: str) -> JobKey:
    """Lets a job go on that waits for a second person; an extension, off by default.

    Raises UnknownJob, and BulkRefused for the person who made it, or one without a proper id.
    """
    named(by=by)
    key = shop.key(job_id)
    with transaction(shop.connection) as cursor:
        job = jobs.lock(cursor, key)
        if job.gate is not Gate.waiting_approval:
            raise BulkRefused("no_approval_needed", job_id)
        if job.made_by == by:
            raise BulkRefused("same_person", job_id)
        jobs.change_gate(cursor, key, Gate.open, by)
    return key
