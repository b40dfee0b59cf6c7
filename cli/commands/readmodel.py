"""`points readmodel show | rebuild`: the balances in Redis (account.md 9)."""

from typing import TYPE_CHECKING, Annotated

import typer

from cli.support.arguments import Member, Merchant, typed_text
from cli.support.console import JsonOption, emit, out, print_table, remark, safe, slow_progress
from cli.support.read_model import redis_of
from cli.support.wiring import connect, database_configuration

if TYPE_CHECKING:
    from schemas.answers.read_model import ReadModelAnswer
    from store.postgres.session import Database
    from store.valkey.client import Client

app = typer.Typer(no_args_is_help=True, help="The read model of balances in Redis or Valkey.")


@app.command("show")
def show_command(merchant: Merchant, member: Member, json_: JsonOption = False) -> None:
    """Show what the read model says of a member, beside what the database says."""
    configured = database_configuration()
    with connect(configured) as connection, redis_of(configured) as client:
        answer = _answer(connection, client, merchant, member)
    if json_:
        emit(answer)
    else:
        _print(answer)


def _answer(
    connection: "Database", client: "Client", merchant: str, member: str
) -> "ReadModelAnswer":
    from schemas.answers.read_model import ReadModelAnswer, ReadModelBalance
    from store.postgres.session import raw
    from store.reads.snapshot import merchant_number
    from store.valkey import balances, states
    from store.valkey.keys import MemberKey, key_of

    key, cursor = MemberKey(merchant, member), raw(connection)
    merchant_number(cursor, merchant)
    value = balances.value_of(client, key)
    (state,) = states.of_members(cursor, [key])
    said = balances.parsed(key, value)
    known = state.sequence != states.NO_ACCOUNT
    return ReadModelAnswer(
        key=key_of(key).decode(),
        model=ReadModelBalance.model_validate_json(said.value()) if said is not None else None,
        database=ReadModelBalance.model_validate_json(state.value()) if known else None,
        agree=value is None or value == state.value(),
    )


def _print(answer: "ReadModelAnswer") -> None:
    from rich.table import Table

    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("")
    for name in ("sequence", "free", "held", "debt"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, said in (("read model", answer.model), ("database", answer.database)):
        if said is None:
            table.add_row(name, "[dim]nothing[/]")
        else:
            free = sum(lot.points for lot in said.lots)
            figures = (said.sequence, free, said.held, said.debt)
            table.add_row(name, *(f"{figure:,}" for figure in figures))
    out().print(f"[dim]{safe(answer.key)}[/]", soft_wrap=True)
    print_table(table)
    if not answer.agree:
        out().print("[yellow]they differ[/]: the worker may not have come to it yet")


@app.command("rebuild")
def rebuild_command(
    merchant: Annotated[
        str | None,
        typer.Argument(help="The merchant's id; without it, all merchants.", callback=typed_text),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on where the last one was interrupted within a day."),
    ] = False,
    json_: JsonOption = False,
) -> None:
    """Write all balances from the database, and remove what the database does not know.

    Workers and readers go on meanwhile, and two rebuilds at once do no harm.
    Run it after the database was restored from a backup.
    """
    from schemas.answers.read_model import RebuildResult

    configured = database_configuration()
    with connect(configured) as connection, redis_of(configured) as client:
        compared = 0 if resume else _compare(connection, client, merchant)
        accounts = _rebuild(connection, client, merchant, resume=resume)
    if json_:
        emit(RebuildResult(accounts=accounts, compared_keys=compared))
    else:
        out().print(f"compared {compared:,} keys, wrote {accounts:,} balances")


def _compare(connection: "Database", client: "Client", merchant: str | None) -> int:
    from store.postgres.session import raw
    from store.valkey.comparison import Comparison
    from store.valkey.model import ReadModel

    comparison = Comparison(
        client, ReadModel(client), lambda member: merchant in {None, member.merchant_id}
    )
    compared = 0
    while not comparison.done:
        compared += comparison.slice(raw(connection))
    return compared


def _rebuild(
    connection: "Database", client: "Client", merchant: str | None, *, resume: bool
) -> int:
    from store.postgres.session import raw
    from store.reads.snapshot import merchant_number
    from store.valkey.rebuilding import Rebuilding

    cursor = raw(connection)
    rebuilding = Rebuilding(
        client, merchant_number(cursor, merchant) if merchant is not None else None
    )
    after = rebuilding.interrupted_at() if resume else None
    if resume and after is None:
        remark("no rebuild was interrupted: this one begins with the first account")
    done = 0
    with slow_progress("rebuilding") as advance:
        for done, total in rebuilding.run(cursor, after):
            advance(done, total)
    return done
