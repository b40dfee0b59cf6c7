"""What Twilio, Mitake and a webhook read from a request, and what each answers in every mood."""

import base64
import binascii
import json
import re
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Final
from urllib.parse import parse_qs
from uuid import uuid4

from deploy.local.sinks.kept import Kept, Request
from deploy.local.sinks.moods import Manner, Mood

_E164: Final = re.compile(r"\+[1-9]\d{6,14}")
_AT_HOME: Final = re.compile(r"09\d{8}|[1-9]\d{6,14}")
_IN_PATH: Final = re.compile(r"/([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\b")
WINDOW_SECONDS: Final = 12 * 3600
"""For how long Mitake and the webhook know a key."""


_CLOCK_AHEAD_SECONDS: Final = 1800
"""A sink that names an instant has a clock of its own, as others' servers do."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of HTTP."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Post:
    """What came: the query, headers by their lower-case names, and the body."""

    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


class Speaker(ABC):
    """One provider's way to read and to answer."""

    def __init__(self, kept: Kept, clock: Callable[[], float]) -> None:
        self.kept = kept
        self.clock = clock

    def sender(self, post: Post) -> str:
        """Who a message is from, where it says so."""
        del post
        return ""

    @abstractmethod
    def read(self, post: Post, mood: Mood) -> tuple[Request, Answer]:
        """Keeps the request, and says what a sink in a good mood answers."""

    @abstractmethod
    def error(self, mood: Mood, manner: Manner, number: int) -> Answer:
        """The answer in the moods busy, wrong, credentials and error_inside."""


def _json(status: int, document: object, **headers: str) -> Answer:
    body = json.dumps(document).encode()
    return Answer(status, body, {"Content-Type": "application/json", **headers})


def _waiting(manner: Manner) -> dict[str, str]:
    if manner.retry_after is None:
        return {}
    if manner.retry_at:
        now = time.time() + _CLOCK_AHEAD_SECONDS
        until = formatdate(now + manner.retry_after, usegmt=True)
        return {"Retry-After": until, "Date": formatdate(now, usegmt=True)}
    return {"Retry-After": f"{manner.retry_after:g}"}


