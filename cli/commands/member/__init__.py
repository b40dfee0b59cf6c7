"""`points member …`: one member's account (account.md 9)."""

import typer

from cli.commands.history import history_command
from cli.commands.member.show import show_command

app = typer.Typer(no_args_is_help=True, help="A member's account.")
app.command("show")(show_command)
app.command("history")(history_command)
