"""What answers of HTTP mean where the provider says nothing of its own in them."""

import json
import re
from typing import Any, Final

from processors.notices.providers.http import Reply
from processors.notices.providers.port import Answer, Outcome

_PRINTABLE: Final = re.compile(r"[A-Za-z0-9._*-]{1,40}")
_ID: Final = re.compile(r"[A-Za-z0-9$_.:-]{1,100}")
MOST_PARTS: Final = 1000
NOT_UNDERSTOOD: Final = "not-understood"
"""The code of ours for what came and is no answer."""

_BY_STATUS: Final = {
    401: Outcome.credentials,
    403: Outcome.credentials,
    404: Outcome.credentials,
    407: Outcome.credentials,
    503: Outcome.later,
}
"""What a status says by itself. 404: the account or the address that we were given is none."""


def by_status(reply: Reply, code: str | None = None) -> Answer:
    """What follows from the status alone, of an answer that says nothing we understand.

    Statuses of 400 … 499 say that the request was not carried out, and 503 that it was not begun.
    Of everything else, successes and redirects too, nobody knows.
    """
    status = reply.status
    refused = Outcome.later if 400 <= status <= 499 else Outcome.unknown  # noqa: PLR2004
    plain = NOT_UNDERSTOOD if 200 <= status <= 299 else f"http-{status}"  # noqa: PLR2004
    return Answer(
        _BY_STATUS.get(status, refused), retry_after=reply.retry_after, code=code or plain
    )


def code_of(value: object) -> str | None:
    """A provider's code, if it is a few characters that can be shown; else None.

    Texts never are: they may repeat an address.
    """
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    return text if _PRINTABLE.fullmatch(text) else None


def id_of(value: object) -> str | None:
    """A provider's id of a message, if it can be one."""
    return value if isinstance(value, str) and _ID.fullmatch(value) else None


def parts_of(value: object) -> int | None:
    """How many parts the provider counted; None where it does not say, as Twilio by a 0."""
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    parts = int(text) if text.isascii() and text.isdigit() and len(text) <= len("1000") else 0
    return parts if 1 <= parts <= MOST_PARTS else None


def object_of(body: bytes) -> dict[str, Any] | None:
    """The body as a JSON object; None if it is anything else."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
