"""One merchant's points account on a real database, driven step by step for comparison.

Commands, events and time go in as the workers take them, without Kafka; out come the answers and
every event of points that was made for them.
"""

from contextlib import suppress
from datetime import datetime
from io import BytesIO

import orjson
import psycopg
from psycopg import sql

from processors.bulk.gates import approve_job, cancel_job
from processors.bulk.making import Wanted, make_job
from processors.bulk.running import run_job
from processors.bulk.shops import Shop, shop_of
from processors.bulk.undoing import make_undo
from processors.commands.applying import Applied, apply_commands
from processors.commands.at_once import apply_at_once
from processors.expiry import Expiry
from rules.quotes.answer import Signing
from rules.quotes.tokens import QuoteKey
from schemas.answers.quotes import QuoteAnswer
from schemas.campaigns import CampaignDocument
from schemas.commands.reading import read
from schemas.ids import Micros, iso, micros
from schemas.quotes import load_cart
from schemas.settings import load_settings
from store.campaigns import reading, saving
from store.postgres import session
from store.reads.account.quote import quoted
from store.reads.jobs import job_rows
from store.reads.snapshot import snapshot
from store.settings import versions
from store.settings.merchants import Merchants
from store.streams.outbox import OutboxKind, events_of, records_of
from tests.oracle.commands import NEVER, notify_of, performer_of
from tests.oracle.jobs import MAKER
from tests.oracle.shop import Campaign
from tests.support.account.comparing import Line
from tests.support.in_process import InProcessEngine
from tests.support.order_facts import bytes_of
from tests.support.timeline import record_of
from tests.support.upstream import Json

KEYS = (QuoteKey("bench", b"k" * 32),)
"""Quotes are signed with it."""
TURNS = 100
"""More than a history's few accounts take to expire."""
EVENTS = "SELECT value, headers FROM outbox WHERE kind = %s ORDER BY shard, id"
PACKS = "SELECT value FROM outbox WHERE kind = %s ORDER BY id"


class _Enough(Exception):
    """So much of a job is applied as was asked for."""


