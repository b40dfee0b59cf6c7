"""`points notices outbox`: what the lane published and the broker refused for good."""

import typer

from cli.commands import outbox
from cli.support.console import JsonOption
from cli.support.wiring import connect_notices, notices_configuration

app = typer.Typer(
    no_args_is_help=True,
    help="Rows of the lane's outbox that the broker refused for good, set aside by a sender.",
)


@app.command("list")
def list_command(json_: JsonOption = False) -> None:
    """List all rows that were refused, oldest first."""
    with connect_notices(notices_configuration()) as connection:
        outbox.list_all(connection, json_=json_)


@app.command("retry")
def retry_command(
    ids: outbox.Ids = None, all_: outbox.All = False, json_: JsonOption = False
) -> None:
    """Put rows back into the outbox, once the topic takes them; a sender publishes them."""
    with connect_notices(notices_configuration()) as connection:
        outbox.retry_some(connection, ids, all_=all_, json_=json_)


@app.command("discard")
def discard_command(ids: outbox.Ids = None, json_: JsonOption = False) -> None:
    """Give rows up: they are deleted and never sent."""
    with connect_notices(notices_configuration()) as connection:
        outbox.discard_some(connection, ids, json_=json_)
