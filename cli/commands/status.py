"""`points status`: the state of everything, on one screen."""

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from cli.support.console import JsonOption, complain, counted, emit, out, print_table, safe, widest
from cli.support.errors import Exit, Failure
from cli.support.wiring import configuration, connect, connect_notices

if TYPE_CHECKING:
    from rich.table import Table

    from cli.support.broker import Broker
    from processors.runtime.configuration import Configuration
    from schemas.answers.operations import (
        CursorLag,
        NoticesFigures,
        ReadModelFigures,
        StatusAnswer,
    )
    from schemas.answers.streams import CursorAnswer
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
    from store.carriers import parked
    from store.reads import status

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
        notices=_notices(configured),
    )
    return answer, unreachable


def _notices(configured: "Configuration") -> "NoticesFigures | None":
    """Of the notices lane, where it is used and this login may take its role."""
    from cli.commands.notices.status import read
    from schemas.answers.operations import NoticesFigures

    try:
        connection = connect_notices(configured)
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


def broker_of(configured: "Configuration") -> "tuple[Broker | None, Failure | None]":
    """Kafka, or why it cannot be reached."""
    from cli.support.broker import Broker

    try:
        return Broker(configured), None
    except Failure as failure:
        return None, failure


def lags(connection: "Database", broker: "Broker | None") -> "list[CursorLag]":
    """The cursors that are no history, each with the records behind it where Kafka answers."""
    from schemas.answers.operations import CursorLag
    from store.streams import adoption

    rows = [row for row in adoption.known(connection) if not row.retired]
    ends = _ends(broker, rows) if broker is not None else {}
    # Rows of a former topic are history once the topic that is there now has rows of its own.
    present = {(row.pipeline, row.topic) for row in rows if row.place_in_cluster in ends}
    cursors = []
    for row in rows:
        end = ends.get(row.place_in_cluster)
        if end is not None or (row.pipeline, row.topic) not in present:
            lag = max(0, end - row.next_offset) if end is not None else None
            cursors.append(CursorLag(**dict(row), lag=lag))
    return cursors


def _ends(broker: "Broker", rows: "list[CursorAnswer]") -> dict[tuple[str, str, int], int]:
    topics = broker.topics(row.topic for row in rows)
    here = [
        row
        for row in rows
        if row.topic in topics
        and topics[row.topic].uuid == row.topic_uuid
        and row.cluster == broker.cluster
    ]
    ends = broker.ends({(row.topic, row.partition) for row in here})
    return {row.place_in_cluster: ends[row.topic, row.partition].next for row in here}


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
    return _lag(figures.lag), f"changes behind, the oldest {figures.lag_seconds:,.1f} s"


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


def print_cursors(cursors: "Sequence[CursorLag]") -> None:
    """The cursors, topic by topic, or the sentence that there are none.

    A topic's name has a line of its own, so that 80 columns leave it and the figures whole.
    """
    from rich.table import Table

    from store.streams.cursors import OUTCOMES

    if not cursors:
        out().print("[dim]no cursors yet: no worker has read a topic[/]")
        return
    names = ("partition", "lag", "next", *OUTCOMES)
    rows = [
        (
            str(cursor.partition),
            _lag(cursor.lag),
            str(cursor.next_offset),
            *(f"{getattr(cursor, name):,}" for name in OUTCOMES),
        )
        for cursor in cursors
    ]
    widths = [widest(column) for column in zip(names, *rows, strict=True)]
    logs = [(cursor.pipeline, cursor.topic) for cursor in cursors]
    grouped = groupby(zip(logs, rows, strict=True), key=itemgetter(0))
    for number, ((pipeline, topic), of_log) in enumerate(grouped):
        table = Table(
            box=None,
            header_style="dim",
            padding=(0, 1, 0, 0),
            pad_edge=False,
            show_header=number == 0,
        )
        for name, width in zip(names, widths, strict=True):
            table.add_column(name, justify="right", no_wrap=True, min_width=width)
        for _, row in of_log:
            table.add_row(*row)
        out().print(f"[bold]{safe(pipeline)}[/] {safe(topic)}", soft_wrap=True)
        print_table(table)


def _lag(lag: int | None) -> str:
    if lag is None:
        return "?"
    return f"[yellow]{lag:,}[/]" if lag else "0"
