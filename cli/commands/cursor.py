"""`points cursor show | adopt | skip`: pipelines' positions, and how to go on from others (I6)."""

import sys
from collections.abc import Callable, Iterable
from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import typer

from cli.support.arguments import LARGEST_INT8
from cli.support.console import JsonOption, emit, out, print_table, safe
from cli.support.errors import Exit, Failure
from cli.support.wiring import configuration, connect, database_configuration

if TYPE_CHECKING:
    from rich.table import Table

    from cli.support.broker import Broker, TopicInfo
    from processors.runtime.configuration import Configuration
    from processors.runtime.kafka.logs import LogEnds
    from schemas.answers.streams import AdoptedPartition, CursorAnswer
    from store.streams.adoption import Adoption
    from store.streams.quarantine import DeadLetters
    from store.streams.skipping import Skipped

app = typer.Typer(no_args_is_help=True, help="Positions of the pipelines in their topics.")
Start = Annotated[
    str,
    typer.Option(
        "--from",
        metavar="earliest|latest|OFFSET",
        help="Where to start in the new log; an OFFSET needs --partition.",
    ),
]
OnlyTopic = Annotated[str | None, typer.Option("--topic", help="Only this topic.")]
OnlyPartition = Annotated[
    int | None, typer.Option("--partition", help="Only this partition.", min=0)
]
LONGEST_OFFSET = len(str(LARGEST_INT8))
"""Digits: no log is longer, and Python reads no number of thousands."""
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@app.command("show")
def show_command(json_: JsonOption = False) -> None:
    """Show every cursor and what became of its records, also those of former topics."""
    from store.streams import adoption

    with connect(database_configuration()) as connection:
        show_all(adoption.known(connection), json_=json_)


def show_all(rows: "list[CursorAnswer]", *, json_: bool) -> None:
    """The cursors of a schema."""
    if json_:
        emit(rows)
    else:
        _print_cursors(rows)


def _print_cursors(rows: "list[CursorAnswer]") -> None:
    """A table of each topic's cursors: together they would be too wide for most terminals."""
    if not rows:
        out().print("no cursors yet: no worker has read a topic")
    for (pipeline, topic, uuid, retired), partitions in groupby(rows, _log_of):
        former = " (former)" if retired else ""
        out().print(f"[bold]{safe(pipeline)}[/]  {safe(topic)}  [dim]{safe(uuid)}{former}[/]")
        print_table(_partitions(partitions))


def _log_of(row: "CursorAnswer") -> tuple[str, str, str, bool]:
    return row.pipeline, row.topic, row.topic_uuid, row.retired


def _partitions(rows: "Iterable[CursorAnswer]") -> "Table":
    from rich.table import Table

    from store.streams.cursors import OUTCOMES

    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0), pad_edge=False)
    names = (*OUTCOMES, "control")
    for name in ("partition", "first", "next", *names):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        counts = (f"{getattr(row, name):,}" for name in names)
        offsets = (str(row.first_offset), str(row.next_offset))
        table.add_row(str(row.partition), *offsets, *counts, style="dim" if row.retired else "")
    return table


@app.command("adopt")
def adopt_command(
    start: Start = "earliest",
    topic: OnlyTopic = None,
    partition: OnlyPartition = None,
    yes: Yes = False,
    json_: JsonOption = False,
) -> None:
    """Go on after a topic was recreated, moved to another cluster, or lost records not yet read.

    Former cursors are kept as history. Records that are read again change nothing.
    Records that are gone stay unread.
    """
    from store.streams import adoption

    configured = configuration()
    check_start(start, partition)
    with connect(configured) as connection:
        rows = [r for r in adoption.known(connection) if topic in (None, r.topic)]
        adopt_planned(
            rows,
            configured,
            (start, partition),
            lambda cluster, plans: adoption.adopt(connection, cluster, plans),
            yes=yes,
            json_=json_,
        )


def adopt_planned(
    rows: "list[CursorAnswer]",
    configured: "Configuration",
    asked: tuple[str, int | None],
    adopt: "Callable[[str, list[Adoption]], None]",
    *,
    yes: bool,
    json_: bool,
) -> None:
    """Plans where these cursors begin, shows it, asks, and lets `adopt` do it in a cluster.

    `asked`: what `--from` and `--partition` say. Raises Failure.
    """
    from cli.support.broker import Broker

    broker = Broker(configured)
    plans = plan_adoptions(rows, broker, *asked)
    if plans and not json_:
        print_plans(plans)
    if plans and not yes:
        ask()
    adopt(broker.cluster, plans)
    if json_:
        emit([adopted(each) for each in plans])
    elif plans:
        out().print("adopted; workers that stopped over it can be started again")
    else:
        out().print("nothing to adopt: every cursor lies in the log of its topic")


