"""`points notices`: what members are told, and what becomes of it."""

import typer

from cli.commands.notices import (
    cursor,
    dlq,
    erasing,
    keys,
    listing,
    optout,
    outbox,
    pausing,
    preview,
    resending,
    settings,
    status,
    unknown,
    usage,
    webhook,
)

app = typer.Typer(
    no_args_is_help=True, help="Notices to members about their points, by e-mail and SMS."
)
app.add_typer(settings.app, name="settings")
app.command("preview")(preview.preview_command)
app.command("status")(status.status_command)
app.command("list")(listing.list_command)
app.command("show")(listing.show_command)
app.add_typer(unknown.app, name="unknown")
app.command("resend")(resending.resend_command)
app.add_typer(optout.app, name="optout")
app.command("usage")(usage.usage_command)
app.command("erase")(erasing.erase_command)
app.add_typer(keys.app, name="keys")
app.command("webhook-key")(webhook.webhook_key_command)
app.command("pause")(pausing.pause_command)
app.command("resume")(pausing.resume_command)
app.add_typer(cursor.app, name="cursor")
app.add_typer(dlq.app, name="dlq")
app.add_typer(outbox.app, name="outbox")
