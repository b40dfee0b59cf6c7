"""`points status`: the state of everything, on one screen."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cli.support.console import JsonOption, complain, emit, out
from cli.support.errors import Failure
from cli.support.wiring import configuration, connect

if TYPE_CHECKING:
    from psycopg import Connection
    from rich.table import Table

    from processors.runtime.configuration import Configuration
    from store.carriers.parked import Parked, UnknownCodes
    from store.reads.views import DeadLetterStats, DueStats, OutboxStats, Pipeline, TableCounts
    from store.streams.adoption import KnownCursor


@dataclass(slots=True)
class Status:
    """Everything on the screen.

    `lags`: by pipeline, topic and partition; None while Kafka cannot be reached.
    """

    cursors: "list[tuple[KnownCursor, int | None]]"
    due: "DueStats"
    outbox: "OutboxStats"
    relays: set[int]
    letters: "DeadLetterStats"
    paused: "list[Pipeline]"
    counted: "TableCounts"
    ignored: dict[str, dict[str, int]]
    parked: "Parked"
    purged: dict[str, int]
    unknown: "UnknownCodes"
    recheck: dict[str, int]
    unreachable: Failure | None = None


def status_command(json_: JsonOption = False) -> None:
    """Show lag, cursors, dues, outbox, recheck queue, dead letters, parked reports and pauses."""
    configured = configuration()
    with connect(configured) as connection:
        status = read(connection, configured)
    if json_:
        emit(status_json(status))
    else:
        _print(status)
    if status.unreachable is not None:
        complain(status.unreachable)
        raise SystemExit(status.unreachable.exit_code)


def read(connection: "Connection[tuple[Any, ...]]", configured: "Configuration") -> Status:
    """Asks the database for everything and Kafka for the ends of the logs."""
    from store.carriers import parked as reports
    from store.reads import views
    from store.streams import adoption

    rows = [r for r in adoption.known(connection) if not r.retired]
    ends: dict[tuple[str, str, int], int] = {}
    unreachable = None
    try:
        ends = _ends(configured, rows)
    except Failure as failure:
        unreachable = failure
    # Rows of a former topic are history once the topic that is there now has rows of its own.
    present = {(r.pipeline, r.topic) for r in rows if r.place_in_cluster in ends}
    rows = [r for r in rows if r.place_in_cluster in ends or (r.pipeline, r.topic) not in present]
    cursors = []
    for r in rows:
        end = ends.get(r.place_in_cluster)
        cursors.append((r, max(0, end - r.next_offset) if end is not None else None))
    pipelines = sorted({row.pipeline for row in rows})
    return Status(
        cursors=cursors,
        due=views.due(connection),
        outbox=views.waiting(connection),
        relays=views.relayed_shards(connection),
        letters=views.letters(connection),
        paused=[state for state in views.pipelines(connection) if state.paused_at is not None],
        counted=views.counted(connection),
        ignored={pipeline: views.ignored(connection, pipeline) for pipeline in pipelines},
        parked=reports.parked(connection),
        purged=reports.purged(connection),
        unknown=reports.unknown_codes(connection),
        recheck=views.recheck_queue(connection),
        unreachable=unreachable,
    )


def _ends(
    configured: "Configuration", rows: "list[KnownCursor]"
) -> dict[tuple[str, str, int], int]:
    from cli.support.broker import Broker

    broker = Broker(configured)
    topics = broker.topics(r.topic for r in rows)
    here = [
        r
        for r in rows
        if r.topic in topics
        and topics[r.topic].uuid == r.topic_uuid
        and r.cluster == broker.cluster
    ]
    ends = broker.ends({(r.topic, r.partition) for r in here})
    return {r.place_in_cluster: ends[r.topic, r.partition].next for r in here}


def status_json(status: Status) -> dict[str, Any]:
    """For programs.

    `lag` is in records, null when it cannot be told; `overdue`: due and not granted yet.
    """
    from cli.commands.cursor import cursor_json
    from cli.commands.parked import parked_json
    from schemas.ids import iso

    due, letters = status.due, status.letters
    return {
        "now": iso(due.now),
        "merchants": status.counted.merchants,
        "members": status.counted.accounts,
        "cursors": [cursor_json(row) | {"lag": lag} for row, lag in status.cursors],
        "ignored": status.ignored,
        "due": {
            "overdue": due.overdue,
            "planned": due.planned,
            "next": iso(due.soonest) if due.soonest is not None else None,
        },
        "outbox": {
            "rows": status.outbox.rows,
            "oldest": status.outbox.oldest,
            "relayed_shards": sorted(status.relays),
        },
        "dead_letters": {
            "all": letters.rows,
            "open": letters.open,
            "newest": iso(letters.newest) if letters.newest is not None else None,
        },
        "parked": parked_json(status.parked, status.purged),
        "unknown_codes": status.unknown._asdict(),
        "recheck": status.recheck,
        "paused": [
            {
                "pipeline": p.name,
                "since": iso(p.paused_at) if p.paused_at is not None else None,
                "reason": p.reason,
            }
            for p in status.paused
        ],
    }


def _print(status: Status) -> None:
    from rich.markup import escape

    console = out()
    console.print(_head(status))
    console.print(_cursors(status))
    for name, reasons in status.ignored.items():
        if reasons:
            shown = ", ".join(f"{reason} {count:,}" for reason, count in reasons.items())
            console.print(f"[dim]{name} ignored: {escape(shown)}[/]")
    for pipeline in status.paused:
        name, why = pipeline.name, escape(pipeline.reason or "")
        remedy = f"[dim]→ points dlq list, points resume {name}[/]"
        console.print(f"[bold red]paused[/] {name}: {why} {remedy}")


def _head(status: Status) -> "Table":
    from rich.table import Table

    from cli.commands.parked import in_words
    from schemas.ids import iso

    due, letters = status.due, status.letters
    table = Table.grid(padding=(0, 2))
    soonest = (
        f", the next {iso(due.soonest)}" if due.soonest is not None and not due.overdue else ""
    )
    table.add_row(
        "[dim]now[/]",
        f"{iso(due.now)[:19]}Z",
        f"[dim]{status.counted.merchants:,} merchants, {status.counted.accounts:,} accounts[/]",
    )
    table.add_row(
        "[dim]due now[/]", _alarm(due.overdue), f"[dim]{due.planned:,} planned{soonest}[/]"
    )
    relays = f"{len(status.relays)} shards have a relay" if status.relays else "no relay is running"
    oldest = f"oldest {status.outbox.oldest}, " if status.outbox.oldest else ""
    table.add_row("[dim]outbox[/]", f"{status.outbox.rows:,}", f"[dim]{oldest}{relays}[/]")
    table.add_row("[dim]dead letters[/]", _alarm(letters.open), f"[dim]{letters.rows:,} in all[/]")
    queue = ", ".join(f"{count:,} {name}" for name, count in status.recheck.items())
    table.add_row("[dim]recheck[/]", f"{sum(status.recheck.values()):,}", f"[dim]{queue}[/]")
    parked = status.parked
    table.add_row(
        "[dim]parked reports[/]",
        _alarm(parked.ambiguous, parked.unmatched + parked.awaiting),
        f"[dim]{in_words(parked)}[/]",
    )
    if status.unknown.codes:
        where = f"in {status.unknown.reports:,} reports → points carriers unknown"
        table.add_row("[dim]unknown codes[/]", _alarm(status.unknown.codes), f"[dim]{where}[/]")
    return table


def _alarm(count: int, quiet: int = 0) -> str:
    """A count that wants attention; `quiet` ones are counted with it and want none."""
    return f"[yellow]{count + quiet:,}[/]" if count else f"{quiet:,}"


def _cursors(status: Status) -> "Table | str":
    from rich.table import Table

    from store.streams.cursors import OUTCOMES

    if not status.cursors:
        return "[dim]no cursors yet: no worker has read a topic[/]"
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("partition")
    for name in ("lag", "next", *OUTCOMES):
        table.add_column(name, justify="right")
    pipeline = ""
    for row, lag in status.cursors:
        if row.pipeline != pipeline:
            table.add_row(f"[bold]{row.pipeline}[/]")
            pipeline = row.pipeline
        shown = "?" if lag is None else f"[yellow]{lag:,}[/]" if lag else "0"
        table.add_row(
            f"  {row.topic}/{row.partition}",
            shown,
            str(row.next_offset),
            *(f"{getattr(row, n):,}" for n in OUTCOMES),
        )
    return table
