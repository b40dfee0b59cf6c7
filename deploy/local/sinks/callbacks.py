"""What Twilio and Mitake call back with, once they know what became of a message.

Written by their public descriptions, and by nothing of the product: it is what the product is tried
against.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlencode


@dataclass(frozen=True, slots=True)
class Call:
    """A request of HTTP, as it comes to the one who is called back."""

    method: Literal["GET", "POST"]
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


def twilio(request: Mapping[str, Any], status: str, auth_token: str) -> Call:
    """The status callback of a message that a sink got (a line of its `messages`).

    `status`: delivered, undelivered and so on. Signed by the account's token over the address and
    the fields, sorted by name.
    """
    url, sid = str(request["details"]["callback"]), str(request["details"]["sid"])
    fields = {
        "ApiVersion": "2010-04-01",
        "From": request["sender"],
        "MessageSid": sid,
        "MessageStatus": status,
        "SmsSid": sid,
        "SmsStatus": status,
        "To": request["to"],
    }
    if status in {"failed", "undelivered"}:
        fields["ErrorCode"] = "30003"
    signed = url + "".join(f"{name}{fields[name]}" for name in sorted(fields))
    digest = hmac.new(auth_token.encode(), signed.encode("utf-8"), hashlib.sha1).digest()
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        "x-twilio-signature": base64.b64encode(digest).decode(),
    }
    return Call("POST", url, headers, urlencode(fields).encode())


def mitake(request: Mapping[str, Any], flag: str) -> Call:
    """The status report of a message that a sink got; `flag` 4 is delivered, 5 to 8 are not."""
    fields = {
        "msgid": f"#{request['details']['msgid']}",
        "dstaddr": request["to"],
        "dlvtime": "20261127120000",
        "donetime": "20261127120005",
        "statuscode": flag,
        "statusstr": "DELIVRD" if flag == "4" else "UNDELIV",
        "StatusFlag": flag,
    }
    return Call("GET", f"{request['details']['response']}?{urlencode(fields)}")
