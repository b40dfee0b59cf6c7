"""`points outbox list | retry | discard`: rows that the broker refused for good."""

from typing import TYPE_CHECKING, Annotated

import typer

from cli.support.console import JsonOption, emit, out, print_table, safe
from cli.support.errors import Exit, Failure
from cli.support.wiring import connect, database_configuration

if TYPE_CHECKING:
    from store.postgres.session import Database
    from store.streams.refused import RefusedRow

app = typer.Typer(
    no_args_is_help=True,
    help="Rows of the outbox that the broker refused for good, set aside by the relay.",
)
Ids = Annotated[
    list[int] | None,
    typer.Argument(help="Ids from `list`.", metavar="ID", show_default=False),
]
All = Annotated[bool, typer.Option("--all", help="All rows that were refused.")]
LIST = "`list` shows them"


@app.command("list")
def list_command(json_: JsonOption = False) -> None:
    """List all rows that were refused, oldest first."""
    with connect(database_configuration()) as connection:
        list_all(connection, json_=json_)


def list_all(connection: "Database", *, json_: bool) -> None:
    """What an outbox's relay has set aside."""
    from cli.support.redaction import shown_key
    from schemas.answers.streams import RefusedRowListEntry
    from store.streams import refused

    rows = refused.listed(connection)
    if json_:
        emit([
            RefusedRowListEntry(
                id=row.id,
                kind=row.kind.name.lower(),
                topic=row.topic,
                key=shown_key(row.key),
                size=row.size,
                reason=row.reason,
                refused_at=row.refused_at,
            )
            for row in rows
        ])  # fmt: skip
    else:
        _print_list(rows)


def _print_list(rows: "list[RefusedRow]") -> None:
    from rich.table import Table

    from schemas.ids import iso

    if not rows:
        out().print("no rows were refused")
        return
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("id", justify="right", no_wrap=True)
    for name in ("refused", "topic, kind"):
        table.add_column(name, no_wrap=True)
    table.add_column("bytes", justify="right", no_wrap=True)
    table.add_column("reason")
    for row in rows:
        table.add_row(
            str(row.id),
            f"{iso(row.refused_at)[:16]}Z",
            f"{safe(row.topic)}\n{row.kind.name.lower()}",
            f"{row.size:,}",
            safe(row.reason),
        )
    print_table(table)


@app.command("retry")
def retry_command(ids: Ids = None, all_: All = False, json_: JsonOption = False) -> None:
    """Put rows back into the outbox, once the topic takes them; the relay sends them."""
    with connect(database_configuration()) as connection:
        retry_some(connection, ids, all_=all_, json_=json_)


def retry_some(connection: "Database", ids: list[int] | None, *, all_: bool, json_: bool) -> None:
    """Puts these rows, or all, back into an outbox. Raises Failure unless it is either."""
    from schemas.answers.streams import OutboxRetryResult
    from store.streams import refused

    if all_ == bool(ids):
        raise Failure(Exit.USAGE, "give ids, or --all", LIST)
    chosen = sorted(set(ids) if ids else {row.id for row in refused.listed(connection)})
    refused.retry(connection, chosen)
    if json_:
        emit(OutboxRetryResult(retried=tuple(chosen)))
    else:
        _print_done(len(chosen), "back in the outbox; the relay sends them")


@app.command("discard")
def discard_command(ids: Ids = None, json_: JsonOption = False) -> None:
    """Give rows up: they are deleted and never sent."""
    with connect(database_configuration()) as connection:
        discard_some(connection, ids, json_=json_)


def discard_some(connection: "Database", ids: list[int] | None, *, json_: bool) -> None:
    """Deletes these rows of an outbox that were refused. Raises Failure without any."""
    from schemas.answers.streams import OutboxDiscardResult
    from store.streams import refused

    if not ids:
        raise Failure(Exit.USAGE, "give ids", LIST)
    chosen = sorted(set(ids))
    refused.discard(connection, chosen)
    if json_:
        emit(OutboxDiscardResult(discarded=tuple(chosen)))
    else:
        _print_done(len(chosen), "given up")


def _print_done(count: int, what: str) -> None:
    if count:
        out().print(f"{'1 row' if count == 1 else f'{count:,} rows'} {what}")
    else:
        out().print("nothing to do: no row was refused")
