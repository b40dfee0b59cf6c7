"""What all answers have in common: frozen, built from plain values, instants as ISO text."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, WithJsonSchema

from schemas.ids import Micros, iso, iso_or_none, micros


class AnswerModel(BaseModel):
    """An answer or a part of one.

    `model_validate(row)` takes any object with attributes of these names. Fields that a reader does
    not know are ignored, since later versions add some.
    """

    model_config = ConfigDict(
        frozen=True, extra="ignore", from_attributes=True, hide_input_in_errors=True
    )

    @classmethod
    def of_row(cls, row: Sequence[Any], **more: Any) -> Self:
        """The answer of a table's row: its values in the order of the fields, then `more`."""
        return cls(**dict(zip(cls.model_fields, row, strict=False)), **more)


def is_missing(value: object) -> bool:
    """Whether a field is left out: one that is there only where it applies."""
    return value is None


def _micros_of(value: object) -> object:
    """Text becomes an instant, so that a client can read what we print with the same models."""
    return micros(datetime.fromisoformat(value)) if isinstance(value, str) else value


_DATE_TIME = {"type": "string", "format": "date-time"}

Instant = Annotated[
    Micros,
    BeforeValidator(_micros_of),
    PlainSerializer(iso, return_type=str, when_used="json"),
    WithJsonSchema(_DATE_TIME),
]
"""Microseconds inside, ISO 8601 in UTC in JSON."""

Expiry = Annotated[
    Micros,
    BeforeValidator(_micros_of),
    PlainSerializer(iso_or_none, return_type=str | None, when_used="json"),
    WithJsonSchema({"anyOf": [_DATE_TIME, {"type": "null"}]}),
]
"""The exclusive instant at which points expire; NEVER is null in JSON."""
