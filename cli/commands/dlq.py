"""`points dlq list | show | redrive | discard | counted`: records that could not be read."""

from typing import TYPE_CHECKING, Annotated

import typer

from cli.support.arguments import LARGEST_INT8
from cli.support.console import JsonOption, emit, out, print_table, safe, safe_lines
from cli.support.errors import Exit, Failure
from cli.support.wiring import configuration, connect, database_configuration

if TYPE_CHECKING:
    from processors.runtime.configuration import Configuration
    from schemas.answers.streams import CountedPoison, DeadLetterAnswer, DeadLetterState
    from store.postgres.session import Database
    from store.streams.dead_letters import Letter

app = typer.Typer(
    no_args_is_help=True, help="Dead letters: records that could not be read, kept byte for byte."
)
Ids = Annotated[
    list[int] | None,
    typer.Argument(help="Ids from `list`.", metavar="ID", show_default=False),
]
All = Annotated[bool, typer.Option("--all", help="All that were neither redriven nor discarded.")]
Again = Annotated[
    bool, typer.Option("--again", help="Also those that were redriven or discarded before.")
]


@app.command("list")
def list_command(json_: JsonOption = False) -> None:
    """List all dead letters, oldest first."""
    with connect(database_configuration()) as connection:
        list_all(connection, json_=json_)


def list_all(connection: "Database", *, json_: bool) -> None:
    """The dead letters of a schema."""
    from schemas.answers.streams import DeadLetterListEntry
    from store.streams import dead_letters

    rows = dead_letters.listed(connection)
    if json_:
        emit([DeadLetterListEntry.model_validate(dict(row)) for row in rows])
    else:
        print_list(rows)


@app.command("counted")
def counted_command(json_: JsonOption = False) -> None:
    """List merchants whose unreadable records were more in a day than is kept of them."""
    from schemas.answers.streams import CountedPoison
    from schemas.ids import DAY, iso
    from store.postgres.session import raw
    from store.streams import quarantine

    with connect(database_configuration()) as connection:
        rows = quarantine.counted_only(raw(connection))
    answers = [
        CountedPoison.model_validate({**row._asdict(), "day": iso(row.day * DAY)[:10]})
        for row in rows
    ]
    if json_:
        emit(answers)
    elif not answers:
        out().print("no merchant's unreadable records were more than is kept")
    else:
        _print_counted(answers)


