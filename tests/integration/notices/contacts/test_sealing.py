"""Texts under a key of each member's own: who opens what, rotation, and races for a key."""

import threading

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from rules.signed_tokens import KeysError
from store.notices.members import sealing
from store.notices.members.members import Member
from store.notices.members.sealing import (
    NoMemberKey,
    Sealer,
    SealingKeyMissing,
    key_encryption_keys,
    rewrap,
    wrapped_under,
)
from store.postgres.session import transaction
from tests.support.engine import wait_for
from tests.support.notices.lane import Lane, a_key

ANN, BEN = (1, "ann"), (1, "ben")
TEXT = "ann@tea.example"


def keys(lane: Lane, *members: Member, create: bool = True) -> Sealer:
    with transaction(lane.connection) as cursor:
        return lane.sealer().with_keys(cursor, members, create=create)


def test_a_text_comes_back_whole_and_twice_it_is_sealed_otherwise(lane: Lane) -> None:
    sealer = keys(lane, ANN)
    for text in ("", TEXT, "小明 👩‍💻", "x" * 1000):
        once, twice = (sealer.seal(*ANN, "name", text) for _ in range(2))
        assert once != twice
        assert text.encode() not in once or not text
        assert keys(lane, ANN, create=False).open(*ANN, "name", once) == text


def test_a_text_opens_nowhere_but_where_it_was_sealed(lane: Lane) -> None:
    sealer = keys(lane, ANN, BEN, (2, "ann"))
    sealed = sealer.seal(*ANN, "email", TEXT)
    assert sealer.open(*ANN, "email", sealed) == TEXT
    assert sealer.open(*ANN, "name", sealed) is None
    assert sealer.open(*BEN, "email", sealed) is None
    assert sealer.open(2, "ann", "email", sealed) is None
    assert sealer.open(*ANN, "email", None) is None


def test_the_context_is_bound_and_not_only_the_key() -> None:
    """Another field, and another member under the same key, do not open it."""
    secret = bytes(range(32))
    sealer = Sealer(key_encryption_keys(a_key("first")), {ANN: secret, BEN: secret})
    sealed = sealer.seal(*ANN, "email", TEXT)
    assert sealer.open(*BEN, "email", sealed) is None
    assert sealer.open(*ANN, "phone", sealed) is None


def test_a_length_tells_nothing_of_a_language(lane: Lane) -> None:
    sealer = keys(lane, ANN)
    assert len({len(sealer.seal(*ANN, "language", text)) for text in ("en", "zh-hant")}) == 1


def test_a_member_without_a_key_opens_nothing_and_nothing_is_sealed(lane: Lane) -> None:
    sealed = keys(lane, ANN).seal(*ANN, "email", TEXT)
    sealer = keys(lane, BEN, create=False)
    assert sealer.open(*ANN, "email", sealed) is None
    assert not sealer.has_key(*ANN)
    with pytest.raises(NoMemberKey):
        sealer.seal(*ANN, "email", TEXT)
    assert lane.rows("SELECT member_id FROM notices_keys.member_key") == [("ann",)]


def test_a_key_is_made_once(lane: Lane) -> None:
    first, second = keys(lane, ANN), keys(lane, ANN, BEN)
    assert first.created == {ANN}
    assert second.created == {BEN}
    assert second.open(*ANN, "email", first.seal(*ANN, "email", TEXT)) == TEXT


def test_the_hmac_tells_whether_an_address_is_the_same_and_is_each_members_own(
    lane: Lane,
) -> None:
    sealer = keys(lane, ANN, BEN)
    known = sealer.hmac(*ANN, TEXT)
    assert len(known) == 32
    assert keys(lane, ANN, create=False).hmac(*ANN, TEXT) == known
    assert sealer.hmac(*ANN, "ann@tea.examples") != known
    assert sealer.hmac(*BEN, TEXT) != known


