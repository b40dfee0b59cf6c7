"""Tracking numbers: as they are compared, and several in one field (rules.md 6)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.order.numbers import LONGEST_NUMBER, LONGEST_TEXT, normalised, numbers_in


@pytest.mark.parametrize(
    "written",
    [
        "D40617352918",
        "d40617352918",
        " D4061 7352 918\n",
        "D4061-7352-918",
        "D4061\u20117352\u2013918",
        "D4061\u22127352\uff0d918",
        "\uff24\uff14\uff10\uff16\uff11\uff17\uff13\uff15\uff12\uff19\uff11\uff18",
        "D40617\u3000352\u00a0918",
        "\ufeffD40617\u200b352918\u00ad",
    ],
)
def test_a_tracking_number_is_the_same_however_it_is_written(written: str) -> None:
    assert normalised(written) == b"D40617352918"


@pytest.mark.parametrize(
    "number", ["", " ", "-", "- \u2013 \u3000", "9" * (LONGEST_NUMBER + 1), "\u53f7" * 22]
)
def test_nothing_and_what_is_too_long_are_no_tracking_number(number: str) -> None:
    assert normalised(number) == b""


@pytest.mark.parametrize("more", ["a", "\u0315\u0300", "1 ", " www.", " http://"])
def test_a_text_longer_than_any_address_names_no_number(more: str) -> None:
    """Nobody looks into it: some ways of looking take hours for a megabyte."""
    address = "https://example.com/track/" + "x" * 1_900 + "/9012345678"
    assert numbers_in(address) == b"9012345678"
    assert numbers_in(f"9012345678 {more * LONGEST_TEXT} ://") is None
    assert normalised(f"{more * LONGEST_TEXT}://9012345678") == b""


def test_what_else_stands_in_a_tracking_number_is_kept() -> None:
    assert normalised("ab/1_2.3#4") == b"AB/1_2.3#4"
    assert normalised("9" * LONGEST_NUMBER) == b"9" * LONGEST_NUMBER
    assert normalised("9 " * LONGEST_NUMBER) == b"9" * LONGEST_NUMBER


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=80))
def test_a_normalised_number_is_short_and_stays_what_it_is(number: str) -> None:
    once = normalised(number)
    assert len(once) <= LONGEST_NUMBER
    assert normalised(once.decode()) == once


@given(
    st.text(alphabet="0123456789abcXYZ", min_size=1, max_size=30),
    st.sampled_from(" -\t\u2010\u2212\u3000"),
)
def test_blanks_and_hyphens_anywhere_change_no_number(number: str, blank: str) -> None:
    assert (
        normalised(blank + blank.join(number) + blank)
        == normalised(number)
        == number.upper().encode()
    )


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("GN1/GN2", b"GN1/GN2 GN1 GN2"),
        ("gn-1, gn-2 ;", b"GN1,GN2 GN1 GN2"),
        ("GN1 GN2", b"GN1GN2 GN1 GN2"),
        ("GN1\n\tGN1", b"GN1GN1 GN1"),
        ("\uff27\uff2e1\uff0f\uff27\uff2e2", b"GN1/GN2 GN1 GN2"),
        ("GN3;", b"GN3"),
        ("#GN3.", b"GN3"),
        ("(GN3)", b"GN3"),
        ("9012345678 (2\u7bb1)", "9012345678(2\u7bb1 9012345678".encode()),
        ("GN3, 11/5 x2", b"GN3,11/5X2 GN3"),
        ("1/2", b"1/2 1 2"),
        ("\u9ed1\u8c93 9012345678", "\u9ed1\u8c939012345678 9012345678".encode()),
        ("https://t.example/track?no=gn3", b"GN3"),
        ("https://t.example/track/GN-3/", b"GN3"),
        ("https://t.example/track?no=GN3&lang=zh", b"GN3"),
        ("www.t.example/GN3", b"GN3"),
        ("https://t.example/GN1 https://t.example/GN2", b"GN1GN2 GN1 GN2"),
        (";", None),
        (" / ", None),
        ("9" * 40 + "/" + "8" * 40, b" " + b"9" * 40 + b" " + b"8" * 40),
        ("/".join(["9" * 40 + str(n) for n in range(9)]), None),
    ],
)
def test_a_field_names_its_whole_and_each_number_in_it(text: str, field: bytes | None) -> None:
    assert numbers_in(text) == field
