"""What every upstream model shares (rules.md 7).

Unknown fields are ignored, values are kept out of error texts.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, Required, TypeVar

from pydantic import (
    AliasChoices,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    StrictInt,
    StringConstraints,
)
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from schemas.whole_numbers import NoBoolean

INT64 = 2**63


class Upstream(BaseModel):
    """What has a form of its own around what is read.

    Only declared fields survive, here and in resources, so personal data is dropped at the door.
    """

    model_config = ConfigDict(
        extra="ignore",
        hide_input_in_errors=True,
        frozen=True,
        protected_namespaces=(),
        # Keys come again in every record, values seldom: remembering those does not pay.
        cache_strings="keys",
    )


# No NUL: PostgreSQL's text cannot hold it, and no platform means it.
Text = Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")]
LONGEST_ID = 100
Id = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=LONGEST_ID, pattern=r"^[^\x00]*$"
    ),
]
IdOrBlank = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=LONGEST_ID, pattern=r"^[^\x00]*$")
]
"""An id that some senders leave blank where there is none."""
RecordId = Annotated[Id, Field(validation_alias=AliasChoices("id", "_id"))]
"""Upstream names it `id` or `_id`."""
Number = Annotated[StrictInt, Field(ge=-INT64, lt=INT64)]
"""A JSON integer, where a text of digits is expected: some senders write codes and tracking numbers
so.
"""
Cents = Annotated[int, Field(ge=-INT64, lt=INT64), NoBoolean()]
"""An amount in the currency's minor unit, whatever the fraction of the currency."""
Instant = Annotated[
    AwareDatetime,
    Field(strict=True, ge=datetime(1, 1, 2, tzinfo=UTC), le=datetime(9999, 12, 30, tzinfo=UTC)),
]
"""A time with an offset (`Z`, `+00:00`, `+08:00`); without one it says nothing and is refused, as
is a bare number.

A day's room at both ends of the calendar, so that its UTC, which we show, lies in a year from 1 to
9999.
"""
Moment = Annotated[AwareDatetime, Field(strict=True, le=datetime(9999, 12, 30, tzinfo=UTC))]
"""As Instant, of a field that senders fill with year 1 when it is not given (D14)."""

_Shape = TypeVar("_Shape")


def _nothing(_: object) -> None:
    """What a side matter of another shape says."""


_Misshapen = Annotated[None, PlainValidator(_nothing)]
IfShaped = Annotated[_Shape | SkipJsonSchema[_Misshapen] | None, Field(union_mode="left_to_right")]
"""A side matter: what has another shape is read as null, and poisons nothing."""
NOT_EMPTY = "not_empty"
"""The type of what is wrong with another shape as an empty object: that is no problem to tell."""


def _empty(value: object) -> object:
    if value == {}:
        return value
    raise PydanticCustomError(NOT_EMPTY, "must be empty")


_Empty = Annotated[_Shape, PlainValidator(_empty)]
OrEmpty = Annotated[_Shape | SkipJsonSchema[_Empty[_Shape]], Field(union_mode="left_to_right")]
"""What some senders leave empty where there is none: an object without keys says nothing."""
ShapedOrNot = Annotated[_Shape | SkipJsonSchema[Any] | None, Field(union_mode="left_to_right")]
"""As IfShaped; what has another shape is kept as it is, since something can be made of it."""


_Item = TypeVar("_Item")
ListOf = Annotated[list[_Item], Field(fail_fast=True)]
"""A list that is refused at its first wrong item: what is wrong with each of half a million takes
hundreds of megabytes to say.
"""


class Money(TypedDict, total=False):
    """An amount: `cents` counts minor units, also where the currency has no fraction."""

    cents: Required[Cents]
    currency_iso: Text | None
