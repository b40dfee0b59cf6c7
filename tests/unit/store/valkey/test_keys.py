"""A key names one member, whatever characters the ids have."""

from hypothesis import given
from hypothesis import strategies as st

from store.valkey.keys import MemberKey, key_of, member_of

IDS = st.text(st.characters(codec="utf-8") | st.sampled_from(":%{}3A25*?[]\\"), min_size=1)
MEMBERS = st.builds(MemberKey, IDS.filter(lambda merchant: "\x00" not in merchant), IDS)


def test_ordinary_ids_stand_in_the_key_as_they_are() -> None:
    member = MemberKey("5f1d0a3c0000000000000001", "ann@shop.example")
    assert key_of(member) == b"points:v1:{5f1d0a3c0000000000000001:ann@shop.example}"


def test_a_colon_moved_from_one_id_to_the_other_makes_another_key() -> None:
    keys = {key_of(MemberKey("a:b", "c")), key_of(MemberKey("a", "b:c"))}
    assert keys == {b"points:v1:{a%3Ab:c}", b"points:v1:{a:b%3Ac}"}


@given(MEMBERS, MEMBERS)
def test_no_two_members_share_a_key(first: MemberKey, second: MemberKey) -> None:
    assert (key_of(first) == key_of(second)) == (first == second)


@given(MEMBERS)
def test_a_key_says_whose_it_is(member: MemberKey) -> None:
    assert member_of(key_of(member)) == member


def test_a_key_that_we_never_write_is_nobodys() -> None:
    strangers = (b"points:v1:server", b"points:v1:{no-colon}", b"points:v1:{a:b", b"\xff", b"x:y")
    assert [member_of(key) for key in strangers] == [None] * len(strangers)
    assert member_of(b"points:v1:{a:b:c}") is None
    assert member_of(b"points:v1:{a\x00:b}") is None
