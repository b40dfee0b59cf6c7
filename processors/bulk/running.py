"""Jobs applied, a piece at a time: one transaction gives the points and marks the rows (I5).

Killed anywhere, whoever comes next goes on with the pieces that are not done. Two at once share
them, since a piece is locked by whoever has it in hand.
"""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from psycopg.errors import LockNotAvailable

from processors.bulk.refusals import BulkRefused
from processors.bulk.shops import Shop
from processors.bulk.undoing import rows_as_commands, take_back
from processors.commands.applying import apply_commands
from rules.account.commands import Situation
from schemas.bulk.states import Gate, JobRowCode
from store.bulk import jobs, pieces
from store.bulk.jobs import Job
from store.bulk.pieces import Piece, Result, Row
from store.ledger.commands import CommandRace
from store.ledger.jobs import JobKey
from store.postgres.session import Cursor, raw, transaction
from store.settings import turns

GIVES_WAY: Final = "2s", "75s"
"""For a lock that another session keeps, and for the statement that waits. Then the piece is begun
again, behind whoever waited for its other accounts or for the merchant's turn: settings are
applied with a little more patience.
"""
PATIENCE_SECONDS: Final = 60.0
"""Without a piece that was applied: a job has time, and its person waits for it."""

Advance = Callable[[int, int], None]
"""Takes how many rows are done with, and how many there are."""


def run_job(shop: Shop, key: JobKey, advance: Advance = lambda _done, _total: None) -> None:
    """Applies a job to its end, whatever of it is left.

    Raises BulkRefused when it may not go on, UnknownJob when there is none.
    """
    jobs.patience_of_session(raw(shop.connection), *GIVES_WAY)
    went_on = time.monotonic()
    while True:
        try:
            found = _next_piece(shop, key)
            went_on = time.monotonic()
        except CommandRace:
            continue
        except LockNotAvailable:
            if time.monotonic() - went_on > PATIENCE_SECONDS:
                raise
            found = True
        left = _told(shop, key, advance)
        if not found and not left:
            return


def _next_piece(shop: Shop, key: JobKey) -> bool:
    """One transaction; False when there is no piece left to apply."""
    with transaction(shop.connection) as cursor:
        turns.decide(shop.connection, [shop.merchant_id])
        job = jobs.share(cursor, key)
        return not job.is_of_commands and _apply_next(shop, cursor, job)


def _told(shop: Shop, key: JobKey, advance: Advance) -> int:
    """Says how far the job is; how many of its pieces are not done."""
    cursor = raw(shop.connection)
    job, (done, left) = jobs.find(cursor, key), pieces.progress(cursor, key)
    advance(done, job.total if job is not None else done)
    return left


class _Stopped(Exception):
    """Another of those that apply the job could not go on."""


def run_together(shops: Sequence[Shop], key: JobKey, advance: Advance) -> None:
    """As `run_job`, on several connections at once: one computes while another's rows are written.

    Raises what the first of them raises; the others end with the piece that they have in hand.
    """
    stop = threading.Event()

    def watched(done: int, total: int) -> None:
        advance(done, total)
        if stop.is_set():
            raise _Stopped

    with ThreadPoolExecutor(len(shops)) as pool:
        running = [pool.submit(run_job, shop, key, watched) for shop in shops]
        try:
            for one in running:
                one.result()
        except BaseException:  # also Ctrl-C
            stop.set()
            raise


def _apply_next(shop: Shop, cursor: Cursor, job: Job) -> bool:
    """Applies the next piece; False when there is none, or whoever had it has done it.

    Without the feature the job stops here, and its rows wait: as the commands that they are
    published as they would be refused for ever.
    """
    if job.gate is Gate.waiting_approval:
        raise BulkRefused("approval_required", job.job_id)
    if job.gate is Gate.cancelled:
        raise BulkRefused("job_cancelled", job.job_id)
    piece = pieces.claim(cursor, job) or pieces.wait_for(cursor, job)
    if piece is None:
        return False
    rows, situation = pieces.rows(cursor, piece), shop.situation(cursor)
    if not situation.in_force.feature:
        raise BulkRefused("feature_off", job.job_id)
    if job.undoes is not None:
        results = take_back(shop, cursor, piece, rows, situation)
    else:
        results = _give(shop, cursor, piece, rows, situation)
    pieces.mark(cursor, piece, [row.number for row in rows], results)
    return True


def _give(
    shop: Shop, cursor: Cursor, piece: Piece, rows: list[Row], situation: Situation
) -> list[Result]:
    """Each row by itself, as the command that it is published as."""
    made = rows_as_commands(shop, piece.job, situation)
    both = [made.command(row.member_id, row.points, row.reason) for row in rows]
    commands, values = [command for command, _ in both], [value for _, value in both]
    applied = apply_commands(cursor, shop.merchants, commands, situation.now, published=values)
    return [
        Result(_code_of(result["code"]), result["entries"][0] if result["entries"] else None)
        for result in applied.results
    ]


def _code_of(code: str) -> JobRowCode:
    """The row's code; one that a command had before the job, when it was refused otherwise."""
    return JobRowCode.__members__.get(code, JobRowCode.key_reused)
