"""Which texts are numbers that an SMS can go to."""

import pytest

from rules.sms.numbers import e164, is_country


@pytest.mark.parametrize(
    ("text", "country", "number"),
    [
        ("0912345678", "TW", "+886912345678"),
        ("0912-345-678", "TW", "+886912345678"),
        ("+886 912 345 678", "TW", "+886912345678"),
        ("886912345678", "TW", "+886912345678"),
        ("０９１２３４５６７８", "TW", "+886912345678"),
        ("９１２３ ４５６７", "HK", "+85291234567"),
        ("(201) 555-0123", "US", "+12015550123"),  # no telling whether it is a mobile
        ("0912", "TW", None),
        ("02 2345 6789", "TW", None),  # a landline
        ("+852 9123 4567", "TW", None),  # another country
        ("+1 416 555 0123", "US", None),  # Canada, of the same code
        ("0912345678 ext 5", "TW", None),
        ("0912345678, 0922345678", "TW", None),
        ("tel:+886912345678", "TW", "+886912345678"),
        ("0912abcdef", "TW", None),  # the keys of these letters are a stranger's number
        ("0912-ABC-DEF", "TW", None),
        ("mom 0912345678", "TW", None),
        ("0912ａｂｃｄｅｆ", "TW", None),
        ("tel:0912345678;phone-context=+886", "TW", None),
        ("0912345678 #5", "TW", None),
        ("0800 000 123", "TW", None),
        ("", "TW", None),
        ("ann", "TW", None),
        ("9" * 1000, "TW", None),
        ("+886912345678", None, None),
        ("+886912345678", "XX", None),
    ],
)
def test_number_is_a_mobile_one_of_the_country(
    text: str, country: str | None, number: str | None
) -> None:
    assert e164(text, country) == number


def test_countries_are_those_of_the_tables() -> None:
    assert is_country("TW")
    assert not is_country("XX")
