"""Random histories for a whole engine, and the oracle's answer to compare with."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from rules.explain.order import explain
from schemas.ids import instant
from schemas.settings import load_settings
from store.postgres import session
from store.reads.order import order_view
from store.settings import versions as store_settings
from tests.oracle.book import Book
from tests.oracle.records import FOREVER
from tests.property.histories import History
from tests.support.customers import APPLICATION
from tests.support.engine import Engine
from tests.support.order_facts import Event, bytes_of, some_id
from tests.support.upstream import Record

ENVIRONMENT = {"POINTS_APPLICATION_ID": APPLICATION}
AN_ID = re.compile(r"[0-9a-f]{24}")
IDLE = """
SELECT NOT EXISTS (SELECT FROM recheck WHERE not_before_us <= points_now())
   AND NOT EXISTS (SELECT FROM outbox)
   AND NOT EXISTS (SELECT FROM due WHERE due_us <= points_now())
   AND NOT EXISTS (SELECT FROM account WHERE next_expiry <= points_now())
   AND NOT EXISTS (SELECT FROM hold WHERE state = 1 AND expires_us <= points_now())"""


def with_own_ids(histories: list[History]) -> list[History]:
    """The histories with ids and tracking numbers of their own, so that an engine may take all."""
    separate = []
    for number, history in enumerate(histories):
        steps = [
            replace(
                step, merchant=_own(step.merchant, number), document=_own(step.document, number)
            )
            for step in history.settings
        ]
        events = [(moment, _own(event, number)) for moment, event in history.events]
        separate.append(replace(history, settings=steps, events=events))
    return separate


def _own(value: Any, number: int, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _own(inner, number, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [_own(inner, number) for inner in value]
    if key == "tracking_number" and isinstance(value, str):
        return " / ".join(f"{one}{number:04d}" for one in value.split(" / "))
    if key == "tracking_number" and value is not None:
        return type(value)(f"{value}{number:04d}")
    if isinstance(value, str) and AN_ID.fullmatch(value) and value != APPLICATION:
        return some_id(f"{value} {number}")
    return value


def record_of(event: Event) -> Record:
    """The event in its topic, without a key: keys are not ours to choose."""
    kind = event.get("topic", "report/").partition("/")[0]
    topic = {
        "order_delivery": "deliveries",
        "report": "deliveries",
        "user": "customers",
        "customer": "customers",
    }
    return Record(topic.get(kind, "orders"), None, bytes_of(event))


def apply(engine: Engine, merchant: str, document: dict[str, Any]) -> None:
    """A merchant's settings, as an operator applies them."""
    with session.connect(engine.database_url) as connection:
        store_settings.apply(
            connection, merchant, load_settings(bytes_of(document), name="test"), "test"
        )


def clock_to(engine: Engine, moment: datetime) -> None:
    """Set the engine's clock to a moment; it goes on from there."""
    engine.move_clock((moment - datetime.now(UTC)).total_seconds())


def book_of(history: History, until: datetime) -> Book:
    """The oracle's answer, once it has taken every event."""
    book = Book()
    for step in history.settings:
        assert step.document is not None
        book.apply(step.document, step.merchant)
    for moment, event in history.events:
        book.now = max(book.now, moment)
        book.consume(event)
    book.until(until)
    return book


def all_of(books: list[Book], what: str) -> dict[Any, int]:
    """`balances` or `earned` of all books."""
    merged: dict[Any, int] = {}
    for book in books:
        merged |= getattr(book, what)()
    return merged


def check_answers(engine: Engine, books: list[Book], *, with_dates: bool) -> Mapping[str, int]:
    """Every order's state and points are the oracle's; `with_dates` its due date and expiry too.

    How many orders there are in each state.
    """
    seen: dict[str, int] = {}
    with session.connect(engine.database_url) as connection:
        for book in books:
            for merchant, order in book.orders:
                must = book.explain(merchant, order)
                answer = explain(order_view(connection, merchant, order))
                assert answer.state == must.state, (merchant, order, answer, must)
                seen[must.state] = seen.get(must.state, 0) + 1
                if must.state not in ("planned", "granted"):
                    continue
                assert must.episode is not None
                assert answer.decided.points == must.points, (merchant, order, answer, must)
                if with_dates:
                    due, expires_at = answer.decided.due_at, answer.decided.expires_at
                    assert instant(due or 0) == must.episode.due, (merchant, order, answer, must)
                    expires = FOREVER
                    if must.episode.expires != FOREVER and expires_at is not None:
                        expires = instant(expires_at)
                    assert expires == must.episode.expires, (merchant, order, answer, must)
    return seen


def stops_of(history: History) -> list[datetime]:
    """When the engine gets events: on the way, or all late if a history is a year long.

    In between, reports without an order would be purged, which happens after 180 days.
    """
    short = history.end < history.grid.at(0) + timedelta(days=180)
    days = (4, 13, 22, 80) if short else (360, 365, 380, 420)
    return [history.grid.at(0) + timedelta(days=day) for day in days]
