"""Checkout reads the model, and the database where it says nothing; Redis never holds it up."""

import socket
import time
from contextlib import suppress

import pytest

from schemas.ids import SECOND
from store.valkey import balances as balances_module
from store.valkey import client
from store.valkey.balances import Balances
from store.valkey.keys import MemberKey, key_of
from tests.integration.store.valkey.conftest import MEMBER, Place
from tests.support.account import moves
from tests.support.parcels import ANNA, M


@pytest.fixture
def balances(place: Place) -> Balances:
    return Balances(place.client, place.connection)


def test_a_missing_balance_comes_from_the_database_and_is_filled_in(
    place: Place, balances: Balances
) -> None:
    moves.assign(place.connection, M, ANNA, 70)
    first, second = balances.read_balance(M, ANNA), balances.read_balance(M, ANNA)
    assert (first.source, first.available) == ("database", 70)
    assert (second.source, second.available, second.sequence) == ("model", 70, 1)
    assert place.is_kept()


def test_a_member_without_an_account_is_not_remembered(place: Place, balances: Balances) -> None:
    """Anybody can make up ids."""
    for merchant in (M, "no-shop"):
        read = balances.read_balance(merchant, "made up")
        assert (read.source, read.available, read.sequence) == ("database", 0, 0)
        assert place.value(MemberKey(merchant, "made up")) is None


def test_a_reader_counts_lots_by_its_own_now(place: Place, balances: Balances) -> None:
    now = time.time_ns() // 1000
    moves.assign(place.connection, M, ANNA, 30)
    moves.assign(place.connection, M, ANNA, 20, now + 3600 * SECOND)
    balances.read_balance(M, ANNA)
    soon = balances.read_balance(M, ANNA, lambda: now)
    later = balances.read_balance(M, ANNA, lambda: now + 3600 * SECOND)
    assert (soon.source, later.source) == ("model", "model")
    assert (soon.available, later.available) == (50, 30)


def test_held_points_count_only_when_the_model_shows_them_free(
    place: Place, balances: Balances
) -> None:
    moves.assign(place.connection, M, ANNA, 30)
    moves.hold(place.connection, M, ANNA, "cart", 20, 1)
    balances.read_balance(M, ANNA)
    later = balances.read_balance(M, ANNA, lambda: time.time_ns() // 1000 + 60 * SECOND)
    assert (later.source, later.available, later.held) == ("model", 10, 20)


@pytest.mark.parametrize(
    "value",
    [
        b'{"sequence":1,"lots":"none"}',
        b'{"sequence":1,"held":0,"debt":0,"lots":[{"expires_at":null,"points":-5}],"holds":[]}',
        b'{"sequence":1,"held":0,"debt":0,"lots":[{"expires_at":null,"points":"9"}],"holds":[]}',
        b'{"sequence":1e300,"held":0,"debt":0,"lots":[],"holds":[]}',
    ],
)
def test_a_broken_value_is_mended(place: Place, balances: Balances, value: bytes) -> None:
    moves.assign(place.connection, M, ANNA, 30)
    place.client.set(key_of(MEMBER), value)
    assert balances.read_balance(M, ANNA).source == "database"
    assert (balances.read_balance(M, ANNA).source, place.is_kept()) == ("model", True)


def test_without_redis_the_database_answers_at_once(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(balances_module, "REST_SECONDS", 600.0)
    moves.assign(place.connection, M, ANNA, 30)
    # One takes what is sent and never answers, the other is nowhere. Neither is asked again at
    # once, so that what checkout waits for is one answer that does not come.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for url in (f"redis://127.0.0.1:{silent.getsockname()[1]}", "redis://127.0.0.1:1", None):
            asked = client.connect(url, seconds=client.CHECKOUT_SECONDS, name="t") if url else None
            balances = Balances(asked, place.connection)
            read = [balances.read_balance(M, ANNA) for _ in range(5)]
            assert {(each.source, each.available) for each in read} == {("database", 30)}
        silent.setblocking(False)
        assert len(_met(silent)) == 1


def _met(server: socket.socket) -> list[socket.socket]:
    """The connections that were made to it."""
    met = []
    with suppress(BlockingIOError):
        while True:
            met.append(server.accept()[0])
    for each in met:
        each.close()
    return met
