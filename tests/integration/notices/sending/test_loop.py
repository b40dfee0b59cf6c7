"""One provider's loop on a lane's tables, with a provider that answers when the test lets it."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from processors.notices.directory.port import MemberKey
from processors.notices.providers.left_alone import OF_GATEWAYS, LeftAlone
from processors.notices.providers.port import Answer, Outcome
from processors.notices.sending.chunks.delivering import Delivers
from processors.notices.sending.guards.gate import Gate
from processors.notices.sending.in_hand.filling import LARGEST_HAND
from processors.notices.sending.in_hand.hand import Sent
from processors.notices.sending.in_hand.taking import Terms
from processors.notices.sending.loop import Guards, ProviderLoop
from processors.notices.sending.ports import Outside, Shop, Worded
from rules.notices.values import Contact
from schemas.ids import DAY, MINUTE
from schemas.notices.words import Channel, Kind, State
from store.postgres.session import Database
from store.valkey.notices import Bucket, Granted
from tests.support.engine import PATIENCE, wait_for
from tests.support.notices.rows import REACH, Rows

CHUNK = 8


class Provider:
    """Takes what it is given, once it may answer."""

    name, window, shared, channel = "mitake", timedelta(), True, Channel.sms

    def __init__(self) -> None:
        self.alone = LeftAlone(self.name, told_by=OF_GATEWAYS)
        self.chunks: list[list[str]] = []
        self.may_answer = asyncio.Event()

    async def send(self, sent: Sequence[Sent]) -> Sequence[Answer]:
        self.chunks.append([each.ready.taken.member_id for each in sent])
        await self.may_answer.wait()
        return [Answer(Outcome.taken) for _ in sent]

    def came(self, seconds: float) -> Sequence[tuple[UUID, Answer]]:
        del seconds
        return ()

    async def close(self) -> None:
        pass


class AtOnce:
    """Takes what it is given, asked by the thread that marked it.

    `out`: how many notices were being sent by then, each time.
    """

    name, window, shared, channel = "mitake", timedelta(), True, Channel.sms

    def __init__(self, rows: Rows) -> None:
        self.alone = LeftAlone(self.name, told_by=OF_GATEWAYS)
        self._rows = rows
        self.chunks: list[int] = []
        self.out: list[int] = []

    def send(self, sent: Sequence[Sent]) -> Sequence[Answer]:
        count = "SELECT count(*) FROM notices.notice WHERE state = 'sending'"
        self.out.append(self._rows.value(count))
        self.chunks.append(len(sent))
        return [Answer(Outcome.taken) for _ in sent]

    def came(self, seconds: float) -> Sequence[tuple[UUID, Answer]]:
        del seconds
        return ()

    async def close(self) -> None:
        pass


class Silent(AtOnce):
    """Another provider, which says nothing until it may."""

    name = "twilio"

    def __init__(self, rows: Rows) -> None:
        super().__init__(rows)
        self.may_answer = threading.Event()

    def send(self, sent: Sequence[Sent]) -> Sequence[Answer]:
        answers = super().send(sent)
        assert self.may_answer.wait(PATIENCE)
        return answers


class Rates:
    """Gives whatever is asked for, and keeps how much is out."""

    def __init__(self) -> None:
        self.out: Counter[str] = Counter()

    def take(self, wanted: Mapping[Bucket, int]) -> Mapping[Bucket, Granted]:
        self.out.update({bucket.sender: count for bucket, count in wanted.items()})
        return {bucket: Granted(count, 0) for bucket, count in wanted.items()}

    def give_back(self, unused: Mapping[Bucket, int]) -> None:
        self.out.subtract({bucket.sender: count for bucket, count in unused.items()})


class Passing:
    """Lets a chunk through but for those members."""

    def __init__(self, *fenced: str) -> None:
        self._fenced = fenced

    def passed(self, connection: Database, sent: Sequence[Sent], began: float) -> list[Sent]:
        del connection, began
        return [each for each in sent if each.ready.taken.member_id not in self._fenced]


class Keys:
    """Members' keys, of which there are none: the first are read at once, others when they come."""

    def __init__(self) -> None:
        self.asked = 0
        self.come = threading.Event()

    def seals(self, *_: object) -> None:
        self.asked += 1
        if self.asked > 1:
            self.come.wait(PATIENCE)


