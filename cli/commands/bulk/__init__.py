"""`points bulk …`: points for many members from a file (account.md 7)."""

import typer

from cli.commands.bulk.assign import assign_command, resume_command
from cli.commands.bulk.change import approve_command, cancel_command, undo_command
from cli.commands.bulk.show import list_command, rows_command, show_command

app = typer.Typer(no_args_is_help=True, help="Jobs that give points to many members from a file.")
app.command("assign")(assign_command)
app.command("list")(list_command)
app.command("show")(show_command)
app.command("rows")(rows_command)
app.command("resume")(resume_command)
app.command("cancel")(cancel_command)
app.command("approve")(approve_command)
app.command("undo")(undo_command)
