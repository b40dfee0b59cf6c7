"""Random histories told to a whole engine, and the oracle's answer to compare with."""

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
from tests.property.histories import Story
from tests.support.customers import APPLICATION
from tests.support.engine import Engine
from tests.support.order_facts import Event, bytes_of, some_id
from tests.support.upstream import Record

ENVIRONMENT = {"POINTS_APPLICATION_ID": APPLICATION}
AN_ID = re.compile(r"[0-9a-f]{24}")
IDLE = """
SELECT NOT EXISTS (SELECT FROM recheck WHERE not_before_us <= points_now()) AND NOT EXISTS (SELECT FROM outbox)
   AND NOT EXISTS (SELECT FROM due WHERE due_us <= points_now())
   AND NOT EXISTS (SELECT FROM account WHERE next_expiry <= points_now())"""


def apart(stories: list[Story]) -> list[Story]:
    """The stories with ids and tracking numbers of their own, so that one engine can hear them all."""
    found = []
    for number, story in enumerate(stories):
        steps = [
            replace(
                step, merchant=_own(step.merchant, number), document=_own(step.document, number)
            )
            for step in story.settings
        ]
        told = [(moment, _own(event, number)) for moment, event in story.told]
        found.append(replace(story, settings=steps, told=told))
    return found


def _own(value: Any, number: int, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _own(inner, number, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [_own(inner, number) for inner in value]
    if key == "tracking_number" and value is not None:
        return type(value)(f"{value}{number:04d}")
    if isinstance(value, str) and AN_ID.fullmatch(value) and value != APPLICATION:
        return some_id(f"{value} {number}")
    return value


def record_of(event: Event) -> Record:
    """The event in the topic that it belongs to. Keys are not ours to choose, so there is none."""
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
    """It is so late now, and a little later with every second."""
    engine.move_clock((moment - datetime.now(UTC)).total_seconds())


def book_of(story: Story, until: datetime) -> Book:
    """The oracle's answer, once it has heard everything."""
    book = Book()
    for step in story.settings:
        assert step.document is not None
        book.apply(step.document, step.merchant)
    for moment, event in story.told:
        book.now = max(book.now, moment)
        book.hear(event)
    book.until(until)
    return book


def all_of(books: list[Book], what: str) -> dict[Any, int]:
    """`balances` or `earned` of all books."""
    found: dict[Any, int] = {}
    for book in books:
        found |= getattr(book, what)()
    return found


def check_answers(engine: Engine, books: list[Book], *, with_dates: bool) -> Mapping[str, int]:
    """Every order's state and points are the oracle's, and its due date and expiry too if asked for. How many of each."""
    seen: dict[str, int] = {}
    with session.connect(engine.database_url) as connection:
        for book in books:
            for merchant, order in book.orders:
                must = book.explain(merchant, order)
                told = explain(order_view(connection, merchant, order))
                assert told.state == must.state, (merchant, order, told, must)
                seen[must.state] = seen.get(must.state, 0) + 1
                if must.state not in ("planned", "granted"):
                    continue
                assert must.episode is not None
                assert told.decided.points == must.points, (merchant, order, told, must)
                if with_dates:
                    dates = instant(told.decided.due_at or 0), told.decided.expires_at
                    assert dates[0] == must.episode.due, (merchant, order, told, must)
                    expires = (
                        instant(dates[1])
                        if must.episode.expires != FOREVER and dates[1] is not None
                        else FOREVER
                    )
                    assert expires == must.episode.expires, (merchant, order, told, must)
    return seen


def stops_of(story: Story) -> list[datetime]:
    """When the engine hears: on the way, or, of a story of a year, all late: what nobody claims is purged after 180 days."""
    days = (
        (4, 13, 22, 80)
        if story.end < story.grid.at(0) + timedelta(days=180)
        else (360, 365, 380, 420)
    )
    return [story.grid.at(0) + timedelta(days=day) for day in days]