class TwilioSpeaker(Speaker):
    """Speaks as Twilio's Messages resource."""

    def sender(self, post: Post) -> str:
        """The field From."""
        return parse_qs(post.body.decode()).get("From", [""])[0]

    def read(self, post: Post, mood: Mood) -> tuple[Request, Answer]:
        """A message of form fields; its notice rides in the StatusCallback."""
        form = {name: values[0] for name, values in parse_qs(post.body.decode()).items()}
        notice = _IN_PATH.search(form.get("StatusCallback", ""))
        to, text = form.get("To", ""), form.get("Body", "")
        request = self.kept.keep(
            "twilio",
            mood,
            notice[1] if notice is not None else None,
            to=to,
            sender=form.get("From", ""),
            content=text,
            callback=form.get("StatusCallback", ""),
            sid=f"SM{uuid4().hex}",
        )
        wrong = (
            (401, 20003)
            if not _basic(post.headers.get("authorization", ""))
            else (400, 21211)
            if not _E164.fullmatch(to)
            else (400, 21602)
        )
        if wrong != (400, 21602) or not text:
            request.taken = False
            return request, _twilio_error(*wrong)
        sid = request.details["sid"]
        parts = str(-(-len(text) // (160 if text.isascii() else 70)))
        document = {"sid": sid, "status": "queued", "error_code": None, "error_message": None}
        return request, _json(201, {**document, "to": to, "body": text, "num_segments": parts})

    def error(self, mood: Mood, manner: Manner, number: int) -> Answer:
        """Errors have a code, and a text that may repeat what was sent."""
        match mood:
            case Mood.busy:
                status = manner.status or (429, 503)[number % 2]
                code = {429: 20429}.get(status, 20000 + status)
                return _twilio_error(status, code, **_waiting(manner))
            case Mood.credentials:
                return _twilio_error(401, 20003)
            case Mood.error_inside:
                return _json(200, {"code": 21211, "message": "not a phone number", "status": 400})
            case _:
                return _twilio_error(manner.status or 400, int(manner.code or 21211))


def _twilio_error(status: int, code: int, **headers: str) -> Answer:
    more = f"https://www.twilio.com/docs/errors/{code}"
    document = {"code": code, "message": "refused", "more_info": more, "status": status}
    return _json(status, document, **headers)


def _basic(header: str) -> bool:
    scheme, _, login = header.partition(" ")
    try:
        name, _, secret = base64.b64decode(login, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return False
    return scheme == "Basic" and bool(name and secret)


class MitakeSpeaker(Speaker):
    """Speaks as Mitake's SmSend: texts in Big5, and a `clientid` is known for twelve hours."""

    def __init__(self, kept: Kept, clock: Callable[[], float]) -> None:
        super().__init__(kept, clock)
        self._known: dict[str, tuple[float, bytes]] = {}
        self._msgid = 0

    def read(self, post: Post, mood: Mood) -> tuple[Request, Answer]:
        """A message of form fields, in Big5 unless the query says UTF8."""
        utf8 = post.query.get("CharsetURL", "").upper().replace("-", "") == "UTF8"
        fields = parse_qs(
            post.body.decode("latin-1"), encoding="utf-8" if utf8 else "big5", errors="replace"
        )
        form = {name: values[0] for name, values in fields.items()}
        key, to, text = form.get("clientid", ""), form.get("dstaddr", ""), form.get("smbody", "")
        request = self.kept.keep(
            "mitake",
            mood,
            key or None,
            to=to,
            content=text.replace("\x06", "\n"),
            response=form.get("response", ""),
        )
        if not form.get("username") or not form.get("password"):
            request.taken = False
            return request, _mitake_error("c" if not form.get("username") else "d")
        if not _AT_HOME.fullmatch(to):
            request.taken = False
            return request, _mitake_error("v")
        known = self._known.get(key)
        if known is not None and self.clock() - known[0] < WINDOW_SECONDS:
            request.taken, request.duplicate = False, True
            return request, Answer(200, known[1] + b"Duplicate=Y\r\n", _BIG5)
        self._msgid += 1
        request.details["msgid"] = f"{self._msgid:010d}"
        body = f"[1]\r\nmsgid={self._msgid:010d}\r\nstatuscode=1\r\nAccountPoint=9999\r\n".encode()
        if request.taken and key:
            self._known[key] = (self.clock(), body)
        return request, Answer(200, body, _BIG5)

    def error(self, mood: Mood, manner: Manner, number: int) -> Answer:
        """Its errors are letters in a 200; `status` or what stands before it may be busy, too."""
        match mood:
            case Mood.busy if manner.status is not None or number % 2:
                return Answer(manner.status or 503, b"", _waiting(manner))
            case Mood.busy:
                return _mitake_error("*abrl"[number // 2 % 5], **_waiting(manner))
            case Mood.credentials:
                return _mitake_error("ekm"[number % 3])
            case _:
                return _mitake_error("v")


_BIG5: Final = {"Content-Type": "text/plain; charset=big5"}
_TEXTS: Final = {
    "c": "請輸入帳號",
    "d": "請輸入密碼",
    "e": "帳號、密碼錯誤",
    "k": "無效的連線位址",
    "l": "帳號已達到同時連線數上限",
    "m": "必須變更密碼",
    "v": "無效的手機號碼",
}


def _mitake_error(letter: str, **headers: str) -> Answer:
    text = _TEXTS.get(letter, "系統暫停服務，請稍後再試")
    body = f"[1]\r\nstatuscode={letter}\r\nError={text}\r\n".encode("big5")
    return Answer(200, body, {**_BIG5, **headers})


class WebhookSpeaker(Speaker):
    """Speaks as a shop's own address: takes JSON, knows an Idempotency-Key."""

    def __init__(self, kept: Kept, clock: Callable[[], float]) -> None:
        super().__init__(kept, clock)
        self._known: dict[str, tuple[float, bytes]] = {}

    def read(self, post: Post, mood: Mood) -> tuple[Request, Answer]:
        """A message as JSON; headers that prove whose it is are kept, not judged."""
        try:
            document = json.loads(post.body)
        except ValueError:
            document = {}
        key = post.headers.get("idempotency-key", "")
        proof = {name: post.headers.get(name, "") for name in _PROOF}
        request = self.kept.keep(
            "webhook",
            mood,
            document.get("notice_id"),
            to=document.get("to", ""),
            sender=document.get("sender", ""),
            content=document.get("text", ""),
            key=key,
            body=post.body.decode(errors="replace"),
            **proof,
        )
        known = self._known.get(key)
        if known is not None and self.clock() - known[0] < WINDOW_SECONDS * 2:
            request.taken, request.duplicate = False, True
            return request, Answer(200, known[1], {"Content-Type": "application/json"})
        answer = _json(200, {"taken": True, "id": uuid4().hex, "parts": 1})
        if request.taken and key:
            self._known[key] = (self.clock(), answer.body)
        return request, answer

    def error(self, mood: Mood, manner: Manner, number: int) -> Answer:
        """Errors are statuses, with or without a word about them."""
        match mood:
            case Mood.busy:
                return _json(manner.status or (429, 503)[number % 2], {}, **_waiting(manner))
            case Mood.credentials:
                return _json(401, {"error": "signature"})
            case Mood.error_inside:
                return _json(200, {"taken": False, "error": "number"})
            case _:
                return _json(manner.status or 422, {"taken": False, "error": "number"})


_PROOF: Final = ("points-signature", "points-timestamp")
