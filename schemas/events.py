"""What is published: the points-changed events, and what decides them as a topic.

Consumers meet later additions (a new type, a new field), so the models ignore what they do not
know.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import IntEnum
from typing import Annotated, Any, Final, Literal, Self, TypeVar
from uuid import UUID

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
    model_validator,
)

from schemas.ids import iso, micros
from schemas.settings import SettingsDocument


class EntryType(IntEnum):
    """Types of ledger entries and of their events. Names are the contract's, numbers are stored."""

    granted = 1
    adjusted = 2
    clawed_back = 3
    expired = 4
    assigned = 5
    deducted = 6
    held = 7
    released = 8
    redeemed = 9
    returned = 10


class CauseKind(IntEnum):
    """What made an entry. Names are the contract's (`return_` is `return`), numbers are stored."""

    order = 1
    return_ = 2
    customer = 3
    application = 4
    command = 5
    expiry = 6
    hold_timeout = 7
    repair = 8


class PerformerKind(IntEnum):
    """Who may perform a command. Names are the contract's, numbers are stored."""

    staff = 1
    member = 2
    system = 3


_Listed = TypeVar("_Listed", bound=IntEnum)


def _by_word(members: type[_Listed]) -> dict[str, _Listed]:
    return {member.name.rstrip("_"): member for member in members}


# Read once: `name` of an enumeration's member is a call, and the ledger asks for every entry.
ENTRY_TYPE_WORDS: Final[Mapping[EntryType, str]] = {t: w for w, t in _by_word(EntryType).items()}
"""Each entry type as events spell it."""

CAUSE_KIND_WORDS: Final[Mapping[CauseKind, str]] = {k: w for w, k in _by_word(CauseKind).items()}
"""Each kind of cause as events spell it."""


def may_grow(words: Iterable[str]) -> WithJsonSchema:
    """The schema of a list of words that later versions may lengthen: an addition, not a break.

    It names the words of today, and lets a reader that validates take others.
    """
    known = {"enum": [str(word) for word in words], "type": "string"}
    return WithJsonSchema({"anyOf": [known, {"type": "string"}]})


# The types that change what is held; the first two change nothing else.
_ONLY_HELD: Final = frozenset({EntryType.held, EntryType.released})
CHANGES_HELD: Final = _ONLY_HELD | {EntryType.redeemed}
"""The types whose entries and events carry `held_points`."""


def _word(members: type[_Listed]) -> tuple[BeforeValidator, PlainSerializer, WithJsonSchema]:
    """How a listed kind is written in JSON: by its word, never by its number."""
    by_word = _by_word(members)
    words = {member: word for word, member in by_word.items()}

    def read(value: Any) -> Any:
        if isinstance(value, members):
            return value
        if isinstance(value, str) and value in by_word:
            return by_word[value]
        raise ValueError(f"must be one of {', '.join(by_word)}")

    def write(value: Any) -> str:
        return words[value]

    return (
        BeforeValidator(read),
        PlainSerializer(write, return_type=str),
        WithJsonSchema({"enum": list(by_word), "type": "string"}),
    )


EntryTypeWord = Annotated[EntryType, *_word(EntryType), may_grow(_by_word(EntryType))]
"""An entry type as JSON carries it: by its word."""


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


ALWAYS_WHOLE: Final = ConfigDict(json_schema_serialization_defaults_required=True)
"""Of a message that is sent with all its fields, those with a default included."""


class Balance(_Message):
    """The posted balance of an account: points to spend and a debt exclude each other (I8)."""

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

    kind: Annotated[CauseKind, *_word(CauseKind), may_grow(_by_word(CauseKind))]
    id: Id


class Performer(_Message):
    """The person or system whose command it was."""

    kind: Annotated[PerformerKind, *_word(PerformerKind)]
    id: Id


class Notify(_Message):
    """By which ways the sender of an assignment or deduction wants the member to be notified."""

    email: bool
    sms: bool


class PointsChanged(_Message):
    """One ledger entry of a member's account (I4: exactly one event per entry).

    `points` is the change of available + held - debt, so that their sum is that figure at every
    `sequence`. `held_points` is the change of held, in the types that have one; `hold_id` names the
    hold, where there is one; `notify` comes with assignments and deductions. Instants are UTC.
    """

    event_id: UUID
    type: EntryTypeWord
    merchant_id: Id
    member_id: Id
    sequence: Annotated[int, Field(ge=1)]
    points: int
    balance: Balance
    lots: tuple[LotChange, ...]
    order_id: Id | None
    cause: Cause
    settings_version: Annotated[int, Field(ge=1)] | None
    reason: str | None
    performer: Performer | None
    occurred_at: Instant
    recorded_at: Instant
    held_points: int | None = None
    hold_id: Id | None = None
    notify: Notify | None = None

    @model_validator(mode="after")
    def _held_points_where_held_changes(self) -> Self:
        if (self.held_points is not None) != (self.type in CHANGES_HELD):
            raise ValueError(
                "held_points must be there in held, released and redeemed, and nowhere else"
            )
        if self.type in _ONLY_HELD and self.points:
            raise ValueError(
                "held and released leave available + held - debt as it is: points must be 0"
            )
        return self

    def to_json(self) -> bytes:
        """The value of the record. Fields that the entry does not have are left out."""
        absent = {field for field in _OPTIONAL if getattr(self, field) is None}
        return self.model_dump_json(exclude=absent).encode()


_OPTIONAL: Final = tuple(
    name for name, field in PointsChanged.model_fields.items() if not field.is_required()
)


class SettingsChanged(_Message):
    """One version of a merchant's settings, on the settings topic.

    The topic is compacted, and the version is in the key, so that none is forgotten.
    """

    model_config = ALWAYS_WHOLE

    type: Literal["settings_changed"] = "settings_changed"
    merchant_id: Id
    version: Annotated[int, Field(ge=1)]
    effective_at: Instant
    recorded_at: Instant
    performer: str | None
    digest: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    settings: SettingsDocument

    def to_json(self) -> bytes:
        """The value of the record, where `effective_at` is no part of the settings."""
        return self.model_dump_json(exclude={"settings": {"effective_at"}}).encode()


class CarrierCodeChanged(_Message):
    """What a carrier's code means from now on, on the settings topic: one change of an operator.

    `word` and `effect` as in rules.md 6; null where the code was reset, so that the shipped table
    applies again. `version` counts the changes of all codes.
    """

    model_config = ALWAYS_WHOLE

    type: Literal["carrier_code_changed"] = "carrier_code_changed"
    version: Annotated[int, Field(ge=1)]
    carrier: Id
    service: Id
    code: Id
    word: str | None
    effect: Literal["returning", "return"] | None
    note: str
    performer: str
    recorded_at: Instant

    def to_json(self) -> bytes:
        """The value of the record."""
        return self.model_dump_json().encode()


class CursorAdopted(_Message):
    """A pipeline goes on at `start` of a partition, moved by hand, on the settings topic.

    `former_next_offset` is where it was before, in this log or in that of the former topic. `why`
    also tells a single record that was skipped.
    """

    model_config = ALWAYS_WHOLE

    type: Literal["cursor_adopted"] = "cursor_adopted"
    pipeline: Id
    topic: Id
    topic_uuid: Id
    cluster: Id
    partition: Annotated[int, Field(ge=0)]
    start: Annotated[int, Field(ge=0)]
    former_topic_uuid: str | None
    former_next_offset: int | None
    why: str
    recorded_at: Instant

    def to_json(self) -> bytes:
        """The value of the record."""
        return self.model_dump_json().encode()
