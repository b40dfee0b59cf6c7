"""The notices lane: events decided a second, mails and SMS sent a second, each worker alone.

Everything is real but the providers: the topics, the database, the workers as processes, the text
of each message. The sinks take each message on the same cores.
"""

import os
import statistics
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
import psutil
import psycopg
from confluent_kafka import Producer
from typing_extensions import override

from bench.contestant import Command, Site
from bench.kafka import ERRORS_ONLY, BenchError
from bench.machine import Usage, broker_process, postgres_process
from bench.measure import Progress, Stack, end, site_for
from bench.ours import Ours
from deploy.local.sinks.process import SinksProcess
from schemas.notices.document import load_notice_settings
from store.notices import settings
from store.postgres import session

SHOPS = 20
MEMBERS = 5_000
"""Of all shops together, each with an e-mail address and a mobile number."""
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
CHUNKS = (8, 200)
PATIENCE = 240.0
NO_RATE = "1000000"
CONSUMED = """SELECT coalesce(sum(next_offset - first_offset), 0)::bigint
              FROM notices.cursor WHERE topic = %s"""
AT_STATE = "SELECT count(*) FROM notices.notice WHERE channel = %s AND state = %s"
ROWS = "SELECT count(*) FROM notices.notice"
HEADERS: list[tuple[str, str | bytes | None]] = [("content-type", b"application/json")]

Figures = Mapping[str, object]


class Lane(Ours):
    """The lane's workers on a site; `more` is what they find in their environment besides."""

    def __init__(self, name: str, more: Mapping[str, str]) -> None:
        super().__init__(name, kinds=())
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


def notices(events: int, rounds: int, stack: Stack, progress: Progress) -> Figures:
    """Decides so many events, then sends a part by mail, and by SMS in small and large chunks.

    The first round is not counted: caches are cold.
    """
    found: dict[str, list[tuple[float, Mapping[str, float]]]] = {}
    for number in range(rounds + 1):
        progress("notices", number / (rounds + 1))
        for what, measured in _round(events, stack):
            if number:
                found.setdefault(what, []).append(measured)
    figures: dict[str, object] = {"events decided a round": events}
    for what, runs in found.items():
        rates = [rate for rate, _ in runs]
        middle = statistics.median_low(rates)
        cpu = next(cpu for rate, cpu in runs if rate == middle)
        figures |= {
            f"{what}/s": round(middle),
            f"{what}/s: rounds": " ".join(f"{rate:,.0f}" for rate in rates),
            f"{what}: CPU µs each": ", ".join(
                f"{part} {used:,.0f}" for part, used in sorted(cpu.items())
            ),
        }
    return figures


