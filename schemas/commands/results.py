"""What a command is answered with, on the results topic (account.md 3)."""

from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field

from schemas.commands.codes import Code, RowCode
from schemas.events import Balance, Instant


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class ResultRow(_Part):
    """What became of one member of a `bulk_assign`; `sequence` is that of the entry, if any."""

    member_id: str
    outcome: Literal["applied", "refused"]
    code: RowCode
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
    code: Code
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


def to_json(answer: dict[str, Any]) -> bytes:
    """The value of the record; the keys are CommandResult's, in its order."""
    return orjson.dumps(answer)
