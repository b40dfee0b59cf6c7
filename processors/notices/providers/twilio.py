"""Twilio's Messages resource: one SMS a request, known by no key of ours, so never repeated.

Written by its public documentation and tried against `deploy/local/sinks` only.
"""

import re
from base64 import b64encode
from dataclasses import replace
from datetime import timedelta
from typing import Final
from urllib.parse import quote

from processors.notices.providers.answers import by_status, code_of, object_of, parts_of
from processors.notices.providers.forms import FormSms
from processors.notices.providers.http import HttpClient, Reply
from processors.notices.providers.port import Answer, Outcome, SmsMessage
from processors.runtime.notices_configuration import TwilioConfiguration

_SID: Final = re.compile(r"(?:SM|MM)[0-9a-f]{32}")
_CONNECTIONS: Final = 100
_FAILED: Final = frozenset({"failed", "undelivered", "canceled"})
"""What a message that was taken can be at once, and never be sent after."""
_NEVER_SENT: Final = 400
_REFUSALS: Final = range(400, 500)

_OUTCOMES: Final = {
    # Wrong login; an account that is suspended, closed, unpaid, or may not; no such account.
    # And the address that we want to be called at, which is none.
    Outcome.credentials: {10001, 20003, 20005, 20006, 20008, 20403, 20404, 21609, 30002, 90010},
    # The sender: none, not this account's, of another country, without SMS, with a full queue,
    # which each number has of its own: others' numbers go on. And a country to which the account
    # may send none: what one shop's members have in common.
    Outcome.shop_refused: {21212, 21408, 21603, 21606, 21611, 21659, 21660, 21661},
    # Too much at once: rates, queues and limits of a day.
    Outcome.later: {14107, 20429, 21623, 30001, 30022, 63038},
    # Trouble of its own, after which nobody knows.
    Outcome.unknown: {20500, 20504},
}
"""Codes of errors that are no fault of one message; every other code of a refusal is."""


class Twilio(FormSms):
    """An account of Twilio; see `SmsProvider`. For one thread at a time."""

    name = "twilio"
    shared = True
    window = timedelta(0)

    def __init__(self, account: TwilioConfiguration, write_within: float) -> None:
        sid, token = account.account_sid or "", account.auth_token
        login = f"{sid}:{token.get_secret_value() if token is not None else ''}"
        self.headers = {
            **self.headers,
            "Authorization": f"Basic {b64encode(login.encode()).decode()}",
        }
        self._callback_url = account.callback_url
        base = f"{account.url.rstrip('/')}/2010-04-01/Accounts/{quote(sid, safe='')}"
        http = HttpClient(account.timeout_seconds, _CONNECTIONS, write_within=write_within)
        super().__init__(f"{base}/Messages.json", http)

    def form(self, message: SmsMessage) -> dict[str, str]:
        """The fields of a message."""
        form = {"To": message.to, "From": message.sender, "Body": message.text}
        if self._callback_url is not None:
            form["StatusCallback"] = f"{self._callback_url.rstrip('/')}/{message.notice_id}"
        return form

    def judged(self, reply: Reply) -> Answer:
        """What an answer says; see `judged` below."""
        return judged(reply)


def judged(reply: Reply) -> Answer:
    """What an answer of the Messages resource says (docs/reference/providers.md).

    Proof that a message is taken is its well-formed `sid` in a 200 or 201 without an error. An
    error counts by its code, and by the status it names where that of the answer is a success.
    """
    document = object_of(reply.body)
    if document is None:
        return by_status(reply)
    sid, error = document.get("sid"), document.get("error_code")
    if reply.status in {200, 201} and isinstance(sid, str) and _SID.fullmatch(sid):
        if error is None and document.get("status") not in _FAILED:
            return Answer(Outcome.taken, sid, parts_of(document.get("num_segments")))
        return _refused(replace(reply, status=_NEVER_SENT), error)
    named = document.get("status")
    if reply.status < _NEVER_SENT and isinstance(named, int) and named in _REFUSALS:
        reply = replace(reply, status=named)
    return _refused(reply, document.get("code"))


def _refused(reply: Reply, error: object) -> Answer:
    code = code_of(error)
    if code is None or not code.isdigit():
        return by_status(reply, code)
    number = int(code)
    for outcome, numbers in _OUTCOMES.items():
        if number in numbers:
            return Answer(outcome, retry_after=reply.retry_after, code=code)
    if reply.status in _REFUSALS and reply.status not in {401, 429}:
        return Answer(Outcome.wrong, code=code)
    return by_status(reply, code)
