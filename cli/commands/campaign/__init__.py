"""`points campaign …`: a merchant's gift campaigns (account.md 6)."""

import typer

from cli.commands.campaign.log import log_command
from cli.commands.campaign.save import apply_command, remove_command
from cli.commands.campaign.show import list_command, live_command, show_command

app = typer.Typer(
    no_args_is_help=True,
    help="Gift campaigns: windows of time in which members get gifts for points.",
)
app.command("apply")(apply_command)
app.command("list")(list_command)
app.command("show")(show_command)
app.command("live")(live_command)
app.command("remove")(remove_command)
app.command("log")(log_command)
