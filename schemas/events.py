"""What we tell others: the points-changed events, and the settings in force as a topic.

Consumers meet later additions (a new type, a new field), so the models ignore what they do not
know.
"""

from datetime import datetime
from typing import Annotated, Literal, Self, get_args
from uuid import UUID

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
    model_validator,
)

from schemas.ids import iso, micros
from schemas.settings import SettingsDocument

PointsChangeType = Literal[
    "granted",
    "adjusted",
    "clawed_back",
    "expired",
    "assigned",
    "deducted",
    "held",
    "released",
    "redeemed",
    "returned",
]
CauseKind = Literal[
    "order", "return", "customer", "application", "command", "expiry", "hold_timeout", "repair"
]

POINTS_CHANGE_TYPES: tuple[PointsChangeType, ...] = get_args(PointsChangeType)
CAUSE_KINDS: tuple[CauseKind, ...] = get_args(CauseKind)

# The types that change what is held; the first two change nothing else.
_ONLY_HELD = frozenset({"held", "released"})
_CHANGES_HELD = _ONLY_HELD | {"redeemed"}


def _text(moment: datetime) -> str:
    return iso(micros(moment))


Instant = Annotated[
    AwareDatetime,
    PlainSerializer(_text, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
Id = Annotated[str, Field(min_length=1)]


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class Balance(_Message):
    """The posted balance of an account.

    Nobody has points to spend and a debt at the same time (I8).
    """

    available: Annotated[int, Field(ge=0)]
    held: Annotated[int, Field(ge=0)]
    debt: Annotated[int, Field(ge=0)]

    @model_validator(mode="after")
    def _no_points_beside_debt(self) -> Self:
        if self.available and self.debt:
            raise ValueError("available and debt are both above 0; points pay debt first")
        return self


class LotChange(_Message):
    """What an entry changed in one lot: `points` carry the entry's sign.

    `expires_at` is exclusive, null for never.
    """

    lot_id: Id
    points: int
    expires_at: Instant | None


class Cause(_Message):
    """What made the points change, and its id."""

    kind: CauseKind
    id: Id


class Performer(_Message):
    """Who did it, where somebody did."""

    kind: Literal["staff", "member", "system"]
    id: Id


class PointsChanged(_Message):
    """One ledger entry of a member's account, told to others (I4: exactly one event per entry).

    `points` is the change of available + held - debt, so that their sum is that figure at every
    `sequence`; `held_points` is the change of held, in the types that have one. Instants are UTC.
    """

    event_id: UUID
    type: PointsChangeType
    merchant_id: Id
    member_id: Id
    sequence: Annotated[int, Field(ge=1)]
    points: int
    held_points: int | None = None
    balance: Balance
    lots: tuple[LotChange, ...]
    order_id: Id | None
    cause: Cause
    settings_version: Annotated[int, Field(ge=1)] | None
    reason: str | None
    performer: Performer | None
    occurred_at: Instant
    recorded_at: Instant

    @model_validator(mode="after")
    def _held_points_where_held_changes(self) -> Self:
        if (self.held_points is not None) != (self.type in _CHANGES_HELD):
            raise ValueError(
                "held_points must be there in held, released and redeemed, and nowhere else"
            )
        if self.type in _ONLY_HELD and self.points:
            raise ValueError(
                "held and released leave available + held - debt as it is: points must be 0"
            )
        return self

    def to_json(self) -> bytes:
        """The value of the record. Without `held_points` where the type has none."""
        exclude = {"held_points"} if self.held_points is None else None
        return self.model_dump_json(exclude=exclude).encode()


class SettingsChanged(_Message):
    """One version of a merchant's settings: the value of the compacted settings topic, keyed by the merchant."""

    merchant_id: Id
    version: Annotated[int, Field(ge=1)]
    effective_at: Instant
    recorded_at: Instant
    performer: str | None
    digest: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    settings: SettingsDocument

    def to_json(self) -> bytes:
        """The value of the record; when it is in force stands beside the settings, not in them."""
        return self.model_dump_json(exclude={"settings": {"effective_at"}}).encode()
