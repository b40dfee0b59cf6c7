"""What is nested too deeply for any reader is cut off, and the rest stays."""

import json

from hypothesis import given
from hypothesis import strategies as st

from schemas.commands.nesting import DEEPEST, shallow


def nested(levels: int, inside: str = "", opening: str = "[", closing: str = "]") -> bytes:
    return (opening * levels + inside + closing * levels).encode()


def test_what_readers_manage_stays_as_it_is() -> None:
    for value in (b"{}", nested(DEEPEST), nested(DEEPEST, "1", '{"a": ', "}")):
        assert shallow(value) == value


def test_what_is_deeper_is_cut_off_and_what_is_next_to_it_stays() -> None:
    value = b'{"a": %s, "b": "]]}", "c": %s, "d": 7}' % (nested(5000), nested(9000, "1"))
    read = json.loads(shallow(value))
    assert (read["b"], read["d"]) == ("]]}", 7)
    assert str(read["a"]).count("[") == str(read["c"]).count("[") == DEEPEST - 1


def test_values_that_differ_deep_inside_differ_afterwards() -> None:
    assert shallow(nested(500, "1")) != shallow(nested(500, "2"))


def test_brackets_in_texts_are_text() -> None:
    value = json.dumps(["[" * 500, '"[' * 500, "\\" * 500 + "["]).encode()
    assert shallow(value) == value


@given(st.binary() | st.text('[]{}"\\,:1a').map(str.encode))
def test_whatever_the_bytes_nothing_is_cut_that_readers_manage(value: bytes) -> None:
    assert shallow(value) == value
