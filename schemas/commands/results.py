"""What a command is answered with, on the results topic (account.md 3)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal, Self

import orjson
from pydantic import BaseModel, ConfigDict, Field

from schemas.commands.bodies import (
    Body,
    BulkAssign,
    Capture,
    HoldForCash,
    HoldForGift,
    Release,
    ReturnRedeemed,
)
from schemas.commands.codes import Code, RowCode
from schemas.commands.reading import BULK, Command
from schemas.events import Balance, Instant, may_grow
from schemas.ids import Micros, iso, record_key


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class ResultRow(_Part):
    """What became of one member of a `bulk_assign`; `sequence` is that of the entry, if any."""

    member_id: str
    outcome: Literal["applied", "refused"]
    code: Annotated[RowCode, may_grow(RowCode)]
    sequence: int | None


class CommandResult(_Part):
    """The answer to one command.

    `entries` are the sequences of the ledger entries that it caused, `balance` what was there after
    it (of a refused one: then), null for `bulk_assign`. `repeated`: the command was answered
    before, and this is that answer again. `message` is null where nothing needs to be said. Fields
    behind `decided_at` are there where they apply.
    """

    command_id: str
    type: str | None
    merchant_id: str
    member_id: str | None
    outcome: Literal["applied", "refused"]
    repeated: bool
    code: Annotated[Code, may_grow(Code)]
    message: str | None
    entries: tuple[Annotated[int, Field(ge=1)], ...]
    balance: Balance | None
    decided_at: Instant
    hold_id: str | None = None
    expires_at: Instant | None = None
    order_id: str | None = None
    changed: tuple[Literal["settings", "balance", "gifts"], ...] | None = None
    job_id: str | None = None
    rows: tuple[ResultRow, ...] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What is kept of an answer for ever: its numbers and codes, not the command's content.

    `balance`: available, held and debt. `order_id` is there where it is not the command's own:
    that of the capture before. `rows` are code and sequence of a job's members in their order.
    """

    code: Code
    message: str | None
    decided_at: Micros
    entries: list[int] = field(default_factory=list)
    balance: tuple[int, int, int] | None = None
    expires_at: Micros | None = None
    order_id: str | None = None
    changed: tuple[str, ...] | None = None
    rows: list[tuple[str, int | None]] | None = None

    @property
    def is_applied(self) -> bool:
        """Whether the command had its effect."""
        return self.code in APPLIED

    def stored(self) -> bytes:
        """As JSON, without what there is nothing of."""
        values = {
            "code": self.code,
            "at": self.decided_at,
            "message": self.message,
            "entries": self.entries or None,
            "balance": self.balance,
            "expires": self.expires_at,
            "order_id": self.order_id,
            "changed": self.changed,
            "rows": self.rows,
        }
        return orjson.dumps({name: value for name, value in values.items() if value is not None})

    @classmethod
    def restored(cls, stored: Mapping[str, Any]) -> Self:
        """What `stored` kept."""
        balance, changed, rows = stored.get("balance"), stored.get("changed"), stored.get("rows")
        return cls(
            Code(stored["code"]),
            stored.get("message"),
            stored["at"],
            stored.get("entries", []),
            tuple(balance) if balance is not None else None,
            stored.get("expires"),
            stored.get("order_id"),
            tuple(changed) if changed is not None else None,
            [(code, sequence) for code, sequence in rows] if rows is not None else None,
        )


APPLIED: Final = frozenset({Code.ok, Code.partial})
_ON_HOLDS: Final = (HoldForCash, HoldForGift, Capture, Release)
_ON_ORDERS: Final = (Capture, ReturnRedeemed)
_BALANCE: Final = ("available", "held", "debt")


def result_of(command: Command, answer: Answer, *, repeated: bool) -> dict[str, Any]:
    """The answer to a command as the topic has it, in the order of CommandResult's fields."""
    balance, body = answer.balance, command.body
    result: dict[str, Any] = {
        "command_id": command.command_id,
        "type": command.type,
        "merchant_id": command.merchant_id,
        "member_id": command.member_id,
        "outcome": "applied" if answer.is_applied else "refused",
        "repeated": repeated,
        "code": answer.code,
        "message": answer.message,
        "entries": answer.entries,
        "balance": dict(zip(_BALANCE, balance, strict=True)) if balance is not None else None,
        "decided_at": iso(answer.decided_at),
    }
    own_order = body.order_id if isinstance(body, _ON_ORDERS) and answer.is_applied else None
    more = {
        "hold_id": body.hold_id if isinstance(body, _ON_HOLDS) else None,
        "expires_at": iso(answer.expires_at) if answer.expires_at is not None else None,
        "order_id": answer.order_id or own_order,
        "changed": answer.changed,
        "job_id": body.job_id if isinstance(body, BulkAssign) else None,
        "rows": _rows(body, answer),
    }
    return result | {name: value for name, value in more.items() if value is not None}


def _rows(body: Body | None, answer: Answer) -> list[dict[str, Any]] | None:
    if answer.rows is None or not isinstance(body, BulkAssign):
        return None
    return [
        {
            "member_id": member_id,
            "outcome": "refused" if code == RowCode.not_a_member else "applied",
            "code": code,
            "sequence": sequence,
        }
        for member_id, (code, sequence) in zip(body.members, answer.rows, strict=True)
    ]


def key_of(command: Command) -> bytes:
    """The key of a command's record and of its answer's: merchant and member, or the merchant."""
    if command.type == BULK or command.member_id is None:
        return record_key(command.merchant_id)
    return record_key(command.merchant_id, command.member_id)
