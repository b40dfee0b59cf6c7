"""What of the ways to providers and back cannot be meant, told before a message is lost for it.

Ways that encrypt nothing, halves of accounts, and addresses that nobody can call.

No problem repeats a value.
"""

import re
from collections.abc import Iterator
from typing import Final

from processors.runtime.notices_configuration import (
    MitakeConfiguration,
    NoticesConfiguration,
    SmtpConfiguration,
    TwilioConfiguration,
    WebhookConfiguration,
)
from rules.notices.webhooks import SHORTEST_SECRET
from schemas.web_addresses import address_of

_ONLY: Final = "only POINTS_ENVIRONMENT=development permits it"
LONGEST_BASE: Final = 300
"""Characters of an address that something of ours is put behind: with a token of the longest ids of
Latin letters it still fits into a line of a mail's header.
"""
_WRITTEN: Final = re.compile(r"[!-;=?-~]+")
"""What an address is written in within the brackets of a header."""


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
        *_of_callback("TWILIO", twilio.callback_url, development=development),
        *_of_account(
            "MITAKE",
            mitake.username,
            ("PASSWORD", mitake.password is not None),
            mitake.url,
            development=development,
        ),
        *_of_callback("MITAKE", mitake.callback_url, development=development),
        *_of_webhook(webhook, development=development),
    ]


def problems_of_links(notices: NoticesConfiguration, *, development: bool) -> Iterator[str]:
    """What is wrong with the link to unsubscribe: every mail would fail for it, or go without."""
    url, name = notices.unsubscribe_url, "POINTS_NOTICES__UNSUBSCRIBE_URL"
    if url is None:
        return
    if (wrong := _wrong_with_base(url, development=development)) is not None:
        yield f"{name}: {wrong}"
    if not notices.link_keys():
        yield f"POINTS_NOTICES__TOKEN_KEYS: is missing; {name} needs keys that sign its links"


def problems_of_directory(notices: NoticesConfiguration, *, development: bool) -> Iterator[str]:
    """What is wrong with a directory of members that is asked over the web."""
    if notices.directory != "http":
        return
    url, name = notices.directory_url, "POINTS_NOTICES__DIRECTORY_URL"
    if url is None:
        yield f"{name}: is missing; POINTS_NOTICES__DIRECTORY=http needs it"
        return
    parts = address_of(url)
    if parts is None:
        yield f"{name}: is no address of a directory: write https://host/path"
    elif parts.scheme == "http" and not development:
        yield f"{name}: sends members' ids and addresses without TLS: write https://; {_ONLY}"


def _of_callback(provider: str, url: str | None, *, development: bool) -> Iterator[str]:
    if url is None:
        return
    wrong = _wrong_with_base(url, development=development)
    if wrong is None and "?" in url:
        wrong = "has a query: a notice's id is put behind its path"
    if wrong is not None:
        yield f"POINTS_{provider}__CALLBACK_URL: {wrong}"


def _wrong_with_base(url: str, *, development: bool) -> str | None:
    """What is wrong with an address that others are to call, with something of ours behind it."""
    parts = address_of(url)
    if parts is None or not _WRITTEN.fullmatch(url):
        return "is no address that others can call: write https://host/path"
    if len(url) > LONGEST_BASE:
        return f"has more than {LONGEST_BASE} characters"
    if parts.scheme == "http" and not development:
        return f"is called without TLS: {_ONLY}"
    return None


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
    parts = address_of(url)
    if parts is None:
        yield f"POINTS_{provider}__URL: is no address: write https://host"
    elif parts.scheme == "http" and not development:
        yield f"POINTS_{provider}__URL: sends members' numbers without TLS: {_ONLY}"
