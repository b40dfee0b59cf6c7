"""`points dlq list | show | redrive | discard`: records that could not be read."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.support.console import JsonOption, emit, out
from cli.support.errors import Exit, Failure
from cli.support.wiring import configuration, connect

if TYPE_CHECKING:
    from psycopg import Connection

    from processors.runtime.configuration import Configuration
    from store.streams.dead_letters import Letter, Summary

app = typer.Typer(
    no_args_is_help=True, help="Dead letters: records that could not be read, kept byte for byte."
)
Ids = Annotated[
    list[int] | None,
    typer.Argument(help="Ids from `points dlq list`.", metavar="ID…", show_default=False),
]


@app.command("list")
def list_command(json_: JsonOption = False) -> None:
    """List all dead letters, oldest first."""
    from store.streams import dead_letters

    with connect(configuration()) as connection:
        rows = dead_letters.listed(connection)
    if json_:
        emit([summary_json(row) for row in rows])
    else:
        _print_list(rows)


def summary_json(row: "Summary") -> dict[str, Any]:
    """The contract's shape."""
    from schemas.ids import iso

    return {
        "id": row.id,
        "topic": row.topic,
        "partition": row.partition,
        "offset": row.offset,
        "reason": row.reason,
        "message": row.message,
        "received_at": iso(row.received_at),
        "redriven_at": iso(row.redriven_at) if row.redriven_at is not None else None,
    }


def _state(row: "Summary") -> str:
    from schemas.ids import iso

    if row.discarded_at is not None:
        return f"[dim]discarded {iso(row.discarded_at)[:16]}Z[/]"
    return (
        f"[green]redriven {iso(row.redriven_at)[:16]}Z[/]"
        if row.redriven_at is not None
        else "[yellow]open[/]"
    )


def _print_list(rows: "list[Summary]") -> None:
    from rich.markup import escape
    from rich.table import Table

    from schemas.ids import iso

    if not rows:
        out().print("no dead letters")
        return
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("id", justify="right")
    for name in ("received", "from", "reason", "state", "what is wrong"):
        table.add_column(name, no_wrap=name in ("received", "state"))
    for row in rows:
        place = f"{row.topic}/{row.partition} @{row.offset}"
        table.add_row(
            str(row.id),
            f"{iso(row.received_at)[:16]}Z",
            place,
            row.reason,
            _state(row),
            escape(row.message),
        )
    out().print(table)


@app.command("show")
def show_command(
    number: Annotated[int, typer.Argument(metavar="ID")], json_: JsonOption = False
) -> None:
    """Show one dead letter, with everything masked that may be personal."""
    from store.streams import dead_letters

    with connect(configuration()) as connection:
        letter = dead_letters.letter(connection, number)
    shown = letter_json(letter)
    if json_:
        emit(shown)
        return
    import orjson
    from rich.markup import escape

    console = out()
    summary = letter.summary
    what = f"[yellow]{escape(summary.reason)}[/]: {escape(summary.message)}"
    console.print(f"[bold]{number}[/]  {_state(summary)}  {what}")
    for name in ("topic", "partition", "offset", "received_at", "timestamp", "merchant_id", "key"):
        if shown[name] is not None:
            console.print(f"[dim]{name:12}[/] {escape(str(shown[name]))}")
    for name, value in shown["headers"]:
        console.print(f"[dim]header[/]       {escape(name)}: {escape(str(value))}")
    value = shown["value"]
    text = (
        value
        if isinstance(value, str)
        else orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
    )
    console.print(escape(text), soft_wrap=True)


def letter_json(found: "Letter") -> dict[str, Any]:
    """One dead letter, redacted."""
    from cli.support.redaction import shown_headers, shown_key, shown_value
    from schemas.ids import iso

    summary = found.summary
    return summary_json(summary) | {
        "discarded_at": iso(summary.discarded_at) if summary.discarded_at is not None else None,
        "pipeline": found.pipeline,
        "merchant_id": found.merchant_id,
        "timestamp": iso(found.timestamp),
        "key": shown_key(found.key),
        "headers": shown_headers(found.headers),
        "value": shown_value(found.value),
        "value_bytes": len(found.value) if found.value is not None else None,
    }


@app.command("redrive")
def redrive_command(
    ids: Ids = None,
    all_: Annotated[
        bool, typer.Option("--all", help="All that were neither redriven nor discarded.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Also those that were redriven or discarded before.")
    ] = False,
    json_: JsonOption = False,
) -> None:
    """Send records back to the topics they came from, unchanged, once their cause is fixed."""
    from store.streams import dead_letters

    configured = configuration()
    with connect(configured) as connection:
        chosen = _chosen(connection, ids, all_=all_)
        if chosen:
            _check_topics(configured, connection, chosen)
            dead_letters.redrive(connection, chosen, again=again)
    _print_done(
        "redriven",
        chosen,
        "queued for the topics they came from; the relay sends them",
        json_=json_,
    )


@app.command("discard")
def discard_command(ids: Ids = None, json_: JsonOption = False) -> None:
    """Give records up: they stay in the list, and `redrive --all` leaves them out."""
    from store.streams import dead_letters

    with connect(configuration()) as connection:
        chosen = _chosen(connection, ids, all_=False)
        dead_letters.discard(connection, chosen)
    _print_done("discarded", chosen, "given up", json_=json_)


def _chosen(
    connection: "Connection[tuple[Any, ...]]", ids: list[int] | None, *, all_: bool
) -> list[int]:
    from store.streams import dead_letters

    if all_ == bool(ids):
        raise Failure(
            Exit.USAGE,
            "give ids, or --all for all open ones" if all_ or not ids else "",
            "see `points dlq list`",
        )
    return dead_letters.waiting(connection) if all_ else sorted(set(ids or ()))


def _check_topics(
    configured: "Configuration", connection: "Connection[tuple[Any, ...]]", chosen: list[int]
) -> None:
    """A record for a topic that is gone would hold up everything behind it in the outbox."""
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


def _print_done(word: str, chosen: list[int], what: str, *, json_: bool) -> None:
    if json_:
        emit({word: chosen})
    elif chosen:
        count = "1 record" if len(chosen) == 1 else f"{len(chosen):,} records"
        out().print(f"{count} {what}")
    else:
        out().print("nothing to do: no dead letter is open")
