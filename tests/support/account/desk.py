"""A desk where commands are applied without Kafka: one transaction a call, by a clock that stands.

`Desk.send` takes commands as a sender writes them and answers what the results topic would have.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import orjson
import psycopg
from psycopg import sql

from processors.commands.applying import apply_commands
from rules.order.membership import Buyer, MemberStatement
from rules.order.trail import Version
from rules.quotes.tokens import QuoteKey
from schemas.commands.reading import read
from schemas.ids import SECOND, Micros, iso, micros
from schemas.packing import pack_id
from schemas.settings import BoundRules, load_settings
from store.ledger.ledger import post_all_overdue
from store.orders import codec
from store.postgres import session
from store.settings import versions
from store.settings.merchants import Merchants
from tests.support.upstream import Json

SHOP, ANN, BEA = "shop", "ann", "bea"
BEGIN: Micros = 1_780_000_000 * SECOND
"""28 May 2026, the desk's first day."""
NEXT_YEAR = "2027-12-31T16:00:00Z"
"""When points expire that are assigned in 2026: the end of the last day of 2027 in Taipei."""
CASH: Json = {"unit_points": 10, "price_per_unit": 1, "channels": ["ec"]}
STAFF: Json = {"kind": "staff", "id": "sue"}


def settings(**sections: Any) -> Json:
    """A shop in Taipei whose points expire at the end of the next year; `sections` replace."""
    return {
        "timezone": "Asia/Taipei",
        "currency": "TWD",
        "enabled": True,
        "entitlement": {"plan": "enterprise", "app_installed": True},
        "earn": {
            "rules": [{"unit_price": 10, "points_per_unit": 1}],
            "pending_days": 0,
            "expiry": {"kind": "fixed_date", "month": 12, "day": 31},
        },
        "redeem": {"cash": CASH},
        "effective_at": "2020-01-01T00:00:00Z",
        **sections,
    }


class Desk:
    """A migrated database with one shop."""

    def __init__(self, url: str, name: str = "desk") -> None:
        self.url, self.name = url, name
        self.connection = session.connect(url, name=name)
        self.looking = psycopg.connect(url, autocommit=True)
        self._merchants = Merchants(self.connection)
        self.quote_keys: Sequence[QuoteKey] = ()
        self._commands = 0

    def open(self) -> "Desk":
        """Makes the schema and the shop."""
        self.clock(BEGIN)
        self.settle_in(SHOP)
        return self

    def clock(self, moment: Micros) -> None:
        """Lets the database's clock stand at a moment."""
        self.now = moment
        statement = (
            "CREATE OR REPLACE FUNCTION points_now() RETURNS bigint LANGUAGE sql VOLATILE AS {}"
        )
        self.looking.execute(sql.SQL(statement).format(f"SELECT {moment}::bigint"))

    def later(self, seconds: float) -> None:
        """Moves the clock on."""
        self.clock(self.now + int(seconds * SECOND))

    def at(self, text: str) -> None:
        """Sets the clock to an instant."""
        self.clock(micros(datetime.fromisoformat(text)))

    def settle_in(self, merchant: str, **sections: Any) -> None:
        """A merchant's settings, in force since long ago, or since now for further versions."""
        content = settings(**sections)
        if not self._merchants.look_up([merchant]):
            content["effective_at"] = iso(self.now)
        document = load_settings(orjson.dumps(content), name="test.json")
        versions.apply(self.connection, merchant, document, "test")
        self._merchants.refresh()

    def rules(self) -> BoundRules:
        """The shop's settings in force."""
        rules = self._merchants.in_force(self._merchants.numbers[SHOP], self.now).rules
        assert rules is not None
        return rules

    def command(self, type_: str, **fields: Any) -> Json:
        """A command with a new id, for Ann by staff, issued now; what is None is left out."""
        self._commands += 1
        content: Json = {
            "command_id": f"c{self._commands}",
            "type": type_,
            "merchant_id": SHOP,
            "member_id": ANN,
            "performer": STAFF,
            "issued_at": iso(self.now),
            **_OWN.get(type_, {}),
            **fields,
        }
        return {name: value for name, value in content.items() if value is not None}

    def send(
        self, *commands: Json, before_commit: Callable[[], object] = lambda: None
    ) -> list[Json]:
        """Applies commands as one batch; the answers."""
        return self._apply([orjson.dumps(command) for command in commands], before_commit)

    def published(self, value: bytes) -> Json:
        """The answer to a record of the topic."""
        return self._apply([value], lambda: None)[0]

    def _apply(self, values: Sequence[bytes], before_commit: Callable[[], object]) -> list[Json]:
        parsed = [read(value) for value in values]
        with session.transaction(self.connection) as cursor:
            applied = apply_commands(cursor, self._merchants, parsed, self.now, self.quote_keys)
            before_commit()
        return [orjson.loads(orjson.dumps(result)) for result in applied.results]

    def do(self, type_: str, **fields: Any) -> Json:
        """One command's answer."""
        return self.send(self.command(type_, **fields))[0]

    def code(self, type_: str, **fields: Any) -> str:
        """One command's code."""
        return str(self.do(type_, **fields)["code"])

    def post_overdue(self) -> int:
        """What the expiry worker does."""
        with session.transaction(self.connection) as cursor:
            return post_all_overdue(cursor, 1000, self.now, self._merchants.merchant_id)

    def leave(self, member: str) -> None:
        """Makes somebody no member, since an hour ago."""
        version = Version(self.now - 3_600 * SECOND, 0, 0)
        timeline = Buyer((MemberStatement(version, is_member=False),))
        self.looking.execute(
            "INSERT INTO customer SELECT merchant_no, %s, %s, %s"
            " FROM merchant WHERE merchant_id = %s",
            [pack_id(member), codec.version_bytes(version), codec.buyer_bytes(timeline), SHOP],
        )

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Rows of a query."""
        return self.looking.execute(query.encode(), parameters).fetchall()

    def waits(self, name: str) -> bool:
        """Whether a session of that name waits for a lock."""
        query = """SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()
                   AND application_name = %s AND wait_event_type = 'Lock')"""
        return bool(self.rows(query, name)[0][0])

    @contextmanager
    def another(self, name: str) -> "Iterator[Desk]":
        """Another desk on the same database, with the same clock."""
        opened = Desk(self.url, name)
        opened.now = self.now
        try:
            yield opened
        finally:
            opened.close()

    def close(self) -> None:
        """Ends the connections."""
        self.connection.close()
        self.looking.close()


_OWN: dict[str, Json] = {
    "assign": {"points": 100, "reason": "thanks"},
    "hold": {"hold_id": "h1", "points": 50, "purpose": "cash"},
    "capture": {"hold_id": "h1", "order_id": "o1"},
    "release": {"hold_id": "h1"},
    "return_redeemed": {"order_id": "o1", "reason": "sent back"},
    "bulk_assign": {
        "member_id": None,
        "job_id": "j1",
        "members": [ANN, BEA],
        "points": 10,
        "reason": "june",
    },
}
"""What each type has of its own, unless a test says otherwise."""
