"""A shop's own address that says nothing holds up no other shop's messages."""

import asyncio
import socket
from dataclasses import replace
from typing import Any

from deploy.local.sinks.sinks import Sinks
from processors.notices.sending.chunks.delivering import BySms
from processors.notices.sending.guards.gate import Gate
from processors.notices.sending.in_hand.taking import Terms
from processors.notices.sending.loop import Guards, ProviderLoop
from processors.notices.sending.ports import Outside, Shop
from schemas.ids import DAY, MINUTE
from tests.integration.notices.sending.test_loop import CHUNK, Everybody, Passing, Rates, Words
from tests.support.engine import wait_for
from tests.support.notices.providers import webhook
from tests.support.notices.rows import REACH, Rows


def test_other_shops_messages_are_sent_while_one_address_says_nothing(rows: Rows) -> None:
    rows.notices(4 * CHUNK, "deaf")
    rows.notices(8 * CHUNK, "other")
    numbers = {shop: rows.shop(shop) for shop in ("deaf", "other")}

    def count(shop: str, state: str) -> int:
        query = "SELECT count(*) FROM notices.notice WHERE merchant_no = %s AND state = %s"
        return int(rows.value(query, numbers[shop], state))

    async def main() -> None:
        async with Sinks() as sinks:
            with socket.create_server(("127.0.0.1", 0)) as deaf:
                urls = {
                    "deaf": f"http://127.0.0.1:{deaf.getsockname()[1]}/",
                    "other": f"{sinks.url}/webhook/other",
                }
                stopping = asyncio.Event()
                running = asyncio.create_task(_loop(rows, urls).run(stopping))
                await asyncio.to_thread(
                    wait_for, "all the others'", lambda: count("other", "sent") == 8 * CHUNK
                )
                assert 0 < count("deaf", "sending") <= CHUNK
            # Whoever is to stop waits for what was written, of which nobody knows now.
            stopping.set()
            await running
            assert count("deaf", "sending") == 0

    asyncio.run(main())
    rows.check_meter()


def _loop(rows: Rows, urls: dict[str, str]) -> ProviderLoop:
    provider = BySms(webhook())
    model = Shop(
        0, "", "Asia/Taipei", ("en",), True, True, lambda *_: True, provider.name,
        "LANTERN", None, "TW", None, None, "hold", {}, "Lantern Tea", None,
    )  # fmt: skip
    shops = {
        (number := rows.shop(shop_id)): replace(
            model, merchant_no=number, merchant_id=shop_id, webhook_url=url
        )
        for shop_id, url in urls.items()
    }
    words: Any = Words()
    outside = Outside(
        shops=lambda *_: shops,
        seals=lambda *_: None,
        opted_out=lambda *_: dict,
        lapsing=lambda *_: {},
        month_of=lambda *_: 202611,
        not_before=lambda now, *_: now,
        wording=words,
    )
    gatekeeper: Any = Passing()
    rates: Any = Rates()
    guards = Guards(rates, gatekeeper, Gate(provider.name, None))
    terms = Terms(1000.0, CHUNK, "sender", MINUTE, REACH, 3 * DAY)
    return ProviderLoop(provider, terms, outside, Everybody(), guards, rows.connect)
