"""`points status`: the state of everything, on one screen."""

from typing import TYPE_CHECKING

from cli.support.broker import broker_of
from cli.support.console import JsonOption, complain, counted, emit, out, remark, safe
from cli.support.cursors import lags, print_cursors, shown_lag
from cli.support.errors import Exit, Failure
from cli.support.wiring import (
    configuration,
    connect,
    connect_notices,
    notices_configuration,
)

if TYPE_CHECKING:
    from rich.table import Table

    from processors.runtime.configuration import Configuration
    from schemas.answers.operations import NoticesFigures, ReadModelFigures, StatusAnswer
    from store.postgres.session import Database


def status_command(json_: JsonOption = False) -> None:
    """Show lag, cursors, dues, outbox, recheck queue, holds, letters, parked reports and pauses."""
    configured = configuration()
    with connect(configured) as connection:
        answer, unreachable = read(connection, configured)
    if json_:
        emit(answer)
    else:
        _print(answer)
    if unreachable is not None:
        complain(unreachable)
        raise SystemExit(unreachable.exit_code)


def read(
    connection: "Database", configured: "Configuration"
) -> "tuple[StatusAnswer, Failure | None]":
    """Asks the database for everything and Kafka for the ends of the logs.

    With the failure where Kafka cannot be reached; no lag is known then.
    """
    from cli.commands.carriers.parked import parked_answer
    from cli.support import read_model
    from schemas.answers.operations import (
        DeadLetterFigures,
        DueFigures,
        HoldFigures,
        JobFigures,
        OutboxFigures,
        PausedPipeline,
        StatusAnswer,
        UnknownCodeFigures,
    )
    from store.reads import parked, status

    broker, unreachable = broker_of(configured)
    cursors = lags(connection, broker)
    due, outbox = status.due_stats(connection), status.outbox_stats(connection)
    shards, letters = status.relayed_shards(connection), status.dead_letter_stats(connection)
    paused, counts = status.paused_pipelines(connection), status.table_counts(connection)
    pipelines = sorted({cursor.pipeline for cursor in cursors})
    answer = StatusAnswer(
        now=due.now,
        merchants=counts.merchants,
        members=counts.accounts,
        cursors=tuple(cursors),
        ignored={name: status.ignored_by_reason(connection, name) for name in pipelines},
        due=DueFigures(overdue=due.overdue, planned=due.planned, next=due.soonest),
        outbox=OutboxFigures(
            rows=outbox.rows, oldest=outbox.oldest, relayed_shards=tuple(sorted(shards))
        ),
        dead_letters=DeadLetterFigures(all=letters.rows, open=letters.open, newest=letters.newest),
        parked=parked_answer(
            parked.parked(connection), parked.reasons(connection), parked.purged(connection)
        ),
        unknown_codes=UnknownCodeFigures.model_validate(parked.unknown_codes(connection)),
        recheck=status.recheck_queue(connection),
        holds=HoldFigures.model_validate(status.hold_stats(connection)),
        jobs=JobFigures.model_validate(status.job_stats(connection)),
        paused=tuple(
            PausedPipeline(pipeline=each.name, since=each.paused_at, reason=each.reason)
            for each in paused
        ),
        read_model=read_model.figures(configured, broker),
        notices=_notices(),
    )
    return answer, unreachable


def _notices() -> "NoticesFigures | None":
    """Of the notices lane, where it is used and this login may take its role."""
    from cli.commands.notices.status import read
    from processors.runtime.configuration import ConfigurationRefused
    from schemas.answers.operations import NoticesFigures

    try:
        connection = connect_notices(notices_configuration())
    except ConfigurationRefused as refused:
        for problem in refused.lines[1:]:
            remark(f"without the notices lane: {problem.strip()}")
        return None
    except Failure as failure:
        if failure.exit_code == Exit.REFUSED:
            return None
        raise
    with connection:
        answer = read(connection, None)
    if not answer.merchants:
        return None
    return NoticesFigures(
        waiting=sum(row.waiting for row in answer.notices),
        due=sum(row.due for row in answer.notices),
        unknown=sum(row.unknown for row in answer.notices),
        open_dead_letters=answer.open_dead_letters,
        paused=answer.paused is not None,
        stopped=tuple(p.provider for p in answer.providers if p.is_stopped(answer.now)),
    )


