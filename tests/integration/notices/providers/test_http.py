"""How requests go over connections that are kept, to servers that end them as they like."""

import asyncio
import ssl
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pycurl
import pytest

from processors.notices.providers import transfers
from processors.notices.providers.http import HttpClient, Reply, Request
from processors.notices.providers.port import Answer, Outcome
from processors.notices.providers.transfers import LARGEST_ANSWER, Bounds, Transfer
from tests.support.engine import wait_for
from tests.support.notices.providers import PATIENCE, SILENCE, WRITE_SECONDS
from tests.support.secured.certificates import authority, signed

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
SAID_OK = Reply(200, b"ok", None)


class Server:
    """Answers each request with the next of some bytes, and the last of them for ever.

    Instead of an answer of no bytes, and with `hangs_up` after each, it ends the connection.
    """

    def __init__(
        self, *answers: bytes, hangs_up: bool = False, tls: ssl.SSLContext | None = None
    ) -> None:
        self._answers, self._hangs_up, self._tls = list(answers), hangs_up, tls
        self.connections = self.open_at_once = self.most = 0
        self.requests: list[bytes] = []

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open_at_once += 1
        self.most = max(self.most, self.open_at_once)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
                self.requests.append(head + await reader.readexactly(length))
                answer = self._answers[0] if len(self._answers) == 1 else self._answers.pop(0)
                writer.write(answer)
                await writer.drain()
                if self._hangs_up or not answer:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.open_at_once -= 1
            writer.close()

    async def __aenter__(self) -> str:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        scheme = "http" if self._tls is None else "https"
        return f"{scheme}://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/send"

    async def __aexit__(self, *_: object) -> None:
        self._server.close()


Ask = Callable[[HttpClient, str], list[Reply | Answer]]


def posted(
    server: Server,
    ask: Ask,
    *,
    seconds: float = PATIENCE,
    connections: int = 4,
    ca_location: str | None = None,
    only_public: bool = False,
) -> list[Reply | Answer]:
    async def main() -> list[Reply | Answer]:
        client = HttpClient(
            seconds,
            connections,
            write_within=WRITE_SECONDS,
            ca_location=ca_location,
            only_public=only_public,
        )
        async with server as url:
            try:
                return await asyncio.to_thread(ask, client, url)
            finally:
                client.close()

    return asyncio.run(main())


def post(client: HttpClient, url: str, body: bytes = b"", **headers: str) -> list[Reply | Answer]:
    return client.post([Request(url, body, headers)])


def one_after_the_other(client: HttpClient, url: str) -> list[Reply | Answer]:
    return [post(client, url, b"body", Mine="1")[0] for _ in range(3)]


def one(client: HttpClient, url: str) -> list[Reply | Answer]:
    return post(client, url, b"body")


def test_a_connection_is_kept_for_the_next_request() -> None:
    server = Server(OK)
    assert posted(server, one_after_the_other) == [SAID_OK] * 3
    assert server.connections == 1
    head = server.requests[0].decode()
    assert head.startswith("POST /send HTTP/1.1\r\nHost: 127.0.0.1:")
    assert "\r\nMine: 1\r\n" in head
    assert "\r\nContent-Length: 4\r\n" in head
    assert head.endswith("\r\n\r\nbody")


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        OK + OK,
    ],
    ids=["that says so", "of HTTP/1.0", "with two answers"],
)
def test_a_connection_that_is_to_be_closed_is_not_used_again(answer: bytes) -> None:
    server = Server(answer)
    assert posted(server, one_after_the_other) == [SAID_OK] * 3
    assert server.connections == 3


def test_no_more_connections_are_made_than_may_be() -> None:
    def at_once(client: HttpClient, url: str) -> list[Reply | Answer]:
        return client.post([Request(url, b"", {})] * 20)

    server = Server(OK)
    assert posted(server, at_once) == [SAID_OK] * 20
    assert server.most == server.connections == 4


def test_connections_to_many_servers_are_no_more_than_may_be_either() -> None:
    async def main() -> None:
        servers = [Server(OK) for _ in range(3)]
        client = HttpClient(PATIENCE, 2, write_within=WRITE_SECONDS)
        async with servers[0] as first, servers[1] as second, servers[2] as third:
            urls = [first, second, third]
            for _ in range(2):
                asked = [Request(url, b"", {}) for url in urls]
                assert await asyncio.to_thread(client.post, asked) == [SAID_OK] * 3
                assert sum(server.open_at_once for server in servers) <= 2
            client.close()

    asyncio.run(main())


def test_what_a_kept_connection_swallowed_is_not_written_once_more() -> None:
    """Its server may have read it, and closed the connection before it answered."""
    server = Server(OK, b"", OK)
    found = posted(server, one_after_the_other)
    assert found == [SAID_OK, Answer(Outcome.unknown, code="broken-off"), SAID_OK]
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, b"ok"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n",
            b"ok",
        ),
        (b"HTTP/1.1 200 OK\r\n\r\nok", b"ok"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    ],
    ids=["announced", "in chunks", "until it ends", "empty"],
)
def test_an_answer_is_read_whole_however_it_is_sent(answer: bytes, body: bytes) -> None:
    (found,) = posted(Server(answer, hangs_up=True), one)
    assert isinstance(found, Reply)
    assert found.body == body


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"", "broken-off"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", "half-an-answer"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nok", "half-an-answer"),
        (b"HTTP/1.1 200", "broken-off"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", "broken-off"),
        (b"220 mail.example ESMTP\r\n", "half-an-answer"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (LARGEST_ANSWER + 1), "too-long"),
        (b"HTTP/1.1 200 OK\r\n" + b"X-Y: z\r\n" * 40_000, "half-an-answer"),
    ],
)
def test_what_is_no_whole_answer_says_nothing_of_the_message(answer: bytes, code: str) -> None:
    found = posted(Server(answer, hangs_up=True), one)
    assert found == [Answer(Outcome.unknown, code=code)]


