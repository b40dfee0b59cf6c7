"""`points cursor show | adopt`: where the pipelines stand, and starting anew in a recreated topic or a cut log (I6)."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from cli.support.console import JsonOption, emit, out
from cli.support.errors import Exit, Failure
from cli.support.wiring import configuration, connect, database_configuration

if TYPE_CHECKING:
    from cli.support.broker import Broker, Ends, Topic
    from schemas.answers.streams import AdoptedPartition
    from store.streams.adoption import Adoption, KnownCursor

app = typer.Typer(no_args_is_help=True, help="Where the pipelines stand in their topics.")
COUNTS = ("applied", "duplicate", "ignored", "parked", "dead")


@app.command("show")
def show_command(json_: JsonOption = False) -> None:
    """Show every cursor with what became of its records; those of former topics too."""
    from schemas.answers.streams import CursorAnswer
    from store.streams import adoption

    with connect(database_configuration()) as connection:
        rows = adoption.known(connection)
    if json_:
        emit([CursorAnswer.model_validate(row) for row in rows])
    else:
        print_cursors(rows)


def print_cursors(rows: "list[KnownCursor]") -> None:
    """A table of cursors."""
    from rich.table import Table

    if not rows:
        out().print("no cursors yet: no worker has read a topic")
        return
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    for name in ("pipeline", "topic", "topic uuid"):
        table.add_column(name)
    for name in ("first", "next", *COUNTS):
        table.add_column(name, justify="right")
    for row in rows:
        counts = (f"{getattr(row, name):,}" for name in COUNTS)
        uuid, style = (f"{row.topic_uuid} (former)", "dim") if row.retired else (row.topic_uuid, "")
        table.add_row(
            row.pipeline,
            f"{row.topic}/{row.partition}",
            uuid,
            str(row.first_offset),
            str(row.next_offset),
            *counts,
            style=style,
        )
    out().print(table)


@app.command("adopt")
def adopt_command(
    start: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="earliest|latest|OFFSET",
            help="Where to start in the new log; an OFFSET needs --partition.",
        ),
    ] = "earliest",
    topic: Annotated[str | None, typer.Option("--topic", help="Only this topic.")] = None,
    partition: Annotated[
        int | None, typer.Option("--partition", help="Only this partition.", min=0)
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json_: JsonOption = False,
) -> None:
    """Go on after a topic was recreated, moved to another cluster, or lost the part of its log where a cursor stood.

    Former cursors stay as history. Records that are read again change nothing; records that are
    gone stay unread.
    """
    from cli.support.broker import Broker
    from store.streams import adoption

    found = configuration()
    _check_start(start, partition)
    with connect(found) as connection:
        broker = Broker(found)
        rows = [r for r in adoption.known(connection) if topic in (None, r.topic)]
        plans = plan(rows, broker, start, partition)
        if plans and not json_:
            _print_plans(plans)
        if plans and not yes:
            _ask()
        adoption.adopt(connection, broker.cluster, plans)
    if json_:
        emit([_adopted(each) for each in plans])
    elif plans:
        out().print("adopted; workers that stopped over it can be started again")
    else:
        out().print("nothing to adopt: every cursor lies in the log of its topic")


def _adopted(adoption: "Adoption") -> "AdoptedPartition":
    from schemas.answers.streams import AdoptedPartition

    return AdoptedPartition(
        pipeline=adoption.pipeline,
        topic=adoption.place.topic,
        topic_uuid=adoption.place.topic_uuid,
        partition=adoption.place.partition,
        start=adoption.start,
        why=adoption.why,
    )


def _check_start(start: str, partition: int | None) -> None:
    if start in ("earliest", "latest"):
        return
    if not start.isdecimal():
        raise Failure(Exit.USAGE, "--from must be earliest, latest or an offset")
    if partition is None:
        raise Failure(
            Exit.USAGE,
            "--from OFFSET needs --partition: offsets of one partition mean nothing in another",
        )


def plan(
    rows: "list[KnownCursor]", broker: "Broker", start: str, only: int | None
) -> "list[Adoption]":
    """In which partitions pipelines must start anew, and why.

    None where a cursor lies in the log of its topic.
    """
    topics = broker.topics(r.topic for r in rows)
    plans = []
    for pipeline, name in sorted({(r.pipeline, r.topic) for r in rows}):
        if name not in topics:
            raise Failure(
                Exit.CURSOR,
                f"topic {name} does not exist",
                "create it with `points topics apply` first",
            )
        here = topics[name]
        mine = [r for r in rows if (r.pipeline, r.topic) == (pipeline, name)]
        numbers = [n for n in range(here.partitions) if only in (None, n)]
        ends = broker.ends((name, n) for n in numbers)
        for number in numbers:
            found = _adoption(
                pipeline, here, number, mine, broker.cluster, ends[name, number], start
            )
            if found is not None:
                plans.append(found)
    return plans


def _adoption(
    pipeline: str,
    topic: "Topic",
    number: int,
    rows: "list[KnownCursor]",
    cluster: str,
    ends: "Ends",
    start: str,
) -> "Adoption | None":
    from store.streams.adoption import Adoption
    from store.streams.cursors import PartitionId

    own = next(
        (
            r
            for r in rows
            if (r.cluster, r.topic_uuid, r.partition) == (cluster, topic.uuid, number)
        ),
        None,
    )
    former = next((r for r in reversed(rows) if r.partition == number and r is not own), None)
    if own is not None and ends.first <= own.next_offset <= ends.next:
        return None
    if own is None and any((r.cluster, r.topic_uuid) == (cluster, topic.uuid) for r in rows):
        return (
            None  # the topic is known, and this partition was added: its worker starts it by itself
        )
    why = _why(own, former, topic, cluster, ends)
    return Adoption(
        pipeline,
        PartitionId(topic.name, topic.uuid, number),
        _offset(start, ends),
        why,
        own or former,
    )


def _why(
    own: "KnownCursor | None",
    former: "KnownCursor | None",
    topic: "Topic",
    cluster: str,
    ends: "Ends",
) -> str:
    if own is not None:
        if own.next_offset < ends.first:
            lost = ends.first - own.next_offset
            return f"the log begins at {ends.first}: {lost} offsets from {own.next_offset} on were lost to retention"
        return (
            f"the log ends at {ends.next}, before the cursor at {own.next_offset}: its end was lost"
        )
    if former is not None and former.cluster != cluster:
        return f"the topic was in cluster {former.cluster}, this is {cluster}"
    return f"the topic was recreated: it is {topic.uuid} now" + (
        f", it was {former.topic_uuid}" if former else ""
    )


def _offset(start: str, ends: "Ends") -> int:
    if start == "earliest":
        return ends.first
    if start == "latest":
        return ends.next
    if not ends.first <= int(start) <= ends.next:
        raise Failure(
            Exit.USAGE,
            f"--from {start} lies outside the log, which goes from {ends.first} to {ends.next}",
        )
    return int(start)


def _print_plans(plans: "list[Adoption]") -> None:
    from rich.markup import escape

    console = out()
    console.print("[bold]This will start anew:[/]")
    for one in plans:
        stood = f"stood at {one.before.next_offset}, " if one.before is not None else ""
        console.print(
            f"  {one.pipeline} · {one.place.topic}/{one.place.partition}: {stood}goes on at [bold]{one.start}[/]"
        )
        console.print(f"    [dim]{escape(one.why)}[/]")
    console.print(
        "The former cursors stay as history with their counts. Records that come again change nothing; "
        "records between the former place and the new one that are not in the log are not read.",
        soft_wrap=True,
    )


def _ask() -> None:
    if not sys.stdin.isatty():
        raise Failure(
            Exit.USAGE,
            "nobody is here to be asked: nothing was changed",
            "add --yes when this is what you want",
        )
    if not typer.confirm("Go on?"):
        raise Failure(Exit.UNEXPECTED, "nothing was changed")
