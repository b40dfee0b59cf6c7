"""The lane's workers on a site, and what they read: settings, customers, changes of points."""

import os
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import psutil
import psycopg
from confluent_kafka import Producer
from typing_extensions import override

from bench.contestant import ROOT, Command, Site
from bench.kafka import ERRORS_ONLY, BenchError
from bench.machine import broker_process, postgres_process, valkey_process
from bench.measure import end
from bench.ours import Ours
from deploy.local.ladder import REDIS_URL
from deploy.local.sinks.process import SinksProcess
from schemas.notices.document import load_notice_settings
from store.notices import settings
from store.postgres import session

SHOPS = 20
SETTINGS = {
    "languages": ["en"],
    "email": {"from": "Lantern Tea <points@lantern.example>"},
    "sms": {
        "enabled": True,
        "sender": "LANTERN",
        "provider": "mitake",
        "country": "TW",
        "kinds": {"earned": True},
    },
    "quiet": {"sms": None, "email": None},
    "texts": {"en": {"earned": {"sms": "You have earned {{ points }} points."}}},
}
ShopOf = Callable[[int], int]
"""Says which shop, of SHOPS, the n-th member is of."""
PATIENCE = 600.0
CONSUMED = """SELECT coalesce(sum(next_offset - first_offset), 0)::bigint
              FROM notices.cursor WHERE topic = %s"""
ROWS = "SELECT count(*) FROM notices.notice"
HEADERS: list[tuple[str, str | bytes | None]] = [("content-type", b"application/json")]


class Lane(Ours):
    """The lane's workers on a site; `more` is what they find in their environment besides."""

    def __init__(
        self,
        name: str,
        more: Mapping[str, str],
        kinds: Sequence[str] = (),
        checkout: Path = ROOT,
    ) -> None:
        """`kinds`: workers of the engine beside it; `checkout`: whose workers they are."""
        super().__init__(name, kinds=kinds, checkout=checkout)
        self.more = dict(more)

    @override
    def environment(self, site: Site) -> Mapping[str, str]:
        """Topics of the run's own, and a key that seals contacts."""
        named = ("settings", "heartbeat", "notices", "notices_feedback")
        dead = [
            f"dlq_{name}" for name in ("orders", "deliveries", "customers", "commands", "notices")
        ]
        topics = {
            f"POINTS_TOPICS__{name.upper()}": f"{site.group}.{name}" for name in [*named, *dead]
        }
        keys = {"POINTS_NOTICES__KEY_FILE": str(site.state / "sealing.keys")}
        return {**super().environment(site), **topics, **keys, **self.more}


def tell(site: Site, shops_settings: Mapping[str, object] = SETTINGS) -> None:
    """Lets shops tell by both channels at any hour, or so. Topics and tables are there."""
    (site.state / "sealing.keys").write_text(f"one:{urlsafe_b64encode(os.urandom(32)).decode()}\n")
    document = load_notice_settings(orjson.dumps(shops_settings), "settings")
    with session.connect(
        site.database_url, role=session.NOTICES_ROLE, schema=session.NOTICES_SCHEMA
    ) as connection:
        for shop in range(SHOPS):
            settings.apply(connection, f"shop-{shop}", document, "bench")


def shop_in_turn(member: int) -> int:
    """The shop of a member: all have as many."""
    return member % SHOPS


def hear(lane: Lane, site: Site, members: int, shop_of: ShopOf = shop_in_turn) -> None:
    """Lets the lane hear of shops, and of members with an e-mail address and a mobile number."""
    shops = [(f"shop-{number}:1", points_settings(f"shop-{number}")) for number in range(SHOPS)]
    put(site, f"{site.group}.settings", shops)
    topic = site.topics["customers"]
    customers = ((f"m{number}", _customer(number, shop_of)) for number in range(members))
    put(site, topic, customers)
    with running(lane, site, "notices"), connected(site) as database:
        until("all members", lambda: count(database, CONSUMED, topic) >= members)
        until("all shops", lambda: count(database, CONSUMED, f"{site.group}.settings") >= SHOPS)


def change(
    site: Site, events: int, members: int, shop_of: ShopOf = shop_in_turn, first: int = 0
) -> None:
    """Writes grants, one member's after the other's, as the engine's relay does.

    The members are `first` and those that follow.
    """
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    put(site, site.topic_out, _grants(events, members, first, now, shop_of))


