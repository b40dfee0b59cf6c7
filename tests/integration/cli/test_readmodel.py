"""`points readmodel`: what the model says beside the database, and writing it whole."""

from collections.abc import Iterator, Mapping

import pytest
import redis

from schemas.errors import Exit
from store.postgres.session import Database, connect, raw
from store.reads.snapshot import merchant_number
from store.valkey.client import WORKER_SECONDS
from store.valkey.client import connect as connect_redis
from store.valkey.keys import MemberKey, key_of
from store.valkey.rebuilding import PAGE, Rebuilding
from tests.support.account import moves
from tests.support.commands import points
from tests.support.in_process import InProcessEngine
from tests.support.parcels import ANNA, BEN, OTHER, M

BALANCE = b'{"sequence":%d,"held":0,"debt":0,"lots":[],"holds":[]}'


@pytest.fixture
def environment(in_process: InProcessEngine, valkey: str) -> Mapping[str, str]:
    return {**in_process.environment, "POINTS_REDIS__URL": valkey}


@pytest.fixture
def connection(in_process: InProcessEngine) -> Iterator[Database]:
    with connect(in_process.database_url) as opened:
        yield opened


@pytest.fixture
def client(valkey: str) -> Iterator[redis.Redis]:
    opened = redis.Redis.from_url(valkey)
    yield opened
    opened.close()


def test_both_are_shown_beside_each_other(
    environment: Mapping[str, str], connection: Database, client: redis.Redis
) -> None:
    moves.assign(connection, M, ANNA, 50)
    shown = points(environment, "readmodel", "show", M, ANNA, "--json").json
    assert shown == {
        "key": f"points:v1:{{{M}:{ANNA}}}",
        "model": None,
        "database": {
            "sequence": 1,
            "held": 0,
            "debt": 0,
            "lots": [{"expires_at": None, "points": 50}],
            "holds": [],
        },
        "agree": True,
    }
    client.set(key_of(MemberKey(M, ANNA)), BALANCE % 0)
    shown = points(environment, "readmodel", "show", M, ANNA, "--json").json
    assert (shown["model"]["sequence"], shown["agree"]) == (0, False)
    assert "they differ" in points(environment, "readmodel", "show", M, ANNA).out
    nobody = points(environment, "readmodel", "show", M, "nobody", "--json").json
    assert (nobody["model"], nobody["database"], nobody["agree"]) == (None, None, True)
    assert points(environment, "readmodel", "show", "no-shop", ANNA).code == Exit.NOT_FOUND


def test_a_rebuild_writes_every_balance_and_mends_what_is_wrong(
    environment: Mapping[str, str], connection: Database, client: redis.Redis
) -> None:
    for member in (ANNA, BEN, "a:b{c}%"):
        moves.assign(connection, M, member, 50)
    moves.assign(connection, OTHER, ANNA, 7)
    wrong = {ANNA: 1, BEN: 9, "not in the database": 3}
    for member, sequence in wrong.items():
        client.set(key_of(MemberKey(M, member)), BALANCE % sequence)
    answer = points(environment, "readmodel", "rebuild", "--json").json
    assert answer == {"accounts": 4, "compared_keys": 3}
    everyone = [(M, ANNA), (M, BEN), (M, "a:b{c}%"), (OTHER, ANNA)]
    for who in everyone:
        shown = points(environment, "readmodel", "show", *who, "--json").json
        assert shown["model"] == shown["database"] != None, who  # noqa: E711 - and there is one
    assert client.get(key_of(MemberKey(M, "not in the database"))) is None
    assert {client.pttl(key_of(MemberKey(*who))) for who in everyone} == {-1}


def test_a_rebuild_of_one_merchant_leaves_the_others_alone(
    environment: Mapping[str, str], connection: Database, client: redis.Redis
) -> None:
    moves.assign(connection, M, ANNA, 50)
    moves.assign(connection, OTHER, ANNA, 7)
    ran = points(environment, "readmodel", "rebuild", M)
    assert (ran.code, ran.out) == (0, "compared 0 keys, wrote 1 balances\n")
    assert client.get(key_of(MemberKey(OTHER, ANNA))) is None
    assert points(environment, "readmodel", "rebuild", "no-shop").code == Exit.NOT_FOUND


def test_an_interrupted_rebuild_goes_on_where_it_was(
    environment: Mapping[str, str],
    connection: Database,
    valkey: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("store.valkey.rebuilding.PAGE", 2)
    for number in range(5):
        moves.assign(connection, M, f"m-{number}", 10)
    cursor = raw(connection)
    redis_client = connect_redis(valkey, seconds=WORKER_SECONDS, name="test")
    run = Rebuilding(redis_client, merchant_number(cursor, M)).run(cursor)
    assert next(run) == (2, 5)
    assert PAGE > 2
    resumed = points(environment, "readmodel", "rebuild", M, "--resume", "--json").json
    assert resumed == {"accounts": 3, "compared_keys": 0}
    again = points(environment, "readmodel", "rebuild", M, "--resume")
    assert "no rebuild was interrupted" in again.err
    assert again.out == "compared 0 keys, wrote 5 balances\n"
    redis_client.close()


def test_without_a_redis_the_command_says_what_to_set(in_process: InProcessEngine) -> None:
    ran = points(in_process.environment, "readmodel", "rebuild")
    assert (ran.code, "set POINTS_REDIS__URL" in ran.err) == (Exit.USAGE, True)
    down = {**in_process.environment, "POINTS_REDIS__URL": "redis://:hush@127.0.0.1:1"}
    ran = points(down, "readmodel", "show", M, ANNA)
    assert (ran.code, "Redis does not answer" in ran.err) == (Exit.UNREACHABLE, True)
    assert "hush" not in ran.err
