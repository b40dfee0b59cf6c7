"""Phone numbers: whether an SMS can go to one, and its one international form."""

from typing import Final

from phonenumbers import (
    SUPPORTED_REGIONS,
    NumberParseException,
    PhoneNumber,
    PhoneNumberFormat,
    PhoneNumberType,
    format_number,
    is_valid_number_for_region,
    number_type,
    parse,
    region_code_for_number,
)

# In some countries a number does not tell whether it is a mobile one.
_MOBILE: Final = frozenset({PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE})
# Longer texts are no numbers, and need not be looked at.
_LONGEST: Final = 40
_SCHEME: Final = "tel:"


def is_country(code: str) -> bool:
    """Whether numbers of a country are known (ISO 3166, two capital letters)."""
    return code in SUPPORTED_REGIONS


def e164(text: str, country: str | None) -> str | None:
    """The number as +886912345678 if it is a mobile one of the country; else None.

    Written with or without the country's code, in digits of any script. Numbers of other countries
    are none: what an SMS costs, and who may send it, goes by country (docs/notices.md). Letters do
    not stand for the digits of their keys: whoever wrote them meant no number, and the one that
    they spell is somebody's.
    """
    text = text.strip().removeprefix(_SCHEME)
    if country is None or len(text) > _LONGEST or any(map(str.isalpha, text)):
        return None
    try:
        number = parse(text, country)
    except NumberParseException:
        return None
    if number.extension or not _is_of(number, country) or number_type(number) not in _MOBILE:
        return None
    return format_number(number, PhoneNumberFormat.E164)


def _is_of(number: PhoneNumber, country: str) -> bool:
    """Whether it is one of the country's, if it is a number at all: its type says that."""
    # Most countries share their code with none, and then nothing needs to be looked at twice.
    return region_code_for_number(number) == country or is_valid_number_for_region(number, country)
