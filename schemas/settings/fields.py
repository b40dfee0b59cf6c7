"""What the sections of a settings document are made of: numbers, texts, times, lists.

A section refuses unknown keys and wrong types; numbers stay the decimals that were written.
"""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Final, Literal, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationInfo,
    WithJsonSchema,
)

from schemas.money import MoneyError, minor_units
from schemas.problems import ProblemError

_Item = TypeVar("_Item")
Channel = Literal["ec", "retail"]
FinalStatus = Literal["arrived", "collected"]

# No order earns more (rules.md 1.9), so neither does one unit of a rule.
MAX_POINTS: Final = 1_000_000_000
# An amount of the settings is far below this in any currency, and stays exact in every reader of
# JSON numbers (15 digits).
MAX_MAJOR: Final = 10**12


class Section(BaseModel):
    """A part of the document."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


def decimal_of_number(value: object, info: ValidationInfo) -> object:
    """A JSON number as it was written.

    A float has been rounded already and is refused, but for the JSON of our own topics, which has
    no more digits than a float keeps.
    """
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return Decimal(value)
    if isinstance(value, float) and info.mode == "json":
        return Decimal(repr(value))
    raise ProblemError(
        "is not a number",
        "write it as a JSON number in major units, such as 10 or 0.5, without quotes",
    )


def as_number(value: Decimal) -> int | float:
    """The same number for JSON, without loss.

    MAX_MAJOR and three digits of a fraction stay within the 15 digits of a float.
    """
    return int(value) if value == value.to_integral_value() else float(value)


def tuple_of_list(value: object) -> object:
    """A list as a frozen model keeps it."""
    return tuple(value) if isinstance(value, list) else value


def without_repeats(values: tuple[_Item, ...]) -> tuple[_Item, ...]:
    """The values, each of which may be there once. Raises ProblemError."""
    seen: set[_Item] = set()
    for index, value in enumerate(values):
        if value in seen:
            raise ProblemError("is there twice", "keep it once", index)
        seen.add(value)
    return values


def at_least_one(values: tuple[_Item, ...]) -> tuple[_Item, ...]:
    """The values, of which there must be some. Raises ProblemError."""
    # Not min_length: pydantic would also call a list empty whose items were all refused.
    if not values:
        raise ProblemError("is empty", "give at least one")
    return values


def _without_nul(text: str) -> str:
    """The text; the database can hold none with this character. Raises ProblemError."""
    if "\x00" in text:
        raise ProblemError("has NUL, which the database cannot hold", "remove it")
    return text


def instant_of_text(value: object) -> object:
    """The time that a text says, with whatever offset it has. Raises ProblemError."""
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not re.match(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d", value):
        raise ProblemError(
            "is not a time", "write it with date, time and offset, such as 2024-01-01T00:00:00Z"
        )
    try:
        return datetime.fromisoformat(value.upper())
    except ValueError:
        raise ProblemError(
            "is not a time", "write it with date, time and offset, such as 2024-01-01T00:00:00Z"
        ) from None


def in_utc(moment: datetime) -> datetime:
    """The same instant in UTC. Raises ProblemError."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ProblemError("lies outside the calendar", "use a year between 1 and 9999") from None


# Plans and modules are the platform's words and more may come; unknown ones entitle to nothing.
Word = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
Text = Annotated[
    str,
    Field(min_length=1, max_length=100, pattern=r"^\S(.*\S)?$"),
    AfterValidator(_without_nul),
]
Language = Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]
Instant = Annotated[AwareDatetime, BeforeValidator(instant_of_text), AfterValidator(in_utc)]
Price = Annotated[
    Decimal,
    Field(gt=0, le=MAX_MAJOR),
    BeforeValidator(decimal_of_number),
    PlainSerializer(as_number, return_type=int | float, when_used="json"),
    WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "maximum": MAX_MAJOR}),
]
Minimum = Annotated[
    Decimal,
    Field(ge=0, le=MAX_MAJOR),
    BeforeValidator(decimal_of_number),
    PlainSerializer(as_number, return_type=int | float, when_used="json"),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": MAX_MAJOR}),
]
Channels = Annotated[
    tuple[Channel, ...],
    BeforeValidator(tuple_of_list),
    AfterValidator(at_least_one),
    AfterValidator(without_repeats),
]


def check_digits(amount: Decimal, currency: str, *path: str | int) -> None:
    """Refuse an amount (major units) with more digits than its currency has.

    `path` leads to it. Raises ProblemError.
    """
    try:
        minor_units(amount, currency)
    except MoneyError as error:
        wrong, _, remedy = str(error).partition("; ")
        raise ProblemError(wrong, remedy, *path) from None
