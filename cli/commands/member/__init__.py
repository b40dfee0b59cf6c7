"""`points member …`: one member's account (account.md 7, 9)."""

import typer

from cli.commands.history import history_command
from cli.commands.member.assign import assign_command
from cli.commands.member.erase_notes import erase_notes_command
from cli.commands.member.show import show_command

app = typer.Typer(no_args_is_help=True, help="A member's account: see it, give and take points.")
app.command("show")(show_command)
app.command("history")(history_command)
app.command("erase-notes")(erase_notes_command)
# Points may be negative, which is no option.
app.command("assign", context_settings={"ignore_unknown_options": True})(assign_command)
