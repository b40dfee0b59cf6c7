"""How many SMS a text is."""

from random import Random

import pytest
import smsutil
from hypothesis import given
from hypothesis import strategies as st

from rules.sms.parts import WILD, Encoding, parts, parts_at_most

_GSM = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = "\f^{}\\[~]|€"
_ALPHABETS = (
    _GSM,
    _GSM + _EXTENDED * 5,
    _EXTENDED + "a",
    "燈籠茶點數您已獲得 1",
    "a點😀🎁\u0301ç`",
)


@pytest.mark.parametrize(
    ("text", "encoding", "units", "count"),
    [
        ("", Encoding.gsm7, 0, 1),
        ("a" * 160, Encoding.gsm7, 160, 1),
        ("a" * 161, Encoding.gsm7, 161, 2),
        ("a" * 306, Encoding.gsm7, 306, 2),
        ("a" * 307, Encoding.gsm7, 307, 3),
        ("a" * 152 + "€" + "a" * 153, Encoding.gsm7, 307, 3),
        ("€" * 80, Encoding.gsm7, 160, 1),
        ("€" * 81, Encoding.gsm7, 162, 2),
        ("點" * 70, Encoding.ucs2, 70, 1),
        ("點" * 71, Encoding.ucs2, 71, 2),
        ("點" * 134, Encoding.ucs2, 134, 2),
        ("點" * 135, Encoding.ucs2, 135, 3),
        ("點" * 66 + "😀" + "點" * 66, Encoding.ucs2, 134, 3),
        ("😀" * 35, Encoding.ucs2, 70, 1),
        ("😀" * 36, Encoding.ucs2, 72, 2),
        ("ç", Encoding.ucs2, 1, 1),
        ("`", Encoding.ucs2, 1, 1),
        ("Ç", Encoding.gsm7, 1, 1),
        ("\x1b", Encoding.ucs2, 1, 1),  # announces a letter of the extension, and is none itself
        ("\uffff", Encoding.ucs2, 1, 1),
        ("\U00010000", Encoding.ucs2, 2, 1),
    ],
)
def test_text_takes_what_the_network_counts(
    text: str, encoding: Encoding, units: int, count: int
) -> None:
    assert parts(text) == (encoding, units, count)


def test_every_letter_is_counted_as_smsutil_counts_it() -> None:
    for code in range(0x3000):
        letter = chr(code)
        if letter != "\x1b":  # announces a letter of the extension, and is none itself
            theirs = smsutil.split(letter)
            ours = parts(letter)
            assert (ours.encoding is Encoding.gsm7) == (theirs.encoding == "gsm0338"), letter


def test_random_texts_take_as_many_parts_as_smsutil_says() -> None:
    dice = Random(338)
    for _ in range(3000):
        alphabet = dice.choice(_ALPHABETS)
        text = "".join(dice.choices(alphabet, k=dice.randint(1, 500)))
        theirs = smsutil.split(text)
        bytes_a_unit = 1 if theirs.encoding == "gsm0338" else 2
        assert (parts(text).units, parts(text).parts) == (
            theirs.total_bytes // bytes_a_unit,
            len(theirs.parts),
        ), text


@given(
    st.text("ab點😀", max_size=150),
    st.text("abé點😀€", max_size=100),
    st.text("ab點😀", max_size=150),
    st.text("b點😀€", max_size=60),
)
def test_no_value_takes_more_parts_than_the_worst(
    before: str, value: str, after: str, second: str
) -> None:
    wild = [WILD * (len(text.encode("utf-16-le")) // 2) for text in (value, second)]
    worst = parts_at_most(before + wild[0] + after + wild[1])
    assert parts(before + value + after + second).parts <= worst.parts


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (WILD + "x" * 133, 2),  # no pair is made of what stands beside a value
        ("x" * 67 + "x" * 66 + WILD * 2 + "x" * 66, 4),  # at the end of any part, not of the first
        ("x" * 66 + "😀" + "x" * 65 + WILD, 3),
        ("\uffff" * 69 + WILD, 1),
        ("\uffff" * 70 + WILD, 2),
    ],
)
def test_the_worst_is_no_worse_than_can_be(text: str, count: int) -> None:
    assert parts_at_most(text).parts == count


def test_worst_value_lets_a_pair_meet_the_end_of_a_part() -> None:
    assert parts_at_most("x" * 66 + WILD * 68).parts == 3
    assert parts("x" * 66 + "😀" * 34).parts == 3
    assert parts_at_most(WILD * 70).parts == 1
    assert parts_at_most("x" * 66 + WILD * 2 + "x" * 66).parts == 3
    assert parts("x" * 66 + "😀" + "點" * 66).parts == 3
    assert parts_at_most("a" * 160).parts == 1
