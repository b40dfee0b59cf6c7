"""Mitake's SmSend: one SMS a request, whose `clientid` it knows for twelve hours.

Written by public descriptions of its interface and tried against `deploy/local/sinks` only.
"""

import re
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from processors.notices.providers.answers import NOT_UNDERSTOOD, by_status, id_of
from processors.notices.providers.callbacks import mitake_callback_url
from processors.notices.providers.forms import FormSms
from processors.notices.providers.http import HttpClient, Reply
from processors.notices.providers.port import Answer, Outcome, SmsMessage
from processors.runtime.notices_configuration import MitakeConfiguration

_CONNECTIONS: Final = 15
"""As many as an account may have open at once; more are answered with `l`."""
_LINES: Final = re.compile(rb"(?:\A|[\r\n])([A-Za-z]{1,20})=([ -~]{0,100})(?=[\r\n]|\Z)")
_LINE_BREAK: Final = "\x06"
"""What stands for a line break in a text."""

_OUTCOMES: Final = {
    # Booked, with the carrier, or delivered already.
    Outcome.taken: "0124",
    # 5 the text, 6 the number, 7 a number that takes none, 8 not delivered in time, 9 taken back;
    # t lapsed, u an empty text, v the number, x too long, y a parameter.
    Outcome.wrong: "56789tuvxy",
    # Its service stands still (*, a, b, r), or we have too many connections (l).
    Outcome.later: "*ablr",
    # No login (c, d) or a wrong one (e), an account that ran out (f) or is closed (h), an address
    # that it does not know (k), a password to be changed (m, n), no right to send so (p), and an
    # account without money (s).
    Outcome.credentials: "cdefhkmnps",
}


class Mitake(FormSms):
    """An account of Mitake; see `SmsProvider`. For one thread at a time."""

    name = "mitake"
    shared = True
    window = timedelta(hours=12)

    def __init__(self, account: MitakeConfiguration, write_within: float) -> None:
        password = account.password.get_secret_value() if account.password is not None else ""
        self._login = {"username": account.username or "", "password": password}
        self._callback_url = account.callback_url
        http = HttpClient(account.timeout_seconds, _CONNECTIONS, write_within=write_within)
        super().__init__(_url(account.url), http)

    def form(self, message: SmsMessage) -> dict[str, str]:
        """The fields of a message."""
        form = {
            **self._login,
            "dstaddr": _local(message.to),
            "smbody": _LINE_BREAK.join(message.text.splitlines()),
            "clientid": str(message.notice_id),
        }
        if self._callback_url is not None:
            form["response"] = mitake_callback_url(
                self._callback_url, message.notice_id, self._login["password"]
            )
        return form

    def judged(self, reply: Reply) -> Answer:
        """What an answer says; see `judged` below."""
        return judged(reply)


def judged(reply: Reply) -> Answer:
    """What an answer of SmSend says (docs/reference/providers.md).

    Lines of `key=value`, whose texts are Big5; only keys and values that are ASCII are looked at.
    Proof that a message is taken is its `msgid` with a status that says so. A message of a
    `clientid` that is known is answered as it was the first time.
    """
    if reply.status != 200:  # noqa: PLR2004
        return by_status(reply)
    fields = _fields(reply.body)
    if fields is None:
        return Answer(Outcome.unknown, code=NOT_UNDERSTOOD)
    status, msgid = fields.get("statuscode", ""), id_of(fields.get("msgid", "").lstrip("#"))
    for outcome, statuses in _OUTCOMES.items():
        if len(status) == 1 and status in statuses:
            if outcome is Outcome.taken and msgid is None:
                break
            taken = msgid if outcome is Outcome.taken else None
            return Answer(outcome, taken, retry_after=reply.retry_after, code=status)
    return Answer(Outcome.unknown, code=NOT_UNDERSTOOD)


def _fields(body: bytes) -> dict[str, str] | None:
    """The fields of the one message that was asked for; None if there are those of several."""
    fields: dict[str, str] = {}
    for key, value in _LINES.findall(body):
        said = value.decode("ascii")
        if fields.setdefault(key.decode("ascii"), said) != said:
            return None
    return fields


def _local(number: str) -> str:
    """An E.164 number as Mitake writes it: 09… at home, country and number elsewhere."""
    return f"0{number[4:]}" if number.startswith("+8869") else number.removeprefix("+")


def _url(base: str) -> str:
    """Where SmSend is: an account's own path if the base has one, else the common one."""
    path = urlsplit(base).path.strip("/")
    return f"{base.rstrip('/')}{'' if path else '/api/mtk'}/SmSend?CharsetURL=UTF8"
