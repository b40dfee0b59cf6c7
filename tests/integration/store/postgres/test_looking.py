"""The connection that tests keep for their questions."""

from collections.abc import Iterator
from threading import Thread
from typing import Any, NamedTuple

import psycopg
import pytest

from tests.support.database.looking import Looking
from tests.support.engine import Engine, wait_for
from tests.support.servers import Databases

WHO = "SELECT pg_backend_pid()"


class Place(NamedTuple):
    """A database, who looks at it, and somebody else."""

    looking: Looking
    other: psycopg.Connection[tuple[Any, ...]]


@pytest.fixture
def place(postgres: Databases) -> Iterator[Place]:
    url = postgres.database()
    with psycopg.connect(url, autocommit=True) as other:
        made = Place(Looking(url), other)
        yield made
        made.looking.close()
    postgres.drop(url)


def test_each_question_sees_what_others_committed_and_an_error_ends_nothing(place: Place) -> None:
    (kept,) = place.looking.rows(WHO)
    for number in range(7):  # more than psycopg waits before it prepares a statement
        place.other.execute(f"CREATE OR REPLACE VIEW seen AS SELECT {number} AS number".encode())
        assert place.looking.rows("SELECT number FROM seen") == [(number,)]
    with pytest.raises(psycopg.errors.UndefinedTable):
        place.looking.rows("SELECT FROM nowhere")
    assert place.looking.rows(WHO) == [kept]


def test_it_connects_again_when_its_session_was_ended(place: Place) -> None:
    ((ended,),) = place.looking.rows(WHO)
    place.other.execute("SELECT pg_terminate_backend(%s, 5000)", [ended])
    ((another,),) = place.looking.rows(WHO)
    assert another != ended


def test_a_question_that_waits_for_a_lock_holds_up_no_other(place: Place) -> None:
    place.other.execute("SELECT pg_advisory_lock(1)")
    asking = Thread(target=place.looking.rows, args=["SELECT pg_advisory_lock(1)"])
    asking.start()
    waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    wait_for("the lock", lambda: place.looking.rows(waits) == [(1,)])
    place.other.execute("SELECT pg_advisory_unlock(1)")
    asking.join(30)
    assert not asking.is_alive()


def test_an_engine_that_moved_to_another_database_asks_that_one(
    engine: Engine, postgres: Databases
) -> None:
    here = "SELECT current_database()"
    assert engine.database_url.endswith(f"/{engine.value(here)}")
    engine.move_to(postgres.database())
    assert engine.database_url.endswith(f"/{engine.value(here)}")
    assert engine.environment["POINTS_DATABASE__URL"] == engine.database_url
