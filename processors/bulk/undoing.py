"""What a job gave, taken back (account.md 7): an extension, off by default.

The undoing is a job of its own, whose rows are what the job gave. It never makes debt (A18): a row
takes what there is, and tells what was missing.
"""

from collections.abc import Mapping, Sequence

from processors.bulk.refusals import BulkRefused, named, trimmed
from processors.bulk.shops import Shop
from processors.commands.applying import packed
from rules.account.assigning import deduct
from rules.account.commands import Situation, act_of
from rules.account.lots import LotKey, command_lot, job_lot, lot_id
from rules.account.lots_needed import Intended
from schemas.bulk.states import UNDO, Gate, JobRowCode
from schemas.commands.bodies import By
from schemas.commands.codes import Code
from schemas.commands.reading import Command, FirstLot, row_id
from schemas.commands.results import Answer, result_of
from schemas.commands.rows import RowCommands
from schemas.events import PerformerKind
from schemas.packing import pack_id
from store.bulk import jobs, pieces
from store.bulk.jobs import Job
from store.bulk.pieces import Piece, Result, Row
from store.ledger import commands as kept
from store.ledger.accounts import AccountKey
from store.ledger.commands import Answered, CommandKey, remember
from store.ledger.jobs import JobKey
from store.ledger.ledger import Ledger
from store.postgres.session import Cursor, transaction
from store.settings import turns

_Done = tuple[Command, bytes, Answer]
"""A row's command, its record's value, and its answer."""


def make_undo(shop: Shop, job_id: str, reason: str, by: str) -> JobKey:
    """Keeps the job that undoes another, once: a second time finds it there.

    A job of commands may have given to more members since: these are added to it. One that was
    cancelled goes on, by this person. Raises UnknownJob, and BulkRefused where the settings do not
    allow it.
    """
    named(by=by)
    why, key = trimmed(reason), shop.key(job_id + UNDO)
    with transaction(shop.connection) as cursor:
        turns.decide(shop.connection, [shop.merchant_id])
        jobs.serialise(cursor, key)
        job, situation = jobs.lock(cursor, shop.key(job_id)), shop.situation(cursor)
        rules = situation.in_force.rules
        if rules is None or not rules.account.bulk_undo:
            raise BulkRefused("not_allowed", job_id)
        if not situation.in_force.feature:
            raise BulkRefused("feature_off", job_id)
        if job.undoes is not None:
            raise BulkRefused("not_allowed", job_id, sentence="An undoing cannot be undone.")
        if _may_go_on(cursor, job):
            raise BulkRefused("job_not_done", job_id)
        known = _known(cursor, key, job)
        count, points = 0, 0
        if known is None or job.is_of_commands:
            count, points = jobs.undo_rows(cursor, key, job)
        undo = Job(key, b"", Gate.open, count, points, why, by, situation.now, job.key[1])
        if known is None:
            jobs.add(cursor, undo)
        elif count or known.gate is Gate.cancelled:
            jobs.grow(cursor, undo)
    return key


def _known(cursor: Cursor, key: JobKey, job: Job) -> Job | None:
    """The undoing there is, locked. Raises BulkRefused when its id is another job's."""
    if jobs.find(cursor, key) is None:
        return None
    known = jobs.lock(cursor, key)
    if known.undoes != job.key[1]:
        raise BulkRefused("job_changed", known.job_id)
    return known


def _may_go_on(cursor: Cursor, job: Job) -> bool:
    """Whether rows may still be applied, which the one undoing there is would not take back."""
    if job.gate is Gate.open:
        return pieces.progress(cursor, job.key)[1] > 0
    return job.gate is Gate.waiting_approval


def take_back(
    shop: Shop, cursor: Cursor, piece: Piece, rows: list[Row], situation: Situation
) -> list[Result]:
    """Takes what the rows of an undo say, or what there is of it.

    Nothing for a row whose command somebody has sent before.
    """
    lots = {_account(shop, row): _lot(piece.job, row) for row in rows}
    intents = {
        _account(shop, row): [Intended(points=row.points, lot=lots[_account(shop, row)])]
        for row in rows
    }
    ledger = Ledger.open(cursor, intents, situation.now, shop.merchants.merchant_id)
    made, done = rows_as_commands(shop, piece.job, situation), list[_Done]()
    sent, results = _sent_before(shop, cursor, piece.job, rows), list[Result]()
    for row in rows:
        if row in sent:
            results.append(Result(JobRowCode.key_reused, None, -row.points))
            continue
        key = _account(shop, row)
        account = ledger.accounts[key].account
        taken = min(-row.points, account.available)
        if not taken:
            results.append(Result(JobRowCode.insufficient_points, None, -row.points))
            continue
        lot = lots[key]
        named = FirstLot(lot_id(lot), lot.expires_at) if lot is not None else None
        command, value = made.command(row.member_id, -taken, row.reason, named)
        deduct(ledger.accounts[key], act_of(command, situation), taken, lot)
        balance = (account.available, account.held, account.debt)
        answer = Answer(Code.ok, None, situation.now, [account.sequence], balance)
        done.append((command, value, answer))
        results.append(Result(JobRowCode.ok, account.sequence, -row.points - taken))
    _write(shop, cursor, ledger, done)
    return results


def _sent_before(shop: Shop, cursor: Cursor, job: Job, rows: Sequence[Row]) -> set[Row]:
    """The rows whose commands were answered before: whoever may send commands knows their ids."""
    ids = {(shop.number, row_id(job.job_id, row.member_id).encode()): row for row in rows}
    answered, _ = kept.known(cursor, ids.keys())
    return {ids[key] for key in answered}


def _account(shop: Shop, row: Row) -> AccountKey:
    return shop.number, pack_id(row.member_id)


def _lot(job: Job, row: Row) -> LotKey | None:
    """The lot that the job gave: a file's row made it as a command, a `bulk_assign` as a job."""
    if row.given_until is None or job.undoes is None:
        return None
    undone = job.undoes.decode()
    if row.is_of_commands:
        return job_lot(row.given_until, undone)
    return command_lot(row.given_until, row_id(undone, row.member_id))


def rows_as_commands(shop: Shop, job: Job, situation: Situation) -> RowCommands:
    """What makes commands of a job's rows, by the person who made the job."""
    by = By(kind=PerformerKind.staff, id=job.made_by or "")
    return RowCommands(shop.merchant_id, job.job_id, by, situation.now)


def _write(shop: Shop, cursor: Cursor, ledger: Ledger, done: list[_Done]) -> None:
    """Writes the ledger, and keeps and publishes commands and answers, as of any other command."""
    answered: Mapping[CommandKey, Answered] = {
        (shop.number, command.command_id.encode()): Answered(command.fingerprint, answer)
        for command, _, answer in done
    }
    results = [result_of(command, answer, repeated=False) for command, _, answer in done]
    commands, values = [command for command, _, _ in done], [value for _, value, _ in done]
    ledger.write(packed(commands, results, values))
    remember(cursor, answered)