class Everybody:
    """A directory in which everybody has a number."""

    async def contacts(self, members: Sequence[MemberKey]) -> Mapping[MemberKey, Contact]:
        return {each: Contact(None, None, None, "0912345678") for each in members}

    async def close(self) -> None:
        pass


class Words:
    """The same text for all."""

    def number(self, text: str, country: str) -> str:
        return f"{country}{text}"

    def sms(self, *_: object) -> Worded:
        return Worded("text", 1)


def _loop(
    rows: Rows,
    provider: Delivers,
    gatekeeper: Any,
    rates: Any,
    *no: str,
    shop_id: str = "shop",
    rate: float = 1000.0,
    seals: Callable[..., None] = lambda *_: None,
) -> ProviderLoop:
    """A loop of one shop, of which some members want nothing."""
    number = rows.shop(shop_id)
    shop = Shop(
        number, shop_id, "Asia/Taipei", ("en",), True, True, lambda *_: True, provider.name,
        "LANTERN", None, "TW", None, None, "hold", {}, "Lantern Tea", None,
    )  # fmt: skip
    words: Any = Words()
    outside = Outside(
        shops=lambda *_: {number: shop},
        seals=seals,
        opted_out=lambda *_: lambda: {(number, each): frozenset({("sms", "*")}) for each in no},
        lapsing=lambda *_: {},
        month_of=lambda *_: 202611,
        not_before=lambda now, *_: now,
        wording=words,
    )
    guards = Guards(rates, gatekeeper, Gate(provider.name, None))
    terms = Terms(rate, CHUNK, "sender", MINUTE, REACH, 3 * DAY)
    return ProviderLoop(provider, terms, outside, Everybody(), guards, rows.connect)


async def _until(what: str, rows: Rows, state: str, notices: int) -> None:
    count = "SELECT count(*) FROM notices.notice WHERE state = %s"
    await asyncio.to_thread(wait_for, what, lambda: rows.value(count, state) == notices)


def test_the_hand_is_filled_while_one_chunk_is_out_and_no_other_is_being_sent(rows: Rows) -> None:
    rows.notices(100)

    async def main() -> None:
        provider, stopping = Provider(), asyncio.Event()
        running = asyncio.create_task(
            _loop(rows, provider, Passing(), Rates(), rate=2 * CHUNK).run(stopping),
        )
        await _until("a chunk", rows, "sending", CHUNK)
        await _until("a full hand", rows, "claimed", 2 * CHUNK)
        assert [len(chunk) for chunk in provider.chunks] == [CHUNK]
        provider.may_answer.set()
        await _until("all sent", rows, "sent", 100)
        stopping.set()
        await running

    asyncio.run(main())
    rows.check_meter()


def test_a_chunk_is_settled_before_the_next_is_written_though_one_follows_the_other(
    rows: Rows,
) -> None:
    rows.notices(100)
    provider = AtOnce(rows)

    async def main() -> None:
        stopping = asyncio.Event()
        running = asyncio.create_task(_loop(rows, provider, Passing(), Rates()).run(stopping))
        await _until("all sent", rows, "sent", 100)
        stopping.set()
        await running

    asyncio.run(main())
    assert sum(provider.chunks) == 100
    assert max(provider.chunks) == CHUNK
    assert provider.out == provider.chunks
    rows.check_meter()


