"""`points outbox list | retry | discard`: rows that the broker refused for good."""

from typing import TYPE_CHECKING, Annotated

import typer

from cli.support.console import JsonOption, emit, out, safe
from cli.support.errors import Exit, Failure
from cli.support.wiring import connect, database_configuration

if TYPE_CHECKING:
    from store.streams.refused import RefusedRow

app = typer.Typer(
    no_args_is_help=True,
    help="Rows of the outbox that the broker refused for good, set aside by the relay.",
)
Ids = Annotated[
    list[int] | None,
    typer.Argument(help="Ids from `points outbox list`.", metavar="ID…", show_default=False),
]


@app.command("list")
def list_command(json_: JsonOption = False) -> None:
    """List all rows that were refused, oldest first."""
    from cli.support.redaction import shown_key
    from schemas.answers.streams import RefusedRowListEntry
    from store.streams import refused

    with connect(database_configuration()) as connection:
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
    table.add_column("id", justify="right")
    for name in ("refused", "kind", "topic"):
        table.add_column(name, no_wrap=name == "refused")
    table.add_column("bytes", justify="right")
    table.add_column("reason")
    for row in rows:
        table.add_row(
            str(row.id),
            f"{iso(row.refused_at)[:16]}Z",
            row.kind.name.lower(),
            safe(row.topic),
            f"{row.size:,}",
            safe(row.reason),
        )
    out().print(table)


@app.command("retry")
def retry_command(
    ids: Ids = None,
    all_: Annotated[bool, typer.Option("--all", help="All rows that were refused.")] = False,
    json_: JsonOption = False,
) -> None:
    """Put rows back into the outbox, once the topic takes them; the relay sends them."""
    from schemas.answers.streams import OutboxRetryResult
    from store.streams import refused

    if all_ == bool(ids):
        raise Failure(Exit.USAGE, "give ids, or --all", "see `points outbox list`")
    with connect(database_configuration()) as connection:
        chosen = sorted({row.id for row in refused.listed(connection)} if all_ else set(ids or ()))
        refused.retry(connection, chosen)
    if json_:
        emit(OutboxRetryResult(retried=tuple(chosen)))
    else:
        _print_done(len(chosen), "back in the outbox; the relay sends them")


@app.command("discard")
def discard_command(ids: Ids = None, json_: JsonOption = False) -> None:
    """Give rows up: they are deleted and never sent."""
    from schemas.answers.streams import OutboxDiscardResult
    from store.streams import refused

    if not ids:
        raise Failure(Exit.USAGE, "give ids", "see `points outbox list`")
    chosen = sorted(set(ids))
    with connect(database_configuration()) as connection:
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