def test_an_answer_that_does_not_come_in_time_is_none_and_its_connection_is_left() -> None:
    server = Server(b"HTTP/1.1 200 OK\r\n", OK)
    first, second, _ = posted(server, one_after_the_other, seconds=SILENCE)
    assert first == Answer(Outcome.unknown, code="no-answer")
    assert second == SAID_OK
    assert server.connections == 2


def test_what_had_no_turn_in_time_was_not_written() -> None:
    """Whoever posts it may have lost it to another by then."""

    async def main() -> None:
        server, client = Server(b"HTTP/1.1"), HttpClient(SILENCE, 1, write_within=SILENCE)
        async with server as url:
            asked = [Request(url, b"", {})] * 3
            first, *others = await asyncio.to_thread(client.post, asked)
        client.close()
        assert first == Answer(Outcome.unknown, code="no-answer")
        assert others == [Answer(Outcome.later, code="no-time")] * 2
        assert len(server.requests) == 1

    asyncio.run(main())


def test_a_connection_that_comes_too_late_is_not_written_to() -> None:
    def late(url: str) -> Answer:
        transfer = Transfer(Bounds(PATIENCE, None, only_public=False))
        transfer.begin(1, Request(url, b"", {}), url, until=0.0)
        with pytest.raises(pycurl.error) as broken:
            transfer.curl.perform()
        transfer.close()
        return transfer.broken_off(int(broken.value.args[0]))

    async def main() -> None:
        server = Server(OK)
        async with server as url:
            assert await asyncio.to_thread(late, url) == Answer(Outcome.later, code="no-time")
            # The server may hear of it only after it is over.
            await asyncio.to_thread(wait_for, "the connection", lambda: server.connections == 1)
        assert server.requests == []

    asyncio.run(main())


@pytest.mark.parametrize(
    ("said", "wait"),
    [(b"7", timedelta(seconds=7)), (b"9" * 40, timedelta(hours=24)), (b"soon", None)],
)
def test_how_long_to_wait_is_what_the_server_says(said: bytes, wait: timedelta | None) -> None:
    busy = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nretry-AFTER: " + said + b"\r\n\r\n"
    assert posted(Server(busy), one) == [Reply(503, b"", wait)]


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://127.0.0.1:1/x", "no-connection"),
        ("http://no-such-provider.invalid/x", "no-address"),
        ("ftp://provider.example/x", "no-url"),
        ("http:///x", "no-url"),
        ("http://provider.example:port/x", "no-url"),
        ("http://[::1/x", "no-url"),
        ("http://provider.example\0/x", "no-url"),
        ("http://provider\u00e9 .example/x", "no-url"),
        ("http://x:1[]@/x", "no-url"),
    ],
)
def test_where_there_is_no_connection_nothing_was_written(url: str, code: str) -> None:
    def ask(client: HttpClient, _url: str) -> list[Reply | Answer]:
        return post(client, url)

    assert posted(Server(OK), ask) == [Answer(Outcome.later, code=code)]


def test_the_address_that_was_looked_at_is_the_one_that_is_connected_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of a name's addresses those that are not public are passed over."""
    looked_at: list[str] = []

    def is_public(address: str) -> bool:
        looked_at.append(address)
        return address == "127.0.0.1"

    monkeypatch.setattr(transfers, "is_public", is_public)

    def ask(client: HttpClient, url: str) -> list[Reply | Answer]:
        return one(client, url) + one(client, url.replace("127.0.0.1", "localhost"))

    server = Server(OK)
    assert posted(server, ask, only_public=True) == [SAID_OK] * 2
    assert server.connections == 2
    assert looked_at.count("127.0.0.1") == 2


def test_who_does_not_speak_tls_gets_nothing() -> None:
    def ask(client: HttpClient, url: str) -> list[Reply | Answer]:
        return post(client, url.replace("http:", "https:"))

    server = Server(OK)
    (answer,) = posted(server, ask)
    assert isinstance(answer, Answer)
    assert answer.outcome is Outcome.later
    assert server.requests == []


def test_a_target_holds_nothing_that_could_begin_another_line() -> None:
    server = Server(OK)

    def ask(client: HttpClient, url: str) -> list[Reply | Answer]:
        return post(client, f"{url}/a b\r\nX: y?q=\u00e9%41")

    assert posted(server, ask) == [SAID_OK]
    assert server.requests[0].startswith(b"POST /send/a%20bX:%20y?q=%C3%A9A HTTP/1.1\r\n")


@pytest.mark.parametrize(
    ("hosts", "is_trusted", "found"),
    [
        ("IP:127.0.0.1", True, SAID_OK),
        ("IP:127.0.0.1", False, Answer(Outcome.later, code="tls")),
        ("DNS:another.example", True, Answer(Outcome.later, code="tls")),
    ],
    ids=["its own", "nobody's we know", "another's"],
)
def test_a_server_shows_whose_it_is_before_anything_is_written(
    tmp_path: Path, hosts: str, is_trusted: bool, found: Reply | Answer
) -> None:
    signer = authority(tmp_path)
    shown = signed(signer, "server", hosts=hosts)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(shown.certificate, shown.key)
    server = Server(OK, tls=context)
    trusts = str(signer.certificate) if is_trusted else None
    assert posted(server, one, ca_location=trusts) == [found]
    assert len(server.requests) == (found == SAID_OK)
