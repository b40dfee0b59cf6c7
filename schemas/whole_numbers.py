"""Numbers: whole ones in digits of any length, and as JSON has them, where `true` is none."""

import re
from hashlib import sha256
from math import isfinite
from typing import Any, Final

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

_LONGEST: Final = 18
"""Digits that are read: more than any limit has, and no more than 64 bits hold."""
_WHOLE: Final = re.compile(r"[-+]?[0-9]+", re.ASCII)


def read_whole(digits: str) -> int:
    """The number; for one with more than 18 digits another of 18. Raises ValueError for no number.

    Two that are longer have two numbers that stand for them, by their digits: a command with one is
    not the same as a command with the other.
    """
    sign = digits[:1] if digits[:1] in {"-", "+"} else ""
    size = digits[len(sign) :].lstrip("0")
    return int(sign + (size if len(size) <= _LONGEST else _stand_in(size)).rjust(1, "0"))


def read_fraction(text: str) -> float:
    """The number; for one that is too large, another fraction that stands for its text."""
    number = float(text)
    return number if isfinite(number) else int.from_bytes(sha256(text.encode()).digest()[:6]) + 0.5


def _stand_in(digits: str) -> str:
    int(digits[:_LONGEST])
    digest = int.from_bytes(sha256(digits.encode()).digest())
    return "9" + str(digest)[: _LONGEST - 1]


def as_typed(text: str) -> int | str:
    """What a person typed for a number; the text where it is none, to be refused as such."""
    return read_whole(text) if _WHOLE.fullmatch(text) else text


def _no_boolean(value: object) -> object:
    if isinstance(value, bool):
        raise PydanticCustomError("int_type", "Input should be a whole number")
    return value


class NoBoolean:
    """Of an integer's type: a boolean is refused, which Python and pydantic take for a number.

    A JSON integer is read without a call of Python, for these are the fields of the hot path; only
    what else pydantic makes a number of (`10.0`, `"10"`) is looked at.
    """

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """The integer's own schema, strictly; else the same, if it is no boolean."""
        lax: Any = handler(source)
        others = core_schema.no_info_before_validator_function(_no_boolean, lax)
        return core_schema.custom_error_schema(
            core_schema.union_schema([{**lax, "strict": True}, others], mode="left_to_right"),
            custom_error_type="whole_number",
            custom_error_message="Input should be a whole number within its limits",
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """The integer's."""
        whole: Any = schema
        return handler(whole["schema"]["choices"][0])
