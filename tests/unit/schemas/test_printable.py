"""Text from outside acts on no terminal and forges no line."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.printable import is_printable, printable, printable_json, printable_lines


def acts(text: str) -> bool:
    """Whether a terminal would obey some of it, by Unicode's own classes."""
    direction = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    return any(
        unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"}
        or unicodedata.bidirectional(c) in direction
        for c in text
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;owned\x07\x1b[2Jevil", r"\x1b]0;owned\x07\x1b[2Jevil"),
        ("evil\n✓ all is well", r"evil\n✓ all is well"),
        ("\r\x9b2J\x7f", r"\r\x9b2J\x7f"),
        ("a\u202egnp.exe", r"a\u202egnp.exe"),
        ("\u2066x\u2069", r"\u2066x\u2069"),
        ("caf\udce9", r"caf\xe9"),
        ("王小明 · café", "王小明 · café"),
    ],
)
def test_what_a_terminal_would_obey_becomes_visible(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert is_printable(text) == (text == shown)


@given(st.text())
def test_nothing_that_acts_is_left(text: str) -> None:
    assert not acts(printable(text))
    assert not acts(printable_lines(text).replace("\n", "").replace("\t", ""))
    assert printable(printable(text)) == printable(text)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_json_keeps_its_value(text: str) -> None:
    written = printable_json(json.dumps({"id": text}, ensure_ascii=False))
    assert json.loads(written) == {"id": text}
    assert not acts(written)
