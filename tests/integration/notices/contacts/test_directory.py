"""The three directories: our table, a shop's own over HTTP, and none."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, cast

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from processors.notices.deciding.contacts import ContactsBatches
from processors.notices.directory import make
from processors.notices.directory.http import MOST, HttpDirectory
from processors.notices.directory.port import DirectoryUnavailable, MemberKey
from processors.notices.sending.worker import run
from processors.runtime.configuration import ConfigurationRefused, LaneConfiguration
from processors.runtime.health import Health
from rules.notices.values import Contact
from tests.support.engine import PATIENCE
from tests.support.notices.lane import Lane

ANN, BEN = MemberKey(1, "shop", "ann"), MemberKey(1, "shop", "ben")
ANN_ROW = {
    "merchant_id": "shop", "member_id": "ann", "name": "Ann", "language": "en",
    "email": "ann@tea.example", "phone": "+886912345678",
}  # fmt: skip
ANN_CONTACT = Contact("Ann", "en", "ann@tea.example", "+886912345678")
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Shop:
    """A shop's directory that answers as it is told, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.tokens: list[str | None] = []
        self.members: list[dict[str, Any]] = [ANN_ROW]
        self.answer: Answer = self._members

    async def _members(self, _: web.Request) -> web.StreamResponse:
        return web.json_response({"members": self.members})

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append([m["member_id"] for m in (await request.json())["members"]])
        self.tokens.append(request.headers.get("Authorization"))
        return await self.answer(request)


def asking(question: Callable[[HttpDirectory, Shop, list[float]], Awaitable[None]]) -> None:
    """Runs a question against a shop; the list holds the directory's clock."""

    async def run() -> None:
        shop, clock = Shop(), [0.0]
        app = web.Application()
        app.router.add_post("/contacts", shop.handle)
        async with AsyncExitStack() as stack:
            server = await stack.enter_async_context(TestServer(app))
            directory = HttpDirectory(
                str(server.make_url("/contacts")),
                "a token",
                patience=PATIENCE,
                clock=lambda: clock[0],
            )
            stack.push_async_callback(directory.close)
            await question(directory, shop, clock)

    asyncio.run(run())


def test_a_chunk_is_asked_at_once_and_remembered_for_a_minute() -> None:
    async def question(directory: HttpDirectory, shop: Shop, clock: list[float]) -> None:
        assert await directory.contacts([ANN, BEN, ANN]) == {ANN: ANN_CONTACT}
        clock[0] = 59.9
        assert await directory.contacts([BEN, ANN]) == {ANN: ANN_CONTACT}
        assert shop.asked == [["ann", "ben"]]
        clock[0] = 60.0
        shop.members = []
        assert await directory.contacts([ANN]) == {}
        assert shop.asked == [["ann", "ben"], ["ann"]]
        assert set(shop.tokens) == {"Bearer a token"}

    asking(question)


def test_what_nobody_asked_for_is_not_taken() -> None:
    async def question(directory: HttpDirectory, shop: Shop, _: list[float]) -> None:
        shop.members = [
            ANN_ROW | {"merchant_id": "other"},
            {"merchant_id": "shop", "member_id": "x"},
        ]
        assert await directory.contacts([ANN]) == {}

    asking(question)


def test_blank_texts_are_none() -> None:
    async def question(directory: HttpDirectory, shop: Shop, _: list[float]) -> None:
        shop.members = [{"merchant_id": "shop", "member_id": "ann", "email": " ", "name": ""}]
        assert await directory.contacts([ANN]) == {ANN: Contact(None, None, None, None)}

    asking(question)


def test_no_more_are_remembered_than_there_is_room_for() -> None:
    async def question(directory: HttpDirectory, shop: Shop, _: list[float]) -> None:
        crowd = [MemberKey(1, "shop", f"m{n}") for n in range(MOST + 1)]
        await directory.contacts(crowd)
        await directory.contacts(crowd[:1])
        assert len(shop.asked) == 2

    asking(question)


async def _status(_: web.Request) -> web.StreamResponse:
    return web.Response(status=503, text="ann@tea.example")


async def _elsewhere(_: web.Request) -> web.StreamResponse:
    raise web.HTTPTemporaryRedirect("/contacts")


async def _page(_: web.Request) -> web.StreamResponse:
    return web.Response(text="<html>ann@tea.example</html>")


async def _wrong(_: web.Request) -> web.StreamResponse:
    return web.json_response({"members": [{"member_id": "ann", "email": ["ann@tea.example"]}]})


async def _endless(_: web.Request) -> web.StreamResponse:
    return web.Response(body=b" " * (5 << 20))


