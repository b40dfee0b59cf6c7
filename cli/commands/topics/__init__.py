"""`points topics …`: the topics that the product reads and writes."""

import typer

from cli.commands.topics.acls import acls_command
from cli.commands.topics.apply import apply_command
from cli.commands.topics.plan import plan_command

app = typer.Typer(no_args_is_help=True, help="The topics that the product reads and writes.")
app.command("plan")(plan_command)
app.command("apply")(apply_command)
app.command("acls")(acls_command)
