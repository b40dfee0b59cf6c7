"""The model is never ahead of the database and never goes back, whatever Redis loses meanwhile."""

import orjson

from schemas.ids import NEVER, iso
from store.valkey.keys import MemberKey, key_of
from tests.integration.store.valkey.conftest import MEMBER, Place
from tests.support.account import moves
from tests.support.parcels import ANNA, M

YEAR_2100 = 4_102_444_800_000_000


def test_a_value_has_free_points_by_expiry_and_what_is_held(place: Place) -> None:
    moves.assign(place.connection, M, ANNA, 70)
    moves.assign(place.connection, M, ANNA, 20, YEAR_2100)
    moves.assign(place.connection, M, ANNA, 10, YEAR_2100)
    moves.hold(place.connection, M, ANNA, "cart-1", 25, 600)
    place.put(place.state())
    hold = place.state().holds[0]
    assert orjson.loads(place.value() or b"") == {
        "sequence": 4,
        "held": 25,
        "debt": 0,
        "lots": [
            {"expires_at": "2100-01-01T00:00:00Z", "points": 5},
            {"expires_at": None, "points": 70},
        ],
        "holds": [{"hold_id": "cart-1", "points": 25, "expires_at": iso(hold.expires_at)}],
    }
    assert list(orjson.loads(place.value() or b"")) == ["sequence", "held", "debt", "lots", "holds"]
    assert place.is_kept()


def test_a_value_is_written_only_over_a_lower_sequence(place: Place) -> None:
    moves.assign(place.connection, M, ANNA, 10)
    old = place.state()
    moves.assign(place.connection, M, ANNA, 10)
    place.put(place.state())
    newest = place.value()
    place.put(old)
    assert place.value() == newest
    place.client.set(key_of(MEMBER), b'{"sequence":2,"something":"else"}')
    place.put(place.state())
    assert place.value() == b'{"sequence":2,"something":"else"}'
    place.put(place.state(), repair=True)
    assert place.value() == newest


def test_a_slow_writer_puts_nothing_old_where_a_flush_has_made_room(place: Place) -> None:
    moves.assign(place.connection, M, ANNA, 10)
    old = place.state()
    moves.assign(place.connection, M, ANNA, -10)
    place.put(place.state())
    place.client.flushall()
    place.put(old)
    assert place.value() is None, "whoever misses it asks the database"


def test_a_writer_that_dies_before_it_confirms_leaves_nothing_for_good(place: Place) -> None:
    moves.assign(place.connection, M, ANNA, 10)
    place.model.write([place.state()])
    assert place.value() is not None
    assert not place.is_kept()
    # What comes over it is not for good either, until the database was asked once more.
    moves.assign(place.connection, M, ANNA, 10)
    place.model.write([place.state()])
    assert not place.is_kept()
    place.put(place.state())
    assert place.is_kept()


def test_a_confirmation_is_for_the_value_that_was_seen(place: Place) -> None:
    """Between the two halves another one's flush and write may come."""
    moves.assign(place.connection, M, ANNA, 10)
    seen = place.model.write([place.state()])
    place.client.flushall()
    place.client.set(key_of(MEMBER), place.state().value(), px=60_000)
    place.model.confirm(seen, {MEMBER: 1})
    assert not place.is_kept()
    place.client.set(key_of(MEMBER), b'{"sequence":9,"held":0}')
    place.model.confirm(seen, {MEMBER: 1})
    assert place.value() == b'{"sequence":9,"held":0}'


def test_what_is_ahead_of_the_database_goes(place: Place) -> None:
    """A database that was restored from a backup."""
    moves.assign(place.connection, M, ANNA, 10)
    place.client.set(key_of(MEMBER), b'{"sequence":7,"held":0,"debt":0,"lots":[],"holds":[]}')
    place.put(place.state())
    assert place.value() is None
    nobody = MemberKey(M, "never heard of")
    place.client.set(key_of(nobody), b'{"sequence":0,"held":0,"debt":0,"lots":[],"holds":[]}')
    place.put(place.state(nobody))
    assert place.value(nobody) is None


def test_what_is_no_balance_is_written_over(place: Place) -> None:
    moves.assign(place.connection, M, ANNA, 10)
    for garbage in (b"", b"{}", b'{"sequence":"x"', b"\xff"):
        place.client.set(key_of(MEMBER), garbage)
        place.put(place.state())
        assert place.value() == place.state().value()
    place.client.delete(key_of(MEMBER))
    place.client.rpush(key_of(MEMBER), "a list")
    place.put(place.state())
    assert place.value() == place.state().value()
    nobody = MemberKey(M, "never heard of")
    place.client.set(key_of(nobody), b"garbage")
    place.put(place.state(nobody))
    assert place.value(nobody) is None


def test_many_members_of_several_merchants_at_once(place: Place) -> None:
    members = [MemberKey(M, f"m:{n}%{{}}") for n in range(50)]
    for member in members:
        moves.assign(place.connection, *member, 10 + members.index(member))
    states = [place.state(member) for member in members]
    place.put(*states)
    assert [place.value(member) for member in members] == [state.value() for state in states]
    assert all(place.is_kept(member) for member in members)
    assert {state.lots[0].expires_at for state in states} == {NEVER}


def test_scripts_that_the_server_forgot_are_sent_again(place: Place) -> None:
    moves.assign(place.connection, M, ANNA, 10)
    place.put(place.state())
    place.client.script_flush()
    moves.assign(place.connection, M, ANNA, 10)
    place.put(place.state())
    assert place.value() == place.state().value()
