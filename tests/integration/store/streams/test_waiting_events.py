"""Events that wait in the outbox are read once each, also those that come with a lower id."""

from contextlib import ExitStack

import pytest

from store.postgres import session
from store.postgres.session import Database, raw
from store.streams import outbox, waiting_events
from store.streams.outbox import Event
from store.streams.waiting_events import WaitingEvents, heads
from tests.support.servers import Databases

SHARD = 2


@pytest.fixture
def database(postgres: Databases) -> str:
    return postgres.migrated()


def add(connection: Database, *values: str) -> None:
    outbox.add_events(raw(connection), [Event(SHARD, value.encode()) for value in values])


def test_a_row_that_commits_late_with_a_lower_id_is_read(database: str) -> None:
    with ExitStack() as open_:
        reader, early, late = (
            open_.enter_context(session.connect(database, role=None)) for _ in range(3)
        )
        waiting = WaitingEvents(SHARD)

        def read() -> list[bytes]:
            return waiting.read(raw(reader))[0]

        assert read() == []
        with late.transaction():
            add(late, "first")
            add(early, "second", "third")
            assert read() == [b"second", b"third"]
            assert [read(), read()] == [[], []]
            add(early, "fourth")
            assert read() == [b"fourth"]
        assert read() == [b"first"]
        assert [read(), read()] == [[], []]
        add(early, "fifth")
        assert read() == [b"fifth"]
        assert waiting._floor > 0, "what was read long ago is not looked at again"


def test_a_backlog_is_read_in_parts(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting_events, "ROWS", 3)
    with session.connect(database, role=None) as connection:
        for number in range(7):
            add(connection, f"{number}")
        assert set(heads(raw(connection))) == {SHARD}
        waiting, got, more = WaitingEvents(SHARD), [], True
        while more:
            events, more = waiting.read(raw(connection))
            got += events
        assert got == [f"{number}".encode() for number in range(7)]
