"""What senders share in Valkey."""

import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from rules.notices.rates import holds
from schemas.ids import MINUTE, SECOND
from store.valkey import client
from store.valkey.client import Client
from store.valkey.errors import ReadModelUnavailable
from store.valkey.notices import Breakers, Bucket, Fence, Rates
from tests.support.engine import PATIENCE


@pytest.fixture
def shared(valkey: str) -> Iterator[Client]:
    opened = client.connect(valkey, seconds=PATIENCE, name="test")
    yield opened
    opened.close()


def test_two_processes_share_a_rate(shared: Client, valkey: str) -> None:
    bucket = Bucket("mitake", "LANTERN", 50, holds(50))
    other = Rates(client.connect(valkey, seconds=PATIENCE, name="other"))
    takers, sent, waited, began = [Rates(shared), other], 0, 0.0, time.monotonic()
    while (elapsed := time.monotonic() - began) < 2:
        waits = []
        for rates in takers:
            count, wait = rates.take({bucket: 8})[bucket]
            sent += count
            waits.append(wait)
        waited += min(waits) / SECOND
        time.sleep(min(waits) / SECOND)
    # Whoever waits as long as he is told leaves nothing; a busy machine lets him sleep longer.
    assert 0.95 * 50 * waited <= sent <= 50 * elapsed + holds(50)


def test_a_rate_of_one_sender_is_not_anothers(shared: Client) -> None:
    rates = Rates(shared)
    slow, other = (Bucket("mitake", sender, 1 / 60, 1) for sender in "AB")  # one a minute
    assert rates.take({slow: 1})[slow].messages == 1
    got = rates.take({slow: 1, other: 1})
    assert (got[slow].messages, got[other].messages) == (0, 1)
    assert 0 < got[slow].wait_us <= MINUTE


def test_what_is_given_back_is_there_again_and_never_more_than_a_bucket_holds(
    shared: Client,
) -> None:
    rates, slow = Rates(shared), Bucket("mitake", "SLOW", 1 / 60, 5)  # one a minute
    assert rates.take({slow: 5})[slow].messages == 5
    rates.give_back({slow: 3})
    assert rates.take({slow: 5})[slow].messages == 3
    rates.give_back({slow: 100})
    assert rates.take({slow: 100})[slow].messages == 5


def test_an_attempt_after_a_later_one_is_not_let_through(shared: Client) -> None:
    fence, first, second = Fence(shared), uuid4(), uuid4()
    assert fence.passed([(first, 1), (second, 1)]) == [True, True]
    assert fence.passed([(first, 2)]) == [True]
    assert fence.passed([(first, 1), (second, 1)]) == [False, True]
    kept: Any = shared.pttl(b"points:notices:v1:notice:" + first.hex.encode())
    assert kept / 1000 > 47 * 3600


def test_scripts_outlive_a_server_that_forgot_them(shared: Client) -> None:
    fence, notice = Fence(shared), uuid4()
    fence.passed([(notice, 1)])
    shared.script_flush()
    shared.flushall()
    assert fence.passed([(notice, 1)]) == [True]


def test_a_breaker_is_seen_by_all_until_it_closes(shared: Client) -> None:
    breakers = Breakers(shared)
    assert breakers.read("mitake") is None
    breakers.write("mitake", 2000 * SECOND, "credentials", 1000 * SECOND)
    assert breakers.read("mitake") == (2000 * SECOND, "credentials")
    breakers.write("mitake", 0, None, 1000 * SECOND)
    assert breakers.read("mitake") is None


def test_a_server_that_is_away_is_told_as_such() -> None:
    away = client.connect("redis://127.0.0.1:1/0", seconds=0.2, name="test")
    with pytest.raises(ReadModelUnavailable):
        Fence(away).passed([(uuid4(), 1)])
    with pytest.raises(ReadModelUnavailable):
        Rates(away).take({Bucket("mitake", "A", 1, 1): 1})
