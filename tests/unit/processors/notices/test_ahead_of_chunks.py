"""Notices in hand are worded in their order, a chunk's worth at a time, and none is forgotten."""

from collections.abc import Sequence
from typing import Any

import pytest

from processors.notices.sending.in_hand.ahead import Ahead
from processors.notices.sending.in_hand.hand import ended
from processors.notices.sending.in_hand.preparing import Prepared
from schemas.notices.words import State, Why
from store.notices.sending.queue import Taken
from tests.unit.processors.notices.test_hand import empty_hand, ready

NOTHING: Any = None


class Words:
    """Words notices, but of members in capital letters, who have no address."""

    def __init__(self) -> None:
        self.pieces: list[str] = []

    def prepare(self, taken: Sequence[Taken], *_: object) -> Prepared:
        self.pieces.append("".join(each.member_id for each in taken))
        prepared = Prepared()
        for each in taken:
            if each.member_id == "!":
                raise ValueError(each.member_id)
            if each.member_id.isupper():
                prepared.ended.append(ended(each, State.skipped, Why.no_address))
            else:
                prepared.ready.append(ready(each.member_id, "a"))
        return prepared


class Rows:
    """A hand, and what is worded ahead of it."""

    def __init__(self) -> None:
        self.hand, self.words = empty_hand(), Words()
        preparing: Any = self.words
        self.ahead = Ahead(self.hand, preparing)

    def take(self, letters: str, now: int = 0) -> None:
        taken = [ready(letter, "a").taken._replace(now=now) for letter in letters]
        self.ahead.add(taken, NOTHING, NOTHING)


@pytest.fixture
def rows() -> Rows:
    return Rows()


def test_the_next_ones_are_worded_beside_the_commit_of_a_chunk(rows: Rows) -> None:
    rows.take("abcde")
    rows.take("fg")
    rows.ahead.have(2)
    rows.ahead.word_beside(2)
    rows.ahead.have(4)
    assert rows.words.pieces == ["ab", "cd"]
    assert (rows.hand.free(), rows.ahead.count) == (4, 3)
    rows.ahead.have(7)
    assert rows.words.pieces == ["ab", "cd", "e", "fg"]
    assert [each.member_id for each in rows.hand.empty()] == [*"abcdefg"]
    assert rows.ahead.count == 0


def test_what_fails_beside_a_commit_is_raised_after_it(rows: Rows) -> None:
    rows.take("a!")
    rows.ahead.word_beside(2)
    with pytest.raises(ValueError, match="!"):
        rows.ahead.have(1)


def test_those_without_a_message_make_room_for_others(rows: Rows) -> None:
    rows.take("aBCDe")
    rows.ahead.have(2)
    assert (rows.hand.free(), len(rows.hand.done), rows.ahead.count) == (2, 3, 0)


def test_what_is_old_or_left_at_the_end_is_given_back(rows: Rows) -> None:
    rows.take("ab", now=1)
    rows.take("cde", now=5)
    rows.ahead.word_beside(1)
    assert [each.member_id for each in rows.ahead.older_than(5)] == ["b"]
    assert [each.member_id for each in rows.ahead.empty()] == ["c", "d", "e"]
    assert [each.member_id for each in rows.hand.empty()] == ["a"]
    assert rows.ahead.count == 0
