"""`points member …`: one member's account."""

import typer

from cli.commands.member.assign import assign_command

app = typer.Typer(no_args_is_help=True, help="A member's account: points given and taken.")
# Points may be negative, which is no option.
app.command("assign", context_settings={"ignore_unknown_options": True})(assign_command)


@app.callback()
def options() -> None:
    """A member's account: points given and taken."""