class AccountBench:
    """A merchant of its own on an engine whose clock stands."""

    def __init__(self, engine: InProcessEngine, merchant: str, now: Micros) -> None:
        self._engine, self.merchant = engine, merchant
        self._worker = engine.first
        self._worker.received_at = lambda: self.now // 1000
        self._looking = psycopg.connect(engine.database_url, autocommit=True)
        self.connection = session.connect(engine.database_url, name="commands")
        self._merchants = Merchants(self.connection)
        self._expiring = session.connect(engine.database_url, name="expiry")
        self._expiry = Expiry(self._expiring)
        self.events: list[Json] = []
        self.now = now
        self.clock(now)

    def clock(self, moment: Micros) -> None:
        """Let the database's clock stand at a moment."""
        self.now = moment
        statement = (
            "CREATE OR REPLACE FUNCTION points_now() RETURNS bigint LANGUAGE sql VOLATILE AS {}"
        )
        self._looking.execute(sql.SQL(statement).format(f"SELECT {moment}::bigint"))

    def apply(self, document: Json) -> None:
        """A new settings version."""
        versions.apply(
            self.connection, self.merchant, load_settings(bytes_of(document), name="test"), "test"
        )
        self._merchants.refresh()

    def campaign(self, name: str, campaign: Campaign) -> None:
        """A campaign, saved or removed. Raises CampaignOverlaps."""
        shop = reading.shop_of(session.raw(self.connection), self.merchant)
        if campaign.removed:
            saving.remove(self.connection, shop, name, "mei")
            return
        gifts = campaign.gifts.items()
        document = CampaignDocument.model_validate(
            {
                "campaign_id": name,
                "names": {"en": "Gifts"},
                "starts_at": iso(campaign.starts),
                "ends_at": iso(campaign.ends) if campaign.ends != NEVER else None,
                "gifts": [{"gift_id": g, "product_id": g, "points": p} for g, p in gifts],
            }
        )
        saving.apply(self.connection, shop, document, "mei", name="test")

    def commands(self, contents: list[Json]) -> list[Json]:
        """Commands applied in one transaction, and what follows from them; the answers."""
        commands = [read(orjson.dumps(content)) for content in contents]
        with session.transaction(self.connection) as cursor:
            self._merchants.keep_up(cursor)  # the app may have come or gone
            applied = apply_commands(cursor, self._merchants, commands, self.now, KEYS)
        self._worker.settle()
        return _as_published(applied)

    def command_at_once(self, content: Json) -> Json:
        """A command of somebody who waits for its answer, and what follows from it."""
        applied = apply_at_once(self.connection, self._merchants, self.merchant, [content], KEYS)
        self._worker.settle()
        return _as_published(applied)[0]

    def quote(self, member: str, cart: Json) -> QuoteAnswer:
        """What a member's cart costs with points, signed."""
        made = load_cart(bytes_of(cart), name="cart")
        return quoted(self.connection, self._merchants, self.merchant, member, made, Signing(KEYS))

    def hand_in(self, job: str, rows: list[tuple[str, int]], reason: str) -> None:
        """A file of members and points becomes a job. Raises BulkRefused."""
        lines = "".join(f"{member},{points}\n" for member, points in rows)
        file = BytesIO(f"member_id,points\n{lines}".encode())
        make_job(self._shop(), Wanted(file, "file", job, reason, MAKER))

    def undo(self, job: str, reason: str) -> None:
        """A job is to be taken back. Raises BulkRefused."""
        make_undo(self._shop(), job, reason, MAKER)

    def cancel(self, job: str) -> None:
        """What is left of a job is not applied. Raises BulkRefused."""
        cancel_job(self._shop(), job)

    def go_on(self, job: str, pieces: int) -> None:
        """Applies so many pieces of a job, if there are. Raises BulkRefused."""
        left = [pieces]

        def advance(_done: int, _total: int) -> None:
            left[0] -= 1
            if not left[0]:
                raise _Enough

        shop = self._shop()
        with suppress(_Enough):
            run_job(shop, shop.key(job), advance)

    def approve(self, job: str, by: str) -> None:
        """A second person lets a job go on. Raises BulkRefused."""
        approve_job(self._shop(), job, by)

    def _shop(self) -> Shop:
        return shop_of(self.connection, self.merchant)

    def rows(self, job: str) -> list[Json]:
        """The rows of a job as they stand."""
        with snapshot(self.connection) as cursor:
            rows = [*job_rows(cursor, self.merchant, job)]
        return [orjson.loads(orjson.dumps(row.model_dump(mode="json"))) for row in rows]

    def published(self) -> list[Json]:
        """The commands that jobs have published since the outbox was emptied."""
        packs = self._looking.execute(PACKS, [OutboxKind.COMMAND]).fetchall()
        all_of_them = [orjson.loads(value) for (pack,) in packs for _, value in records_of(pack)]
        return [content for content in all_of_them if "x_job" in content]

    def hear(self, event: Json) -> None:
        """An event from upstream, and what follows from it."""
        self._worker.consume(record_of(event))
        self._worker.settle()

    def grant(self) -> None:
        """What is due is granted."""
        self._worker.settle()

    def expire(self) -> None:
        """What the worker of expiries does."""
        turns = 0
        while self._expiry.expire():
            turns += 1
            assert turns < TURNS, "what fell due is claimed and stays due"

    def lines(self) -> dict[str, list[Line]]:
        """All entries so far by member; the outbox is emptied."""
        for value, headers in self._looking.execute(EVENTS, [OutboxKind.CHANGED]).fetchall():
            self.events += [orjson.loads(event) for event, _ in events_of(value, headers)]
        self._looking.execute("DELETE FROM outbox")
        ids = [event["event_id"] for event in self.events]
        assert len(set(ids)) == len(ids)
        lines: dict[str, list[Line]] = {}
        for event in self.events:
            if event["merchant_id"] == self.merchant:
                mine = lines.setdefault(event["member_id"], [])
                mine.append(_line_of(event))
                assert event["sequence"] == len(mine), event
        return lines

    def close(self) -> None:
        """End the connections."""
        self._looking.close()
        self.connection.close()
        self._expiring.close()


def _as_published(applied: Applied) -> list[Json]:
    return [orjson.loads(orjson.dumps(result)) for result in applied.results]


def _line_of(event: Json) -> Line:
    lots: dict[tuple[str, Micros | None], int] = {}
    for lot in event["lots"]:
        expires, name = lot["expires_at"], lot["lot_id"]
        if lot["points"]:
            lots[name, micros(datetime.fromisoformat(expires)) if expires else None] = lot["points"]
    return Line(
        event["type"],
        event["points"],
        event.get("held_points", 0),
        lots,
        (event["balance"]["available"], event["balance"]["held"], event["balance"]["debt"]),
        micros(datetime.fromisoformat(event["occurred_at"])),
        (
            (event["cause"]["kind"], event["cause"]["id"]),
            event["settings_version"],
            event["reason"],
            event["order_id"],
            event.get("hold_id"),
        ),
        event["event_id"],
        performer_of(event),
        notify_of(event),
    )