def test_two_who_make_a_members_key_at_once_have_the_same_one(lane: Lane) -> None:
    other = lane.connect()
    found: list[Sealer] = []

    def make() -> None:
        with transaction(other) as cursor:
            found.append(lane.sealer().with_keys(cursor, [ANN, BEN], create=True))

    waits = """SELECT count(*) FROM pg_stat_activity
               WHERE wait_event_type = 'Lock' AND datname = current_database()"""
    with transaction(lane.connection) as cursor:
        mine = lane.sealer().with_keys(cursor, [BEN], create=True)
        thread = threading.Thread(target=make)
        thread.start()
        wait_for("the other one to wait", lambda: lane.rows(waits)[0][0])
    thread.join()
    other.close()
    assert found[0].created == {ANN}
    assert found[0].open(*BEN, "email", mine.seal(*BEN, "email", TEXT)) == TEXT


def test_a_rotation_wraps_every_key_anew_and_opens_what_was_sealed_before(lane: Lane) -> None:
    members = [(1, f"member {n}") for n in range(25)]
    sealed = {m: keys(lane, *members).seal(*m, "email", TEXT) for m in members}
    old = lane.key_file.read_text()
    lane.key_file.write_text(f"# the new one\n{a_key('second')}\n\n{old}")
    after: Member | None = (0, "")
    done = []
    while after is not None:
        with transaction(lane.connection) as cursor:
            count, after = rewrap(cursor, lane.sealer(), 10, after)
        done.append(count)
    assert done == [10, 10, 5, 0]
    with transaction(lane.connection) as cursor:
        assert wrapped_under(cursor) == {"second": 25}
        assert rewrap(cursor, lane.sealer(), 100)[0] == 0
    lane.key_file.write_text(lane.key_file.read_text().removesuffix(old))
    sealer = keys(lane, *members, create=False)
    assert {sealer.open(*m, "email", sealed[m]) for m in members} == {TEXT}


@pytest.mark.parametrize("new_id", ["second", "first"])
def test_a_key_that_is_not_in_the_file_is_named_and_nothing_else(lane: Lane, new_id: str) -> None:
    keys(lane, ANN)
    lane.key_file.write_text(a_key(new_id))
    with pytest.raises(SealingKeyMissing, match="the key first,") as refused:
        keys(lane, ANN, create=False)
    assert "ann" not in str(refused.value)


def test_what_was_sealed_under_a_destroyed_key_stays_noise(lane: Lane) -> None:
    sealed = keys(lane, ANN).seal(*ANN, "email", TEXT)
    with transaction(lane.connection) as cursor:
        assert sealing.destroy(cursor, [ANN, BEN]) == 1
        assert sealing.destroy(cursor, []) == 0
    assert keys(lane, ANN).open(*ANN, "email", sealed) is None


ONE, OTHER = (f"a:{letter * 42}A" for letter in "AE")


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "there is no key in it"),
        ("# nothing\n", "there is no key in it"),
        ("AAAA", "key 1 has no kid"),
        ("a:AAAA", "key 1 is too short"),
        ("a:" + "A" * 86, "key 1 is not of 32 bytes"),
        (f"{ONE}\n{OTHER}", "two keys have one kid"),
        (f"{ONE}\nb:!", "key 2 is not base64url"),
    ],
)
def test_a_key_file_that_cannot_be_used_says_why_without_its_content(text: str, wrong: str) -> None:
    with pytest.raises(KeysError, match=wrong) as refused:
        key_encryption_keys(text)
    assert not any(part in str(refused.value) for part in text.split(":") if len(part) > 8)


def test_nothing_shows_a_key(lane: Lane) -> None:
    sealer = keys(lane, ANN)
    (wrapped,) = lane.rows("SELECT wrapped FROM notices_keys.member_key")[0]
    first = key_encryption_keys(lane.key_file.read_text())[0]
    secret = AESGCM(first.secret).decrypt(wrapped[1:13], wrapped[13:], b"1|3|ann|first")
    assert sealer.seal(*ANN, "name", "Ann")
    assert repr(sealer) == "Sealer(of 1 members)"
    assert repr(first) == "NamedKey(key_id='first')"
    assert secret not in wrapped
