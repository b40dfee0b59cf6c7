"""`points notices unknown`: notices of which nobody knows whether they arrived."""

from enum import StrEnum
from typing import Annotated

import typer

from cli.commands.notices.listing import Limit, print_notices
from cli.commands.notices.resending import Notices, check_known, print_settled
from cli.support.arguments import typed_text
from cli.support.console import JsonOption, emit
from cli.support.wiring import connect_notices, notices_configuration

app = typer.Typer(
    no_args_is_help=True,
    help="Notices that were handed over and never answered: nobody knows whether they arrived.",
)


class Arrived(StrEnum):
    """What an operator has found out about a notice."""

    sent = "sent"
    failed = "failed"


@app.command("list")
def list_command(
    merchant: Annotated[
        str | None, typer.Argument(help="Only this merchant's.", callback=typed_text)
    ] = None,
    limit: Limit = 100,
    json_: JsonOption = False,
) -> None:
    """List them, those that are longest unknown first."""
    from store.notices import reads

    with connect_notices(notices_configuration()) as connection:
        found = reads.unknown(connection, merchant, limit)
    if json_:
        emit(found)
    else:
        print_notices(found, "none: of every notice it is known what became of it")


@app.command("resolve")
def resolve_command(
    notices: Notices,
    arrived: Annotated[Arrived, typer.Option("--as", help="What became of them.")],
    json_: JsonOption = False,
) -> None:
    """Settle them as you have found out: `sent` is metered, `failed` is not."""
    from schemas.notices.words import State
    from store.notices.sending import settling
    from store.postgres.session import transaction

    with connect_notices(notices_configuration()) as connection, transaction(connection) as cursor:
        check_known(cursor, notices)
        ended = settling.resolve(cursor, notices, State(arrived.value))
    done = {each.notice_id for each in ended}
    print_settled(notices, done, f"is {arrived.value}", json_=json_)