def adopted(adoption: "Adoption") -> "AdoptedPartition":
    """The answer about a partition that starts again."""
    from schemas.answers.streams import AdoptedPartition

    return AdoptedPartition(
        pipeline=adoption.pipeline,
        topic=adoption.place.topic,
        topic_uuid=adoption.place.topic_uuid,
        partition=adoption.place.partition,
        start=adoption.start,
        why=adoption.why,
    )


def check_start(start: str, partition: int | None) -> None:
    """Raises Failure when `--from` is none, or an offset of no partition."""
    if start in ("earliest", "latest"):
        return
    if not start.isdecimal() or len(start) > LONGEST_OFFSET:
        raise Failure(Exit.USAGE, "--from must be earliest, latest or an offset")
    if partition is None:
        raise Failure(
            Exit.USAGE,
            "--from OFFSET needs --partition: offsets of one partition mean nothing in another",
        )


def plan_adoptions(
    rows: "list[CursorAnswer]", broker: "Broker", start: str, only: int | None
) -> "list[Adoption]":
    """The partitions in which pipelines must start at a new position, and why.

    A cursor that lies in the log of its topic needs none.
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
            adoption = _adoption(
                pipeline, here, number, mine, broker.cluster, ends[name, number], start
            )
            if adoption is not None:
                plans.append(adoption)
    return plans


def _adoption(
    pipeline: str,
    topic: "TopicInfo",
    number: int,
    rows: "list[CursorAnswer]",
    cluster: str,
    ends: "LogEnds",
    start: str,
) -> "Adoption | None":
    from store.streams.adoption import Adoption
    from store.streams.cursors import PartitionId

    of_partition = [row for row in rows if row.partition == number]
    in_topic = (cluster, topic.uuid)
    own = next((row for row in of_partition if (row.cluster, row.topic_uuid) == in_topic), None)
    former = next((row for row in reversed(of_partition) if row is not own), None)
    if own is not None and ends.first <= own.next_offset <= ends.next:
        return None
    if own is None and any((row.cluster, row.topic_uuid) == in_topic for row in rows):
        # The topic is known, and this partition was added: its worker starts it by itself.
        return None
    why = _why(own, former, topic, cluster, ends)
    return Adoption(
        pipeline,
        PartitionId(topic.name, topic.uuid, number),
        _offset(start, ends),
        why,
        own or former,
    )


def _why(
    own: "CursorAnswer | None",
    former: "CursorAnswer | None",
    topic: "TopicInfo",
    cluster: str,
    ends: "LogEnds",
) -> str:
    if own is not None:
        if own.next_offset < ends.first:
            lost = ends.first - own.next_offset
            return (
                f"the log begins at {ends.first}: {lost} offsets from {own.next_offset} on "
                "were lost to retention"
            )
        return (
            f"the log ends at {ends.next}, before the cursor at {own.next_offset}: its end was lost"
        )
    if former is not None and former.cluster != cluster:
        return f"the topic was in cluster {former.cluster}, this is {cluster}"
    return f"the topic was recreated: it is {topic.uuid} now" + (
        f", it was {former.topic_uuid}" if former else ""
    )


def _offset(start: str, ends: "LogEnds") -> int:
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


def print_plans(plans: "list[Adoption]") -> None:
    """What would start again, where and why."""
    console = out()
    console.print("[bold]These will start again:[/]")
    for plan in plans:
        before = f"was at {plan.before.next_offset}, " if plan.before is not None else ""
        place = safe(f"{plan.pipeline} · {plan.place.topic}/{plan.place.partition}")
        console.print(f"  {place}: {before}goes on at [bold]{plan.start}[/]")
        console.print(f"    [dim]{safe(plan.why)}[/]")
    console.print(
        "The former cursors are kept as history with their counts. Records that are read again "
        "change nothing; records between the former position and the new one that are not in the "
        "log stay unread.",
        soft_wrap=True,
    )


def ask() -> None:
    """Asks whether to go on. Raises Failure when the answer is no, or nobody can answer."""
    if not sys.stdin.isatty():
        raise Failure(
            Exit.USAGE,
            "the input is no terminal, so there is no way to ask: nothing was changed",
            "add --yes when this is what you want",
        )
    if not typer.confirm("Go on?"):
        raise Failure(Exit.UNEXPECTED, "nothing was changed")


@app.command("skip")
def skip_command(
    topic: Annotated[str, typer.Argument(help="The topic's name.")],
    partition: Annotated[int, typer.Argument(min=0)],
    offset: Annotated[int, typer.Argument(min=0, help="The record that nothing gets past.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json_: JsonOption = False,
) -> None:
    """Set one record aside that stops its partition, unread: the last resort.

    A record that cannot be read or applied is set aside by the worker itself.
    This one ends the worker, each time it is started.
    It must be the next of its partition.
    It goes to the dead letters with the reason `skipped`.
    """
    from cli.support.broker import Broker
    from schemas.answers.streams import SkippedRecord
    from store.streams import skipping

    configured = configuration()
    with connect(configured) as connection:
        broker = Broker(configured)
        known = broker.topics([topic]).get(topic)
        if known is None:
            raise Failure(Exit.NOT_FOUND, f"there is no topic {topic}", code="unknown_topic")
        cursor = skipping.at(connection, broker.cluster, known.uuid, partition)
        record = _next_record(broker, topic, partition, cursor.next_offset, offset)
        if not yes:
            _print_skip(topic, partition, offset, json_=json_)
            ask()
        letters = _dead_letters(configured, topic)
        group = configured.kafka.group_of(cursor.pipeline)
        skipping.skip(connection, cursor, group, letters, record)
    if json_:
        emit(SkippedRecord(topic=topic, partition=partition, offset=offset, next_offset=offset + 1))
    else:
        out().print("skipped: it is among the dead letters; the worker can be started again")


def _next_record(
    broker: "Broker", topic: str, partition: int, next_offset: int, offset: int
) -> "Skipped":
    """The record at `offset`, if it is the next one of the partition."""
    from store.streams.skipping import Skipped

    _check_in_log(broker, topic, partition, next_offset)
    message = broker.record_at(topic, partition, next_offset)
    found = None if message is None else int(message.offset() or 0)
    expected = next_offset if found is None else found
    if offset != expected:
        raise Failure(
            Exit.CURSOR,
            f"offset {offset} is not the next of {topic}/{partition}: that is {expected}",
            "only the record that the pipeline stands before can be skipped",
        )
    if message is None:
        return Skipped(offset)
    from processors.runtime.kafka.records import headers_of, key_of, received_at

    return Skipped(
        offset, key_of(message), message.value(), headers_of(message), received_at(message)
    )


def _check_in_log(broker: "Broker", topic: str, partition: int, next_offset: int) -> None:
    """Raises Failure where the pipeline stands before no record: none came yet, or it was lost.

    A cursor that moved would pass by the next one to come (I7).
    """
    ends = broker.ends([(topic, partition)])[topic, partition]
    if ends.first <= next_offset < ends.next:
        return
    place = f"offset {next_offset} of {topic}/{partition}"
    if next_offset == ends.next:
        raise Failure(
            Exit.CURSOR,
            f"there is no record yet at {place}: its log ends there",
            "the pipeline has read all there is: nothing was skipped",
        )
    raise Failure(
        Exit.CURSOR,
        f"there is no record at {place}: its log goes from {ends.first} to {ends.next}",
        "`points cursor adopt` says what was lost, and where to go on",
    )


def _dead_letters(configured: "Configuration", topic: str) -> "DeadLetters":
    from processors.pipeline.pipeline import dead_letters_of

    letters = dead_letters_of(configured.topics).get(topic)
    if letters is None:
        raise Failure(
            Exit.NOT_FOUND,
            f"no pipeline reads {topic}",
            "`points cursor show`",
            code="unknown_topic",
        )
    return letters


def _print_skip(topic: str, partition: int, offset: int, *, json_: bool) -> None:
    if not json_:
        out().print(
            f"The record at offset {offset} of {topic}/{partition} will not be applied. It goes to "
            "the dead letters with the reason [bold]skipped[/], from where it can be redriven.",
            soft_wrap=True,
        )
