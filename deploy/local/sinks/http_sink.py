"""The HTTP sink: Twilio, Mitake and a webhook on one port of loopback, and their control.

`PUT /mood` {"twilio": {"mood": "busy", "retry_after": 2}}: see `Manner`. `GET /mood`.
`GET /messages?since=0&taken=1`: JSON lines of `Request`. `DELETE /messages`. `GET /counts`.
"""

import asyncio
import contextlib
import json
from collections.abc import Callable
from typing import Final

from aiohttp import web
from pydantic import TypeAdapter, ValidationError

from deploy.local.sinks.kept import Kept, Request
from deploy.local.sinks.messages import (
    Answer,
    MitakeSpeaker,
    Post,
    Speaker,
    TwilioSpeaker,
    WebhookSpeaker,
)
from deploy.local.sinks.moods import Manner, Mood, Moods, Provider

_MANNERS: Final = TypeAdapter(dict[Provider, Manner])
_PAGE: Final = b"<!DOCTYPE html><html><body><h1>Maintenance</h1></body></html>"
_FOR_EVER: Final = 24 * 3600.0
_ERRORS: Final = frozenset({Mood.busy, Mood.wrong, Mood.credentials, Mood.error_inside})
_REASONS: Final = {200: "OK", 201: "Created"}


class HttpSink:
    """Answers requests in the moods of each provider."""

    def __init__(
        self, kept: Kept, moods: dict[Provider, Moods], clock: Callable[[], float]
    ) -> None:
        self.kept = kept
        self.moods = moods
        self._speakers: dict[str, tuple[Provider, Speaker]] = {
            "Messages.json": ("twilio", TwilioSpeaker(kept, clock)),
            "SmSend": ("mitake", MitakeSpeaker(kept, clock)),
        }
        self._webhook: tuple[Provider, Speaker] = ("webhook", WebhookSpeaker(kept, clock))

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answers one request of any kind."""
        name = request.path.rpartition("/")[2]
        if request.method == "POST" and name in self._speakers:
            return await self._answer(request, *self._speakers[name])
        if request.method == "POST" and request.path.startswith("/webhook"):
            return await self._answer(request, *self._webhook)
        return await self._control(request, name)

    async def _answer(
        self, request: web.BaseRequest, provider: Provider, speaker: Speaker
    ) -> web.StreamResponse:
        moods = self.moods[provider]
        post = Post(
            request.query, {k.lower(): v for k, v in request.headers.items()}, await request.read()
        )
        mood, number, manner = moods.draw(speaker.sender(post)), moods.drawn, moods.manner
        if mood is Mood.silent:
            await asyncio.sleep(_FOR_EVER)
        kept, answer = speaker.read(post, mood)
        if mood in _ERRORS:
            answer = speaker.error(mood, manner, number)
        if mood is Mood.slow:
            await asyncio.sleep(manner.delay_ms / 1000)
        if mood is Mood.held:
            await moods.released(manner)
        if mood in _ODD:
            return await self._odd(request, mood, answer)
        return await _answered(request, kept, answer)

    async def _odd(
        self, request: web.BaseRequest, mood: Mood, answer: Answer
    ) -> web.StreamResponse:
        """The moods that break off, or answer what is no answer."""
        match mood:
            case Mood.deaf:
                await asyncio.sleep(_FOR_EVER)
            case Mood.lost:
                return _closed(request, b"")
            case Mood.drop:
                return _closed(request, _raw(answer)[: -len(answer.body) // 2])
            case Mood.half_line:
                cut = answer.body[: len(answer.body) // 2].rstrip(b"\r\n")
                return web.Response(status=answer.status, body=cut)
            case Mood.html:
                return web.Response(body=_PAGE, content_type="text/html")
            case Mood.redirect:
                return web.Response(status=302, headers={"Location": "/elsewhere"})
            case Mood.garbled:
                return web.Response(body="\ufeff錯誤".encode("utf-16") + b"\xff\xfe\x00" * 9)
            case Mood.endless:
                return await _endless(request)
            case _:
                pass
        return web.Response(status=200)

    async def _control(self, request: web.BaseRequest, name: str) -> web.StreamResponse:
        match request.method, name:
            case "PUT", "mood":
                try:
                    manners = _MANNERS.validate_json(await request.read())
                except ValidationError as error:
                    return web.Response(status=400, text=str(error))
                for provider, manner in manners.items():
                    self.moods[provider].become(manner)
                return web.Response(status=204)
            case "GET", "mood":
                now = {name: moods.manner for name, moods in self.moods.items()}
                return web.Response(body=_MANNERS.dump_json(now), content_type="application/json")
            case "GET", "messages":
                since = int(request.query.get("since", "0"))
                lines = self.kept.lines(since=since, taken="taken" in request.query)
                return web.Response(body=b"".join(lines), content_type="application/x-ndjson")
            case "DELETE", "messages":
                self.kept.forget()
                return web.Response(status=204)
            case "GET", "counts":
                return web.Response(text=json.dumps(self.kept.counts()))
            case _:
                return web.Response(status=404)


_ODD: Final = frozenset(
    {
        *(Mood.deaf, Mood.lost, Mood.drop, Mood.half_line, Mood.html, Mood.redirect),
        *(Mood.garbled, Mood.endless, Mood.empty),
    }
)


async def _answered(request: web.BaseRequest, kept: Request, answer: Answer) -> web.StreamResponse:
    """Writes the whole answer, and only then says that it did."""
    response = web.Response(status=answer.status, body=answer.body, headers=answer.headers)
    await response.prepare(request)
    await response.write_eof()
    transport = request.transport
    kept.answered = transport is not None and not transport.is_closing()
    return response


def _raw(answer: Answer) -> bytes:
    head = f"HTTP/1.1 {answer.status} {_REASONS.get(answer.status, 'X')}\r\n"
    lines = {**answer.headers, "Content-Length": str(len(answer.body))}
    return (head + "".join(f"{k}: {v}\r\n" for k, v in lines.items()) + "\r\n").encode() + (
        answer.body
    )


def _closed(request: web.BaseRequest, piece: bytes) -> web.StreamResponse:
    """Writes a piece of an answer, if any, and hangs up."""
    transport = request.transport
    if isinstance(transport, asyncio.Transport):
        if piece:
            transport.write(piece)
        transport.close()
    return web.Response()


async def _endless(request: web.BaseRequest) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    with contextlib.suppress(ConnectionError):
        while True:
            await response.write(b"msgid=" + b"0" * 8192)
            await asyncio.sleep(0)
    return response
