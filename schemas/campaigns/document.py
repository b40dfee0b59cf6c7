"""A gift campaign as a person writes it (account.md 6): names, terms, window and gifts.

Times may be local, of the merchant's zone, or have an offset; `rules/account/campaigns.py` makes
instants of them. The languages that the merchant has come as the validation's context.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from schemas.problems import ProblemError
from schemas.settings.fields import Language, Section, tuple_of_list

MOST_GIFTS: Final = 200
MOST_POINTS: Final = 999_999
"""The price of a gift; as much as one assignment gives at most."""
LONGEST_ID: Final = 100
LONGEST_NAME: Final = 100
LONGEST_TERMS: Final = 10_000

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_CONTROL_BUT_LINES: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_TIME: Final = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]([01]\d|2[0-3]):\d\d(:\d\d(\.\d{1,6})?)?([Zz]|[+-]\d\d(:?\d\d)?)?",
    re.ASCII,
)


class CampaignState(StrEnum):
    """What a campaign is at an instant."""

    scheduled = "scheduled"
    live = "live"
    ended = "ended"
    removed = "removed"


def _one_line(text: str) -> str:
    if _CONTROL.search(text):
        raise ProblemError("has control characters or line feeds", "write one line of text")
    if text != text.strip():
        raise ProblemError("has white space at an end", "remove it")
    return text


def _lines(text: str) -> str:
    if _CONTROL_BUT_LINES.search(text):
        raise ProblemError("has control characters", "remove them; line feeds and tabs may stay")
    if not text.strip():
        raise ProblemError("is empty", "write it, or leave the language out")
    return text


def time_of(value: object) -> object:
    """A date and time from text, with an offset or without one. Raises ProblemError."""
    if isinstance(value, datetime):
        return value
    try:
        if isinstance(value, str) and _TIME.fullmatch(value):
            return datetime.fromisoformat(value.upper())
    except ValueError:
        pass
    raise ProblemError(
        "is not a time",
        "write it with date and time, such as 2026-06-01T00:00, and Z or an offset if not local",
    )


Id = Annotated[str, Field(min_length=1, max_length=LONGEST_ID), AfterValidator(_one_line)]
Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME), AfterValidator(_one_line)]
Terms = Annotated[str, Field(min_length=1, max_length=LONGEST_TERMS), AfterValidator(_lines)]
LocalTime = Annotated[
    datetime,
    BeforeValidator(time_of),
    WithJsonSchema(
        {
            "type": "string",
            "description": "Date and time, local in the merchant's zone or with an offset.",
            "examples": ["2026-06-01T00:00", "2026-06-01T00:00:00+08:00"],
        }
    ),
]


class GiftDocument(Section):
    """A gift and its price. Without `created_at` it is as old as its first save."""

    gift_id: Id
    product_id: Id
    points: Annotated[int, Field(ge=1, le=MOST_POINTS)]
    created_at: LocalTime | None = None


class CampaignDocument(Section):
    """A campaign: texts by language, its window (the end exclusive, null for never), its gifts."""

    campaign_id: Id
    names: dict[Language, Name]
    starts_at: LocalTime
    ends_at: LocalTime | None = None
    terms: dict[Language, Terms] = {}  # noqa: RUF012 - pydantic copies it
    gifts: Annotated[tuple[GiftDocument, ...], BeforeValidator(tuple_of_list)] = ()

    @field_validator("names", "terms")
    @classmethod
    def _in_the_merchants_languages(
        cls, texts: dict[str, str], info: ValidationInfo
    ) -> dict[str, str]:
        languages: Sequence[str] | None = (info.context or {}).get("languages")
        for language in texts:
            if languages is not None and language not in languages:
                raise ProblemError(
                    "is in none of the merchant's languages",
                    f"the settings have {', '.join(languages)}",
                    language,
                )
        return texts

    @field_validator("names")
    @classmethod
    def _named_in_the_first_language(
        cls, names: dict[str, str], info: ValidationInfo
    ) -> dict[str, str]:
        languages: Sequence[str] | None = (info.context or {}).get("languages")
        if languages and languages[0] not in names:
            wrong = "is missing: the first language needs a name"
            raise ProblemError(wrong, "add it", languages[0])
        return names

    @field_validator("gifts")
    @classmethod
    def _each_gift_once(cls, gifts: tuple[GiftDocument, ...]) -> tuple[GiftDocument, ...]:
        if len(gifts) > MOST_GIFTS:
            raise ProblemError(f"has more than {MOST_GIFTS} gifts", "take some out")
        seen: set[str] = set()
        for index, gift in enumerate(gifts):
            if gift.gift_id in seen:
                raise ProblemError("is there twice", "keep it once", index, "gift_id")
            seen.add(gift.gift_id)
        return gifts


def sections() -> Sequence[type[BaseModel]]:
    """All models of the document."""
    return (CampaignDocument, GiftDocument)
