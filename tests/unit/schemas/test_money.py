"""Amounts in minor units, without guessing."""

from decimal import Decimal

import pytest

from schemas.money import FRACTION_DIGITS, MoneyError, fraction_digits, minor_units


@pytest.mark.parametrize(
    ("codes", "digits"),
    [
        ("TWD JPY KRW VND", 0),
        ("HKD CNY USD SGD EUR AUD GBP PHP MYR THB AED MMK BND IDR CAD", 2),
        ("KWD", 3),
    ],
)
def test_the_platforms_currencies_have_their_digits(codes: str, digits: int) -> None:
    assert {fraction_digits(code) for code in codes.split()} == {digits}


def test_each_code_is_an_iso_code_with_few_digits() -> None:
    assert all(
        len(code) == 3 and code.isupper() and digits in {0, 2, 3}
        for code, digits in FRACTION_DIGITS.items()
    )


@pytest.mark.parametrize(
    ("amount", "currency", "units"),
    [
        ("10", "TWD", 10),
        ("10.0", "TWD", 10),
        ("1E+2", "TWD", 100),
        ("0.5", "HKD", 50),
        ("10.10", "USD", 1010),
    ],
)
def test_major_units_become_minor_units(amount: str, currency: str, units: int) -> None:
    assert minor_units(Decimal(amount), currency) == units


@pytest.mark.parametrize(
    ("amount", "currency", "wrong"),
    [
        ("10.5", "TWD", "more digits after the point than TWD has"),
        ("0.005", "HKD", "more digits"),
        ("NaN", "HKD", "not a number"),
        ("1", "twd", "not a known currency"),
        ("1", "XYZ", "not a known currency"),
    ],
)
def test_what_would_need_a_guess_is_refused(amount: str, currency: str, wrong: str) -> None:
    with pytest.raises(MoneyError, match=wrong):
        minor_units(Decimal(amount), currency)
