"""What providers call back with: whether it is theirs, and what it says, without any address.

Our notice id rides in the path of the callback's address, after the configured beginning.
"""

import hashlib
import hmac
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Final, Literal
from uuid import UUID

from processors.notices.providers.answers import code_of, id_of, parts_of
from schemas.notices.feedback import NoticeFeedback
from schemas.web_addresses import address_of

_TWILIO: Final[Mapping[str, Literal["delivered", "failed"]]] = {
    "delivered": "delivered",
    "read": "delivered",
    "undelivered": "failed",
    "failed": "failed",
    "canceled": "failed",
}
"""Statuses that are an end; those on the way (queued, sending, sent) are no receipts."""
_MITAKE: Final[Mapping[str, Literal["delivered", "failed"]]] = {
    "4": "delivered",
    **dict.fromkeys("56789", "failed"),
}
_USUAL_PORT: Final[Mapping[str, int]] = {"http": 80, "https": 443}
_MSGID: Final = re.compile(r"#?[A-Za-z0-9$]{1,40}")


def twilio_signature(url: str, form: Mapping[str, str], auth_token: str) -> str:
    """How Twilio signs a callback: over its whole URL, and names and values sorted by name."""
    signed = url + "".join(f"{name}{value}" for name, value in sorted(form.items()))
    digest = hmac.new(auth_token.encode(), signed.encode(), hashlib.sha1).digest()
    return b64encode(digest).decode()


def twilio_receipt(
    url: str, form: Mapping[str, str], signature: str, auth_token: str, received_at: datetime
) -> NoticeFeedback | None:
    """What a status callback of Twilio says; None if it is not Twilio's, or no receipt.

    `url`: as Twilio called it, ending in the notice id. `form`: all fields of the body, those that
    are empty as well.
    """
    # As bytes, since compare_digest refuses text beyond ASCII.
    given = signature.encode(errors="replace")
    expected = (twilio_signature(each, form, auth_token).encode() for each in _as_signed(url))
    if not any(hmac.compare_digest(each, given) for each in expected):
        return None
    notice_id = _uuid(url.partition("?")[0].rpartition("/")[2])
    status = _TWILIO.get(form.get("MessageStatus", ""))
    if notice_id is None or status is None:
        return None
    return NoticeFeedback(
        type="receipt",
        notice_id=notice_id,
        channel="sms",
        provider="twilio",
        provider_id=id_of(form.get("MessageSid")),
        status=status,
        code=code_of(form.get("ErrorCode")),
        parts=parts_of(form.get("NumSegments")),
        occurred_at=received_at,
    )


def _as_signed(url: str) -> Iterator[str]:
    """The ways in which Twilio may have written an address where it signed it.

    Not always with the port that it was given, and at times with the usual one that it was not.
    """
    yield url
    parts = address_of(url)
    if parts is None:
        return
    host, colon, port = parts.netloc.rpartition(":")
    if colon and port.isdigit():
        yield parts._replace(netloc=host).geturl()
    else:
        yield parts._replace(netloc=f"{parts.netloc}:{_USUAL_PORT[parts.scheme]}").geturl()


def mitake_callback_url(base: str, notice_id: UUID, password: str) -> str:
    """Where Mitake is to report what became of a notice.

    Mitake signs nothing, so the address itself proves that it is Mitake's: it ends in a tag that
    nobody makes without the account's password.
    """
    return f"{base.rstrip('/')}/{notice_id}/{_tag(notice_id, password)}"


def mitake_receipt(
    path: str, query: Mapping[str, str], password: str, received_at: datetime
) -> NoticeFeedback | None:
    """What a status report of Mitake says; None if it is not Mitake's, or no receipt.

    `path`: of the callback, ending in notice id and tag. `query`: msgid, StatusFlag, statuscode and
    others. The number in it is left where it is.
    """
    identifier, _, tag = path.rpartition("/")
    notice_id = _uuid(identifier.rpartition("/")[2])
    if notice_id is None:
        return None
    if not hmac.compare_digest(_tag(notice_id, password).encode(), tag.encode(errors="replace")):
        return None
    status = _MITAKE.get(query.get("StatusFlag", ""))
    if status is None:
        return None
    return NoticeFeedback(
        type="receipt",
        notice_id=notice_id,
        channel="sms",
        provider="mitake",
        provider_id=id_of(query.get("msgid", "").lstrip("#")),
        status=status,
        code=code_of(query.get("statuscode")),
        occurred_at=received_at,
    )


def mitake_acknowledgement(query: Mapping[str, str]) -> bytes:
    """What Mitake wants to hear, as text/plain; it repeats a report until it does."""
    msgid = query.get("msgid", "")
    return f"magicid=sms_gateway_rpack\nmsgid={msgid if _MSGID.fullmatch(msgid) else ''}\n".encode()


def _tag(notice_id: UUID, password: str) -> str:
    digest = hmac.new(_callback_key(password), notice_id.bytes, hashlib.sha256).digest()
    return urlsafe_b64encode(digest[:18]).decode()


@lru_cache(maxsize=4)
def _callback_key(password: str) -> bytes:
    """A key from a password, slowly: tags are seen on the way, and passwords can be guessed."""
    return hashlib.scrypt(password.encode(), salt=b"mitake callback", n=2**14, r=8, p=1, dklen=32)


def _uuid(text: str) -> UUID | None:
    """An id written as we write it; UUID takes braces and a URN, too."""
    try:
        found = UUID(text)
    except ValueError:
        return None
    return found if str(found) == text else None
