"""The table of delivery options: at which status an option's parcel is final (rules.md 2.2)."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final, Literal, cast, get_args

import yaml

FinalRule = Literal["arrived", "collected", "by_delivery_type"]

_KEYS: Final = {"line", "final", "codes", "ours"}


@dataclass(frozen=True, slots=True)
class DeliveryOption:
    """One option.

    `line` names it for people; `ours` marks a code of ours, for want of one of the platform's.
    """

    code: str
    final: FinalRule
    line: str
    ours: bool


class OptionsTableError(ValueError):
    """A row of the table of delivery options is missing, ambiguous or unreadable."""


@cache
def delivery_options() -> Mapping[str, DeliveryOption]:
    """The table, by code."""
    return read_options(files("schemas").joinpath("delivery_options.yaml").read_text("utf-8"))


def read_options(text: str) -> dict[str, DeliveryOption]:
    """The options in a table's text.

    Refuses a row without final status, line or codes, and a code with two rows.
    """
    rows = yaml.safe_load(text)
    if not isinstance(rows, list):
        raise OptionsTableError("the table of delivery options is not a list of rows")
    options: dict[str, DeliveryOption] = {}
    for number, row in enumerate(rows, start=1):
        for option in _options_of_row(row, number):
            if option.code in options:
                raise OptionsTableError(f"row {number}: {option.code} has a row already; keep one")
            options[option.code] = option
    return options


def _options_of_row(row: object, number: int) -> list[DeliveryOption]:
    if not isinstance(row, dict) or set(row) - _KEYS:
        raise OptionsTableError(f"row {number}: may have only {', '.join(sorted(_KEYS))}")
    line, final, codes, ours = (
        row.get("line"),
        row.get("final"),
        row.get("codes"),
        row.get("ours", False),
    )
    if final not in get_args(FinalRule):
        raise OptionsTableError(
            f"row {number}: final must be one of {', '.join(get_args(FinalRule))}"
        )
    if not isinstance(line, str) or not line:
        raise OptionsTableError(f"row {number}: has no line; name the option for people")
    if (
        not isinstance(codes, list)
        or not codes
        or not all(isinstance(code, str) and code for code in codes)
    ):
        raise OptionsTableError(
            f"row {number}: has no codes, or one that is not text; put it in quotes"
        )
    return [DeliveryOption(code, cast(FinalRule, final), line, bool(ours)) for code in codes]
