"""Quotes a second: the account read in one snapshot, reckoned and signed, by one client."""

import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson
import psutil

from bench.kafka import BenchError
from bench.machine import cpu_seconds, postgres_process
from bench.measure import Progress, Stack, site_for
from bench.ours import Ours
from bench.parts.account.running import Figures
from bench.workloads.commands import MERCHANT, Commands, member_id
from rules.quotes.answer import Shopper, Signing, quote_answer
from rules.quotes.tokens import QuoteKey
from schemas.answers.quotes import QuoteAnswer
from schemas.quotes import Cart, load_cart
from store.postgres import session
from store.postgres.session import Database
from store.reads.account.quote import quoted, settings_at
from store.reads.snapshot import now, snapshot
from store.settings.merchants import Merchants

CART: Mapping[str, Any] = {
    "currency": "TWD",
    "items": [{"product_id": f"p{n}", "unit_price": 100 + n, "quantity": 2} for n in range(5)],
    "discount": 50,
    "delivery_fee": 60,
}
QUOTES = 20_000
"""Of a round."""
READ_SHARE = 10
"""Of those that read the account so many times fewer are asked for."""


def quotes(entries: int, rounds: int, stack: Stack, progress: Progress) -> Figures:
    """Quotes of members of a ledger with so many entries, in interleaved rounds of both kinds."""
    ours = Ours("ours-quotes", entries=entries, with_orders=False, kinds=())
    cart = load_cart(orjson.dumps(CART), name="cart.json")
    signing = Signing((QuoteKey("bench", bytes(range(32))),))
    with site_for(ours, stack) as site:
        ours.prepare(site, Commands(1, 1).settings())
        server = postgres_process(site.database_url)
        found: dict[str, list[tuple[float, float]]] = {"reading the account": [], "reckoned": []}
        with session.connect(site.database_url, name="quotes", tuned=False) as connection:
            merchants = Merchants(connection)
            for number in range(rounds):
                progress("quotes", number / rounds)
                draw = random.Random(number)
                members = [member_id(draw.randrange(entries // 4) + 1) for _ in range(QUOTES)]
                found["reading the account"].append(
                    _timed(
                        lambda m: quoted(connection, merchants, MERCHANT, m, cart, signing),
                        members[: QUOTES // READ_SHARE],
                        server,
                    )
                )
                found["reckoned"].append(
                    _timed(_reckoning(connection, merchants, cart, signing), members, server)
                )
    return {
        name: value
        for kind, runs in found.items()
        for name, value in (
            (f"{kind}: quotes/s, one client", statistics.median_low([rate for rate, _ in runs])),
            (f"{kind}: rounds", " ".join(f"{rate:,.0f}" for rate, _ in runs)),
            (f"{kind}: CPU µs a quote", statistics.median([cpu for _, cpu in runs])),
        )
    }


def _reckoning(
    connection: Database, merchants: Merchants, cart: Cart, signing: Signing
) -> Callable[[str], QuoteAnswer]:
    """Quotes of an account that was read before."""
    with snapshot(connection) as cursor:
        at = now(cursor)
        _, settings = settings_at(cursor, merchants, MERCHANT, at)
    return lambda member: quote_answer(cart, Shopper(MERCHANT, member, 400), settings, signing, at)


def _timed(
    ask: Callable[[str], QuoteAnswer], members: Sequence[str], server: psutil.Process | None
) -> tuple[float, float]:
    """Quotes a second, and CPU µs of each, the server's with it."""
    own, theirs = time.process_time(), cpu_seconds(server) if server is not None else 0.0
    began = time.perf_counter()
    for member in members:
        if ask(member).code != "ok":
            raise BenchError("a quote was not ok")
    seconds = time.perf_counter() - began
    used = time.process_time() - own
    used += (cpu_seconds(server) if server is not None else 0.0) - theirs
    return len(members) / seconds, used * 1e6 / len(members)