def _print(answer: "StatusAnswer") -> None:
    console = out()
    console.print(_head(answer))
    print_cursors(answer.cursors)
    for name, reasons in answer.ignored.items():
        if reasons:
            counts = ", ".join(f"{reason} {count:,}" for reason, count in reasons.items())
            console.print(f"[dim]{name} ignored: {safe(counts)}[/]")
    for each in answer.paused:
        what = f"[bold red]paused[/] {each.pipeline}: {safe(each.reason or '')}"
        console.print(f"{what} [dim]→ points dlq list, points resume {each.pipeline}[/]")


def _head(answer: "StatusAnswer") -> "Table":
    from rich.table import Table

    from cli.commands.carriers.parked import in_words
    from schemas.ids import iso

    table = Table.grid(padding=(0, 2))

    def add(name: str, figure: str, remark: str) -> None:
        table.add_row(f"[dim]{name}[/]", figure, f"[dim]{remark}[/]")

    due, outbox, letters, parked = answer.due, answer.outbox, answer.dead_letters, answer.parked
    much = f"{counted(answer.merchants, 'merchant')}, {counted(answer.members, 'account')}"
    add("now", f"{iso(answer.now)[:19]}Z", much)
    soonest = "the oldest of" if due.overdue else "the next"
    next_due = f", {soonest} {iso(due.next)}" if due.next is not None else ""
    add("due now", _alarm(due.overdue), f"{due.planned:,} planned{next_due}")
    shards = len(outbox.relayed_shards)
    relays = f"{shards} shards have a relay" if shards else "no relay is running"
    oldest = f"oldest {outbox.oldest[:19]}Z, " if outbox.oldest else ""
    add("outbox", f"{outbox.rows:,}", f"{oldest}{relays}")
    add("dead letters", _alarm(letters.open), f"{letters.all:,} in all")
    queue = ", ".join(f"{count:,} {name}" for name, count in answer.recheck.items())
    add("recheck", f"{sum(answer.recheck.values()):,}", queue)
    ended = f"{answer.holds.overdue:,} of them have ended" if answer.holds.overdue else ""
    add("holds", _alarm(answer.holds.overdue, answer.holds.live), ended)
    approval = f"{answer.jobs.waiting:,} of them wait for approval" if answer.jobs.waiting else ""
    add("open jobs", f"{answer.jobs.open:,}", approval)
    quiet = parked.unmatched.numbers + parked.awaiting_order.reports
    add("parked reports", _alarm(parked.ambiguous.numbers, quiet), in_words(parked))
    unknown = answer.unknown_codes
    if unknown.codes:
        where = f"in {unknown.reports:,} reports → points carriers unknown"
        add("unknown codes", _alarm(unknown.codes), where)
    if answer.read_model is not None:
        add("read model", *_read_model(answer.read_model))
    if answer.notices is not None:
        add("notices", *_of_notices(answer.notices))
    return table


def _read_model(figures: "ReadModelFigures") -> tuple[str, str]:
    if figures.trouble is not None:
        return "[red]![/]", safe(figures.trouble)
    if figures.lag is None:
        return "?", "Redis answers; how far it follows is not known"
    return shown_lag(figures.lag), f"changes behind, the oldest {figures.lag_seconds:,.1f} s"


def _of_notices(figures: "NoticesFigures") -> tuple[str, str]:
    remarks = [f"wait, {figures.due:,} could go", f"{figures.unknown:,} unknown"]
    if figures.paused:
        remarks.append("paused → points notices status")
    if figures.stopped:
        remarks.append(f"stopped: {safe(', '.join(figures.stopped))} → points notices status")
    if figures.open_dead_letters:
        remarks.append(f"{figures.open_dead_letters:,} dead letters → points notices dlq list")
    needs_somebody = figures.paused or figures.stopped
    waiting = f"{figures.waiting:,}"
    return f"[yellow]{waiting}[/]" if needs_somebody else waiting, ", ".join(remarks)


def _alarm(count: int, quiet: int = 0) -> str:
    """A count that needs attention; `quiet` ones are counted with it and need none."""
    return f"[yellow]{count + quiet:,}[/]" if count else f"{quiet:,}"