def _print_counted(rows: "list[CountedPoison]") -> None:
    from rich.table import Table

    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    for name in ("day", "merchant"):
        table.add_column(name, no_wrap=True)
    for name in ("kept", "counted only", "their bytes"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        figures = (f"{n:,}" for n in (row.kept, row.counted, row.counted_bytes))
        table.add_row(str(row.day), safe(row.merchant_id), *figures)
    print_table(table)


def state_shown(row: "DeadLetterState") -> str:
    """What became of a dead letter, with marks."""
    from schemas.ids import iso

    if row.discarded_at is not None:
        return f"[dim]discarded {iso(row.discarded_at)[:16]}Z[/]"
    return (
        f"[green]redriven {iso(row.redriven_at)[:16]}Z[/]"
        if row.redriven_at is not None
        else "[yellow]open[/]"
    )


def print_list(rows: "list[DeadLetterState]") -> None:
    """A table of dead letters."""
    from rich.table import Table

    from schemas.ids import iso

    if not rows:
        out().print("no dead letters")
        return
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("id", justify="right", no_wrap=True)
    # Two lines of what became of it and of what is wrong, or 80 columns would not take them.
    for name in ("received", "from", "state", "what is wrong"):
        table.add_column(name, no_wrap=name in ("received", "state"))
    for row in rows:
        place = f"{row.topic}/{row.partition} @{row.offset}"
        table.add_row(
            str(row.id),
            f"{iso(row.received_at)[:16]}Z",
            safe(place),
            state_shown(row).replace(" ", "\n"),
            f"{safe(row.reason)}\n{safe(row.message)}",
        )
    print_table(table)


@app.command("show")
def show_command(
    number: Annotated[int, typer.Argument(metavar="ID")], json_: JsonOption = False
) -> None:
    """Show one dead letter, with everything masked that may be personal."""
    with connect(database_configuration()) as connection:
        show_one(connection, number, json_=json_)


def show_one(connection: "Database", number: int, *, json_: bool) -> None:
    """One dead letter of a schema."""
    from store.streams import dead_letters

    check_ids([number])
    letter = dead_letters.letter(connection, number)
    answer = answer_of(letter)
    if json_:
        emit(answer)
    else:
        print_letter(answer, state_shown(letter.summary))


def answer_of(letter: "Letter") -> "DeadLetterAnswer":
    """One dead letter, redacted."""
    from cli.support.redaction import shown_headers, shown_key, shown_value
    from schemas.answers.streams import DeadLetterAnswer

    return DeadLetterAnswer(
        **dict(letter.summary),
        pipeline=letter.pipeline,
        merchant_id=letter.merchant_id,
        timestamp=letter.timestamp,
        key=shown_key(letter.key),
        headers=tuple((str(name), value) for name, value in shown_headers(letter.headers)),
        value=shown_value(letter.value),
        value_bytes=len(letter.value) if letter.value is not None else None,
    )


def print_letter(answer: "DeadLetterAnswer", state: str) -> None:
    """One dead letter, redacted."""
    import orjson

    console = out()
    what = f"[yellow]{safe(answer.reason)}[/]: {safe(answer.message)}"
    console.print(f"[bold]{answer.id}[/]  {state}  {what}")
    fields = answer.model_dump(mode="json")
    for name in ("topic", "partition", "offset", "received_at", "timestamp", "merchant_id", "key"):
        if fields[name] is not None:
            console.print(f"[dim]{name:12}[/] {safe(str(fields[name]))}")
    for name, header in answer.headers:
        console.print(f"[dim]header[/]       {safe(name)}: {safe(str(header))}")
    text = answer.value
    if not isinstance(text, str):
        text = orjson.dumps(text, option=orjson.OPT_INDENT_2).decode()
    console.print(safe_lines(text), soft_wrap=True)


@app.command("redrive")
def redrive_command(
    ids: Ids = None,
    all_: All = False,
    again: Again = False,
    json_: JsonOption = False,
) -> None:
    """Send records back to the topics they came from, unchanged, once their cause is fixed."""
    from schemas.answers.streams import RedriveResult
    from store.streams import dead_letters

    configured = configuration()
    with connect(configured) as connection:
        chosen = chosen_of(connection, ids, all_=all_)
        if chosen:
            _check_topics(configured, connection, chosen)
            dead_letters.redrive(connection, chosen, again=again)
    if json_:
        emit(RedriveResult(redriven=tuple(chosen)))
    else:
        print_done(chosen, "queued for the topics they came from; the relay sends them")


@app.command("discard")
def discard_command(ids: Ids = None, json_: JsonOption = False) -> None:
    """Give records up: they stay in the list, and `redrive --all` leaves them out."""
    with connect(database_configuration()) as connection:
        discard_some(connection, ids, json_=json_)


def discard_some(connection: "Database", ids: list[int] | None, *, json_: bool) -> None:
    """Gives dead letters of a schema up. Raises Failure."""
    from schemas.answers.streams import DiscardResult
    from store.streams import dead_letters

    chosen = chosen_of(connection, ids, all_=False)
    dead_letters.discard(connection, chosen)
    if json_:
        emit(DiscardResult(discarded=tuple(chosen)))
    else:
        print_done(chosen, "given up")


def chosen_of(connection: "Database", ids: list[int] | None, *, all_: bool) -> list[int]:
    """The ids that are meant, or those of all open letters. Raises Failure."""
    from store.streams import dead_letters

    if all_ == bool(ids):
        raise Failure(
            Exit.USAGE,
            "give ids, or --all for all open ones" if all_ or not ids else "",
            "`list` shows them",
        )
    check_ids(ids or [])
    return dead_letters.waiting(connection) if all_ else sorted(set(ids or ()))


def check_ids(ids: list[int]) -> None:
    """No row has a number beyond what its column holds: PostgreSQL would refuse the question."""
    from store.streams.dead_letters import UnknownLetters

    beyond = [number for number in ids if abs(number) > LARGEST_INT8]
    if beyond:
        raise Failure(
            Exit.NOT_FOUND,
            f"dead letter {beyond[0]} is not known",
            "`list` shows them",
            code=UnknownLetters.code,
        )


def _check_topics(configured: "Configuration", connection: "Database", chosen: list[int]) -> None:
    """A record for a topic that is gone would only be refused and set aside."""
    from cli.support.broker import Broker
    from store.streams import dead_letters

    wanted = dead_letters.topics_of(connection, chosen)
    gone = sorted(wanted - Broker(configured).topics(wanted).keys())
    if gone:
        raise Failure(
            Exit.CURSOR,
            f"there is no topic {', '.join(gone)} any more",
            "create it, or discard these records",
        )


def print_done(chosen: list[int], what: str) -> None:
    """How many were dealt with."""
    if chosen:
        count = "1 record" if len(chosen) == 1 else f"{len(chosen):,} records"
        out().print(f"{count} {what}")
    else:
        out().print("nothing to do: no dead letter is open")
