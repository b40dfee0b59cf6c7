"""`points notices unknown`: notices of which nobody knows whether they arrived."""

from typing import Annotated

import typer

from cli.commands.notices.listing import Limit, print_notices
from cli.support.arguments import typed_text
from cli.support.console import JsonOption, emit
from cli.support.wiring import connect_notices, notices_configuration

app = typer.Typer(
    no_args_is_help=True,
    help="Notices that were handed over and never answered: nobody knows whether they arrived.",
)


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
