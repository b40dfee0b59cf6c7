"""`points notices webhook-key`: what a shop verifies our requests with."""

import os
from pathlib import Path
from typing import Annotated

import typer

from cli.support.arguments import Merchant
from cli.support.console import out, safe
from cli.support.errors import Exit, Failure
from cli.support.wiring import connect_notices, notices_configuration


def webhook_key_command(
    merchant: Merchant,
    to: Annotated[
        Path, typer.Option("--to", help="A new file, which only you may read.", metavar="FILE")
    ],
) -> None:
    """Write the key that signs requests to a merchant's own address into a file for it."""
    from rules.notices.webhooks import key_of
    from store.notices import reads
    from store.postgres.session import raw

    configured = notices_configuration()
    secret = configured.webhook.secret
    if secret is None:
        raise Failure(
            Exit.USAGE,
            "there is no secret that keys are made from",
            "set POINTS_WEBHOOK__SECRET, as the workers `notices-send` have it",
        )
    with connect_notices(configured) as connection:
        reads.shop_number(raw(connection), merchant)
    try:
        descriptor = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise Failure(
            Exit.USAGE, f"{to} cannot be written: {error.strerror}", "name a new file"
        ) from None
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(key_of(secret.get_secret_value(), merchant) + "\n")
    out().print(f"the key of {safe(merchant)} is in {safe(str(to))}: hand it to the shop only")