def _grants(
    events: int, members: int, first: int, now: str, shop_of: ShopOf
) -> Iterator[tuple[str, object]]:
    before = first * (events // members)
    for number in range(events):
        member, sequence = first + number % members, number // members + 1
        yield _granted(before + number, member, sequence, now, shop_of)


def put(site: Site, topic: str, records: Iterable[tuple[str, object]]) -> None:
    """Writes records, each a key and what becomes JSON."""
    producer = Producer(
        {
            "bootstrap.servers": site.bootstrap_servers,
            "log_level": ERRORS_ONLY,
            "compression.type": "lz4",
            "linger.ms": 20,
            "queue.buffering.max.messages": 200_000,
        }
    )
    for key, value in records:
        content = orjson.dumps(value)
        while True:
            try:
                producer.produce(topic, content, key, headers=HEADERS)
            except BufferError:
                producer.poll(0.1)
            else:
                break
    if producer.flush(120):
        raise BenchError(f"The broker did not take the records of {topic} within 120 s.")


@contextmanager
def running(
    lane: Lane, site: Site, kind: str, sinks: SinksProcess | None = None, number: int = 0
) -> Iterator[Sequence[tuple[str, psutil.Process]]]:
    """A worker, the n-th of its kind, and the processes whose CPU is counted."""
    command = Command(kind, (lane._points, "run", kind))  # noqa: SLF001 - a lane is one of ours
    process = lane.start(site, command, number)
    parts = [(kind, psutil.Process(process.pid))]
    if sinks is not None:
        parts.append(("sinks", psutil.Process(sinks.identity.pid)))
    servers = {
        "postgresql": postgres_process(site.database_url),
        "kafka": broker_process(site.bootstrap_servers),
    }
    if (redis_url := lane.more.get(REDIS_URL)) is not None:
        servers["valkey"] = valkey_process(redis_url)
    try:
        yield parts + [(name, found) for name, found in servers.items() if found is not None]
    finally:
        end([process])


@contextmanager
def connected(site: Site) -> Iterator[psycopg.Connection[Any]]:
    """A connection to the site's database."""
    with psycopg.connect(site.database_url, autocommit=True) as database:
        yield database


def count(database: psycopg.Connection[Any], query: str, *values: object) -> int:
    """The one number that a query answers."""
    row = database.execute(query.encode(), values).fetchone()
    return int(row[0]) if row else 0


def until(what: str, state: Callable[[], bool]) -> None:
    """Waits for a state. Raises BenchError where it does not come."""
    deadline = time.monotonic() + PATIENCE
    while not state():
        if time.monotonic() > deadline:
            raise BenchError(f"notices: {what} did not come in {PATIENCE:.0f} s.")
        time.sleep(0.1)


def points_settings(merchant: str) -> dict[str, Any]:
    """A version of a shop's points settings, as the engine publishes it."""
    return {
        "type": "settings_changed", "merchant_id": merchant, "version": 1,
        "effective_at": "2024-01-01T00:00:00Z", "recorded_at": "2024-01-01T00:00:00Z",
        "performer": None, "digest": "0" * 64,
        "settings": {
            "timezone": "Asia/Taipei", "currency": "TWD", "languages": ["en"], "enabled": True,
            "entitlement": {"plan": "enterprise", "app_installed": True, "modules": []},
        },
    }  # fmt: skip


def _customer(number: int, shop_of: ShopOf) -> dict[str, Any]:
    return {
        "topic": "user/update",
        "merchant_id": f"shop-{shop_of(number)}",
        "resource": {
            "id": f"m{number}", "name": "Ann", "locale_code": "en",
            "updated_at": "2026-11-20T04:00:00.000Z",
            "email": f"m{number}@mail.example", "mobile_phone": f"09{number:08d}",
        },
    }  # fmt: skip


def _granted(
    number: int, member: int, sequence: int, now: str, shop_of: ShopOf
) -> tuple[str, object]:
    shop, member_id = f"shop-{shop_of(member)}", f"m{member}"
    return f"{shop}:{member_id}", {
        "event_id": str(UUID(int=number + (4 << 76) + (8 << 60))), "type": "granted",
        "merchant_id": shop, "member_id": member_id, "sequence": sequence, "points": 10,
        "balance": {"available": 10 * sequence, "held": 0, "debt": 0},
        "lots": [{"lot_id": f"order-{number}-1", "points": 10, "expires_at": None}],
        "order_id": f"order-{number}", "cause": {"kind": "order", "id": f"order-{number}"},
        "settings_version": 1, "reason": None, "performer": None,
        "occurred_at": now, "recorded_at": now,
    }  # fmt: skip
