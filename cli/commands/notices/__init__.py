"""`points notices`: what members are told, and what becomes of it."""

import typer

from cli.commands.notices import cursor, dlq, listing, pausing, status, unknown

app = typer.Typer(
    no_args_is_help=True, help="Notices to members about their points, by e-mail and SMS."
)
app.command("status")(status.status_command)
app.command("list")(listing.list_command)
app.command("show")(listing.show_command)
app.add_typer(unknown.app, name="unknown")
app.command("pause")(pausing.pause_command)
app.command("resume")(pausing.resume_command)
app.add_typer(cursor.app, name="cursor")
app.add_typer(dlq.app, name="dlq")
