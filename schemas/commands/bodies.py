"""The fields of each type of command (account.md 3). Unknown ones are refused."""

import re
from contextlib import suppress
from datetime import datetime
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
)

from schemas.events import Notify, Performer
from schemas.ids import Micros, micros

MOST_ASSIGNED: Final = 999_999
"""Points that one assignment gives or takes at most, a member."""
MOST_MOVED: Final = 1_000_000_000
"""Points of any other command at most."""
MOST_MEMBERS: Final = 1_000
"""Members of one `bulk_assign`."""
LONGEST_REASON: Final = 50

_CONTROL: Final = r"\x00-\x1f\x7f-\x9f"
NAME_PATTERN: Final = rf"^[^\s{_CONTROL}](?:[^{_CONTROL}]{{0,98}}[^\s{_CONTROL}])?$"
"""An id: 1 to 100 characters, no control character, no white space at an end."""
_INSTANT: Final = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII
)
_NO_TEXT: Final = re.compile(rf"[{_CONTROL}\ud800-\udfff]")
"""Control characters, and halves of pairs of escapes, which no UTF-8 has."""

_is_name: Final = re.compile(NAME_PATTERN.removeprefix("^").removesuffix("$")).fullmatch

Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
Purpose = Literal["cash", "gift"]


def instant_of(value: object) -> Micros:
    """An instant from text with an offset. Raises ValueError."""
    with suppress(ValueError):  # the 31st of February
        if isinstance(value, str) and _INSTANT.fullmatch(value):
            return micros(datetime.fromisoformat(value.upper()))
    raise ValueError("must be an instant with an offset, such as 2026-01-31T08:00:00Z")


def is_name(value: str) -> bool:
    """Whether it can be an id, of whatever kind."""
    return _is_name(value) is not None


def reason_of(value: str) -> str:
    """A reason without the white space around it. Raises ValueError."""
    trimmed = value.strip()
    if not 0 < len(trimmed) <= LONGEST_REASON or _NO_TEXT.search(trimmed):
        raise ValueError("must be 1 to 50 characters without control characters")
    return trimmed


def _text(value: str) -> str:
    if _NO_TEXT.search(value):
        raise ValueError("must be text without control characters")
    return value


def _not_zero(value: int) -> int:
    if value == 0:
        raise ValueError("must not be 0")
    return value


Instant = Annotated[
    Micros,
    BeforeValidator(instant_of),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
Reason = Annotated[
    str,
    AfterValidator(reason_of),
    WithJsonSchema({"type": "string", "minLength": 1, "description": "1-50 characters, trimmed"}),
]
_Moved = Annotated[int, Field(gt=0, le=MOST_MOVED)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


class By(Performer):
    """Who performs the command."""

    model_config = ConfigDict(extra="forbid")
    id: Name


class Ways(Notify):
    """By which ways the member is to be notified."""

    model_config = ConfigDict(extra="forbid", strict=True)
    email: bool = False
    sms: bool = False


_NO_WAYS: Final = Ways()


class _Command(_Strict):
    """What every command has. Names that begin with `x_` may be added, and mean nothing to us."""

    model_config = ConfigDict(json_schema_extra={"patternProperties": {"^x_": True}})
    defaults: ClassVar[dict[str, Any]] = {}
    """What an absent field means, as the fingerprint spells it out."""

    command_id: Name
    merchant_id: Name
    performer: By
    issued_at: Instant


class _OfMember(_Command):
    member_id: Name


class Assign(_OfMember):
    """Gives points to a member, in a lot of their own, or takes the soonest-expiring free ones."""

    defaults: ClassVar[dict[str, Any]] = {"notify": {"email": False, "sms": False}}
    type: Literal["assign"]
    points: Annotated[
        int,
        Field(ge=-MOST_ASSIGNED, le=MOST_ASSIGNED, json_schema_extra={"not": {"const": 0}}),
        AfterValidator(_not_zero),
    ]
    reason: Reason
    notify: Ways = _NO_WAYS


class AssignOfJob(Assign):
    """A row of a job's file, as the command line published it: its id is made of two ids."""

    command_id: str


class Gift(_Strict):
    """So many of one gift."""

    gift_id: Name
    quantity: Annotated[int, Field(ge=1, le=99)] = 1


class _Hold(_OfMember):
    defaults: ClassVar[dict[str, Any]] = {"ttl_seconds": 1_800, "channel": "ec"}
    type: Literal["hold"]
    hold_id: Name
    points: _Moved
    ttl_seconds: Annotated[int, Field(ge=1, le=86_400)] = 1_800
    channel: Literal["ec", "retail"] = "ec"


class HoldForCash(_Hold):
    """Reserves points that a shopper wants to redeem for cash; `quote` is a quote's token."""

    purpose: Literal["cash"]
    quote: Annotated[str, Field(min_length=1), AfterValidator(_text)] | None = None


class HoldForGift(_Hold):
    """Reserves the points that gifts of a campaign cost."""

    purpose: Literal["gift"]
    campaign_id: Name
    gifts: Annotated[list[Gift], Field(min_length=1, max_length=50)]


class Capture(_OfMember):
    """Redeems what is held for an order: all, or `points` of it; the rest is released."""

    type: Literal["capture"]
    hold_id: Name
    order_id: Name
    points: _Moved | None = None


class Release(_OfMember):
    """Frees what is held."""

    type: Literal["release"]
    hold_id: Name


class ReturnRedeemed(_OfMember):
    """Gives back what the member redeemed on an order: all that is left, or `points` of it."""

    type: Literal["return_redeemed"]
    order_id: Name
    points: _Moved | None = None
    reason: Reason


class BulkAssign(_Command):
    """Gives the same points to up to 1,000 members, to each once a job."""

    defaults: ClassVar[dict[str, Any]] = {"notify": {"email": False, "sms": False}}
    type: Literal["bulk_assign"]
    job_id: Name
    members: Annotated[
        list[Name],
        # What is wrong with each of half a million takes hundreds of megabytes to say.
        Field(min_length=1, fail_fast=True, json_schema_extra={"maxItems": MOST_MEMBERS}),
    ]
    points: Annotated[int, Field(gt=0, le=MOST_ASSIGNED)]
    reason: Reason
    notify: Ways = _NO_WAYS


Body = Assign | HoldForCash | HoldForGift | Capture | Release | ReturnRedeemed | BulkAssign
"""A command whose shape is right."""
