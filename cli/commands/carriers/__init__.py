"""`points carriers …`: what carriers' codes mean, and their reports without an order.

See rules.md 6.
"""

import typer

from cli.commands.carriers.change import reset_command, set_command
from cli.commands.carriers.log import log_command
from cli.commands.carriers.parked import parked_command
from cli.commands.carriers.show import show_command
from cli.commands.carriers.unknown import unknown_command

app = typer.Typer(
    no_args_is_help=True,
    help="What carriers' codes mean, and their reports without an order.",
)
app.command("parked")(parked_command)
app.command("unknown")(unknown_command)
app.command("set")(set_command)
app.command("reset")(reset_command)
app.command("log")(log_command)
app.command("show")(show_command)