def test_a_provider_that_says_nothing_holds_up_no_other(rows: Rows) -> None:
    rows.notices(CHUNK, "asks the silent one")
    rows.notices(3 * CHUNK)

    async def main() -> None:
        stopping, silent = asyncio.Event(), Silent(rows)
        loops = [
            _loop(rows, silent, Passing(), Rates(), shop_id="asks the silent one"),
            _loop(rows, AtOnce(rows), Passing(), Rates()),
        ]
        running = [asyncio.create_task(loop.run(stopping)) for loop in loops]
        await _until("all others", rows, "sent", 3 * CHUNK)
        await _until("a chunk that nobody answers", rows, "sending", CHUNK)
        silent.may_answer.set()
        await _until("all", rows, "sent", 4 * CHUNK)
        stopping.set()
        await asyncio.gather(*running)

    asyncio.run(main())
    rows.check_meter()


def test_what_is_in_hand_goes_while_more_is_being_taken(rows: Rows) -> None:
    rows.notices(LARGEST_HAND + CHUNK)
    keys = Keys()

    async def main() -> None:
        stopping = asyncio.Event()
        loop = _loop(rows, AtOnce(rows), Passing(), Rates(), seals=keys.seals)
        running = asyncio.create_task(loop.run(stopping))
        await _until("all that was in hand", rows, "sent", LARGEST_HAND)
        assert keys.asked == 2
        keys.come.set()
        await _until("all", rows, "sent", LARGEST_HAND + CHUNK)
        stopping.set()
        await running

    asyncio.run(main())
    rows.check_meter()


@pytest.mark.parametrize(
    "again",
    [
        pytest.param({"attempt": 1}, id="not taken"),
        pytest.param({"days_ago": 4}, id="by hand, after it could not go in time"),
    ],
)
def test_what_is_written_again_tells_what_is_left_by_then(
    rows: Rows, again: dict[str, int]
) -> None:
    """While it was being written, or given up, nobody brought it up to date."""
    decided = rows.now() - again.get("days_ago", 0) * DAY
    columns: dict[str, Any] = {
        "attempt": again.get("attempt", 0), "recorded_us": decided, "decided_us": decided,
    }  # fmt: skip
    new: dict[str, Any] = {}
    ids = [
        rows.notice(order_id=order, event_points=100, event_sequence=7, **more)
        for order, more in (("part", columns), ("whole", columns), ("none", columns), ("new", new))
    ]
    for order, taken in (("part", 40), ("whole", 100)):
        rows.notice(
            channel=Channel.email, kind=Kind.corrected, state=State.skipped, order_id=order,
            points=-taken, event_points=-taken, event_sequence=9, sequence=9, balance=340 - taken,
        )  # fmt: skip

    async def main() -> None:
        provider, stopping = Provider(), asyncio.Event()
        provider.may_answer.set()
        running = asyncio.create_task(_loop(rows, provider, Passing(), Rates()).run(stopping))
        await _until("all others", rows, "sent", 3)
        await _until("nothing is left of it", rows, "withdrawn", 1)
        stopping.set()
        await running

    asyncio.run(main())
    told = [rows.of(each, "state", "reason", "points", "balance") for each in ids]
    assert told == [
        ("sent", None, 60, 300),
        ("withdrawn", "taken_back", 100, 340),
        ("sent", None, 100, 340),
        ("sent", None, 100, 340),
    ]
    rows.check_meter()


def test_what_is_not_written_after_all_takes_nothing_out_of_its_rate(rows: Rows) -> None:
    for member in ("ann", "bob", "cat"):
        rows.notices(4, member_id=member)
    rates = Rates()

    async def main() -> None:
        provider, stopping = Provider(), asyncio.Event()
        provider.may_answer.set()
        loop = _loop(rows, provider, Passing("bob"), rates, "ann")
        running = asyncio.create_task(loop.run(stopping))
        await _until("who wants none", rows, "skipped", 4)
        await _until("who may be told", rows, "sent", 4)
        await _until("who is another sender's", rows, "sending", 4)
        stopping.set()
        await running
        assert sum(map(len, provider.chunks)) == 4

    asyncio.run(main())
    assert rates.out == {"LANTERN": 4}