def _round(events: int, stack: Stack) -> Iterator[tuple[str, tuple[float, Mapping[str, float]]]]:
    with SinksProcess() as sinks, site_for(Lane("notices", {}), stack) as site:
        lane = Lane("notices", _unlimited(sinks))
        _prepare(lane, site)
        _produce(site, events)
        yield "events decided", _decided(lane, site, events)
        for chunk in CHUNKS:
            yield f"SMS of chunks of {chunk}", _sent(lane, site, sinks, "sms", chunk, events // 3)
        yield (
            f"mails of chunks of {CHUNKS[0]}",
            _sent(lane, site, sinks, "email", CHUNKS[0], events // 10),
        )


def _unlimited(sinks: SinksProcess) -> Mapping[str, str]:
    rates = {f"POINTS_{name}__RATE": NO_RATE for name in ("SMTP", "MITAKE", "TWILIO")}
    return {**sinks.environment(), **rates, "POINTS_SMTP__TIMEOUT_SECONDS": "60"}


def _prepare(lane: Lane, site: Site) -> None:
    """Tables, topics and shops that tell by both channels at any hour."""
    (site.state / "sealing.keys").write_text(f"one:{urlsafe_b64encode(os.urandom(32)).decode()}\n")
    lane.points(site, "migrate")
    lane.points(site, "topics", "apply")
    document = load_notice_settings(orjson.dumps(SETTINGS), "settings")
    with session.connect(
        site.database_url, role=session.NOTICES_ROLE, schema=session.NOTICES_SCHEMA
    ) as connection:
        for shop in range(SHOPS):
            settings.apply(connection, f"shop-{shop}", document, "bench")


def _produce(site: Site, events: int) -> None:
    """Settings, customers and changes, as the engine's relay writes them: lz4, no transaction."""
    producer = Producer(
        {
            "bootstrap.servers": site.bootstrap_servers,
            "log_level": ERRORS_ONLY,
            "compression.type": "lz4",
            "linger.ms": 20,
            "queue.buffering.max.messages": 200_000,
        }
    )

    def put(topic: str, key: str, value: object) -> None:
        while True:
            try:
                producer.produce(topic, orjson.dumps(value), key, headers=HEADERS)
            except BufferError:
                producer.poll(0.1)
            else:
                return

    for number in range(SHOPS):
        put(f"{site.group}.settings", f"shop-{number}:1", _settings(f"shop-{number}"))
    for number in range(MEMBERS):
        put(site.topics["customers"], f"m{number}", _customer(number))
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    for number in range(events):
        shop, member = _member(number % MEMBERS)
        put(site.topic_out, f"{shop}:{member}", _granted(number, shop, member, now))
    if producer.flush(120):
        raise BenchError("The broker did not take the changes within 120 s.")


def _member(number: int) -> tuple[str, str]:
    return f"shop-{number % SHOPS}", f"m{number}"


def _decided(lane: Lane, site: Site, events: int) -> tuple[float, Mapping[str, float]]:
    """From a tenth of the events to the last: the worker is warm, and knows shops and members."""
    with _running(lane, site, "notices") as parts, _database(site) as database:
        begin = events // 10
        topic = site.topic_out
        _until("a tenth of the events", lambda: _count(database, CONSUMED, topic) >= begin)
        first, began, before = _count(database, CONSUMED, topic), time.monotonic(), Usage.of(parts)
        _until("all events", lambda: _count(database, CONSUMED, topic) >= events)
        took, after = time.monotonic() - began, Usage.of(parts)
        # Contacts and changes are read by one process, each topic at its own pace.
        members = site.topics["customers"]
        _until("all members", lambda: _count(database, CONSUMED, members) >= MEMBERS)
        rows = _count(database, ROWS)
    if rows != 2 * events:
        raise BenchError(f"notices: {rows} notices of {events} events, and each makes two.")
    return _figure(events - first, took, before, after)


def _sent(
    lane: Lane, site: Site, sinks: SinksProcess, channel: str, chunk: int, count: int
) -> tuple[float, Mapping[str, float]]:
    """So many messages, from the first that are sent on; then the sender is ended."""
    mine = Lane(lane.name, lane.more | {"POINTS_NOTICES__CHUNK": str(chunk)})
    others = ("POINTS_SMTP__HOST",) if channel == "sms" else ("POINTS_MITAKE__USERNAME",)
    for name in (*others, "POINTS_TWILIO__ACCOUNT_SID", "POINTS_TWILIO__AUTH_TOKEN"):
        mine.more.pop(name, None)
    query = (channel, "sent")
    with _database(site) as database:
        start = _count(database, AT_STATE, *query)
        with _running(mine, site, "notices-send", sinks) as parts:
            _until(
                "the first messages",
                lambda: _count(database, AT_STATE, *query) > start + count // 10,
            )
            first = _count(database, AT_STATE, *query)
            began, before = time.monotonic(), Usage.of(parts)
            _until("all messages", lambda: _count(database, AT_STATE, *query) >= start + count)
            last = _count(database, AT_STATE, *query)
            took, after = time.monotonic() - began, Usage.of(parts)
    return _figure(last - first, took, before, after)


def _figure(
    count: int, seconds: float, before: Usage, after: Usage
) -> tuple[float, Mapping[str, float]]:
    cpu = {part: used * 1e6 / count for part, used in after.cpu_since(before).items()}
    return count / seconds, cpu


@contextmanager
def _running(
    lane: Lane, site: Site, kind: str, sinks: SinksProcess | None = None
) -> Iterator[Sequence[tuple[str, psutil.Process]]]:
    """A worker alone, and the processes whose CPU is counted."""
    command = Command(kind, (lane._points, "run", kind))  # noqa: SLF001 - a lane is one of ours
    process = lane.start(site, command, 0)
    parts = [(kind, psutil.Process(process.pid))]
    if sinks is not None:
        parts.append(("sinks", psutil.Process(sinks.identity.pid)))
    servers = {
        "postgresql": postgres_process(site.database_url),
        "kafka": broker_process(site.bootstrap_servers),
    }
    try:
        yield parts + [(name, found) for name, found in servers.items() if found is not None]
    finally:
        end([process])


@contextmanager
def _database(site: Site) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(site.database_url, autocommit=True) as database:
        yield database


def _count(database: psycopg.Connection[Any], query: str, *values: object) -> int:
    row = database.execute(query.encode(), values).fetchone()
    return int(row[0]) if row else 0


def _until(what: str, state: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not state():
        if time.monotonic() > deadline:
            raise BenchError(f"notices: {what} did not come in {PATIENCE:.0f} s.")
        time.sleep(0.1)


def _settings(merchant: str) -> dict[str, Any]:
    return {
        "type": "settings_changed", "merchant_id": merchant, "version": 1,
        "effective_at": "2024-01-01T00:00:00Z", "recorded_at": "2024-01-01T00:00:00Z",
        "performer": None, "digest": "0" * 64,
        "settings": {
            "timezone": "Asia/Taipei", "currency": "TWD", "languages": ["en"], "enabled": True,
            "entitlement": {"plan": "enterprise", "app_installed": True, "modules": []},
        },
    }  # fmt: skip


def _customer(number: int) -> dict[str, Any]:
    shop, member = _member(number)
    return {
        "topic": "user/update",
        "merchant_id": shop,
        "resource": {
            "id": member, "name": "Ann", "locale_code": "en",
            "updated_at": "2026-11-20T04:00:00.000Z",
            "email": f"{member}@mail.example", "mobile_phone": f"0912{number:06d}",
        },
    }  # fmt: skip


def _granted(number: int, shop: str, member: str, now: str) -> dict[str, Any]:
    sequence = number // MEMBERS + 1
    return {
        "event_id": str(UUID(int=number + (4 << 76) + (8 << 60))), "type": "granted",
        "merchant_id": shop, "member_id": member, "sequence": sequence, "points": 10,
        "balance": {"available": 10 * sequence, "held": 0, "debt": 0},
        "lots": [{"lot_id": f"order-{number}-1", "points": 10, "expires_at": None}],
        "order_id": f"order-{number}", "cause": {"kind": "order", "id": f"order-{number}"},
        "settings_version": 1, "reason": None, "performer": None,
        "occurred_at": now, "recorded_at": now,
    }  # fmt: skip
