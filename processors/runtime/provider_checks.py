"""Ways to providers of mail and SMS that encrypt nothing, and halves of accounts, are told at once.

No problem repeats a value.
"""

from collections.abc import Iterator
from typing import Final

from processors.runtime.notices_configuration import (
    MitakeConfiguration,
    SmtpConfiguration,
    TwilioConfiguration,
    WebhookConfiguration,
)
from rules.notices.webhooks import SHORTEST_SECRET

_ONLY: Final = "only POINTS_ENVIRONMENT=development permits it"


def problems_of_providers(
    smtp: SmtpConfiguration,
    twilio: TwilioConfiguration,
    mitake: MitakeConfiguration,
    webhook: WebhookConfiguration,
    *,
    development: bool,
) -> list[str]:
    """What is wrong with those that are configured, a line each, with the name of the variable."""
    return [
        *_of_smtp(smtp, development=development),
        *_of_account(
            "TWILIO",
            twilio.account_sid,
            ("AUTH_TOKEN", twilio.auth_token is not None),
            twilio.url,
            development=development,
        ),
        *_of_account(
            "MITAKE",
            mitake.username,
            ("PASSWORD", mitake.password is not None),
            mitake.url,
            development=development,
        ),
        *_of_webhook(webhook, development=development),
    ]


def _of_webhook(webhook: WebhookConfiguration, *, development: bool) -> Iterator[str]:
    secret = webhook.secret.get_secret_value() if webhook.secret is not None else None
    if secret is not None and len(secret) < SHORTEST_SECRET:
        yield (
            f"POINTS_WEBHOOK__SECRET: is shorter than {SHORTEST_SECRET} characters; "
            "make one with `openssl rand -hex 32`"
        )
    if webhook.private_addresses and not development:
        yield (
            "POINTS_WEBHOOK__PRIVATE_ADDRESSES: lets a shop's address lead into this network: "
            f"{_ONLY}"
        )


def _of_smtp(smtp: SmtpConfiguration, *, development: bool) -> Iterator[str]:
    if smtp.host is None:
        return
    if smtp.encryption == "none" and not development:
        yield f"POINTS_SMTP__ENCRYPTION: none sends members' mails in the clear: {_ONLY}"
    if (smtp.username is None) != (smtp.password is None):
        missing = "PASSWORD" if smtp.password is None else "USERNAME"
        yield f"POINTS_SMTP__{missing}: is missing; a login has both"


def _of_account(
    provider: str,
    account: str | None,
    secret: tuple[str, bool],
    url: str,
    *,
    development: bool,
) -> Iterator[str]:
    if not account:
        return
    if not secret[1]:
        yield f"POINTS_{provider}__{secret[0]}: is missing; an account has one"
    if not url.startswith(("https://", "http://")):
        yield f"POINTS_{provider}__URL: is no address: write https://host"
    elif url.startswith("http://") and not development:
        yield f"POINTS_{provider}__URL: sends members' numbers without TLS: {_ONLY}"