async def _deaf(_: web.Request) -> web.StreamResponse:
    await asyncio.sleep(60)
    return web.Response()


async def _half(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse(headers={"Content-Length": "1000"})
    await answer.prepare(request)
    await answer.write(b'{"members": [')
    assert request.transport is not None
    request.transport.close()
    return answer


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (_status, "answered 503"),
        (_elsewhere, "answered 307"),
        (_page, "no list of contacts"),
        (_wrong, "no list of contacts"),
        (_endless, "more than anybody asked for"),
        (_deaf, "did not answer in time"),
        (_half, "cannot be reached"),
    ],
)
def test_a_bad_answer_is_none_and_says_nothing_of_what_is_in_it(answer: Answer, why: str) -> None:
    async def question(directory: HttpDirectory, shop: Shop, _: list[float]) -> None:
        shop.answer = answer
        directory._patience = 0.3 if answer is _deaf else PATIENCE
        with pytest.raises(DirectoryUnavailable, match=why) as refused:
            await directory.contacts([ANN])
        assert "tea.example" not in str(refused.value)
        shop.answer, directory._patience = shop._members, PATIENCE
        assert await directory.contacts([ANN]) == {ANN: ANN_CONTACT}

    asking(question)


def test_a_directory_that_is_away_is_said_to_be() -> None:
    async def run() -> None:
        directory = HttpDirectory("http://127.0.0.1:1/contacts", None)
        with pytest.raises(DirectoryUnavailable, match="cannot be reached"):
            await directory.contacts([ANN])
        await directory.close()
        assert repr(directory) == "HttpDirectory(…)"

    asyncio.run(run())


def test_the_table_opens_contacts_when_they_are_needed(lane: Lane) -> None:
    batches = ContactsBatches(lane.configuration())
    resource = {"id": "ann", "name": "Ann", "email": "ann@tea.example", "locale_code": "en"}
    resource["mobile_phone"] = "+886912345678"
    lane.consume(batches, {"topic": "user/update", "merchant_id": "shop", "resource": resource})
    number = lane.shop("shop")

    async def run() -> None:
        directory = make(lane.configuration(), lane.connection)
        ann, ben = MemberKey(number, "shop", "ann"), MemberKey(number, "shop", "ben")
        both = await asyncio.gather(directory.contacts([ann, ben]), directory.contacts([ben]))
        assert tuple(both) == ({ann: ANN_CONTACT}, {})
        assert await directory.contacts([]) == {}
        await directory.close()

    asyncio.run(run())


def test_no_directory_knows_anybody(lane: Lane) -> None:
    directory = make(lane.configuration(directory="none"), lane.connection)
    assert asyncio.run(directory.contacts([ANN])) == {}
    asyncio.run(directory.close())


def test_a_directory_that_cannot_be_had_is_refused_with_a_sentence(lane: Lane) -> None:
    def refused(match: str, *, environment: str = "production", **notices: object) -> None:
        configuration: LaneConfiguration = lane.configuration(**notices).model_copy(
            update={"environment": environment}
        )
        with pytest.raises(ConfigurationRefused, match=match):
            make(configuration, lane.connection)

    refused("KEY_FILE: is missing", key_file=None)
    refused("KEY_FILE: is missing", key_file=None, environment="development")
    refused("DIRECTORY_URL: is missing", directory="http")
    for url in ("ftp://shop.example", "https://", "https://u:p@shop.example", "shop", "https://[x"):
        refused("is no address of a directory", directory="http", directory_url=url)
    refused("without TLS", directory="http", directory_url="http://shop.example/contacts")
    for url, environment in (
        ("https://shop.example/contacts", "production"),
        ("http://shop.example/contacts", "development"),
    ):
        configuration = lane.configuration(directory="http", directory_url=url)
        made = make(configuration.model_copy(update={"environment": environment}), lane.connection)
        assert isinstance(made, HttpDirectory)


@pytest.mark.parametrize(
    ("match", "notices"),
    [
        ("KEY_FILE: is missing", {"key_file": None}),
        ("KEY_FILE: its file cannot be read", {"key_file": "/nowhere/keys"}),
        ("DIRECTORY_URL: is missing", {"directory": "http"}),
    ],
)
def test_a_sender_is_refused_before_its_first_notice(
    lane: Lane, match: str, notices: dict[str, str | None]
) -> None:
    """Or a rollout would go on, with senders that are ready until there is something to send."""
    with pytest.raises(ConfigurationRefused, match=match):
        run(lane.configuration(**notices), Health("notices-send", 60.0), cast(Any, None))
