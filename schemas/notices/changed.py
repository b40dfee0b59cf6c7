"""What became of a notice, on the topic points.notices.v1: one record a change of its end."""

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from schemas.events import ALWAYS_WHOLE, Id, Instant, may_grow
from schemas.notices.words import Channel, Kind, State, Why


class NoticeChanged(BaseModel):
    """A notice that ended, or whose end changed.

    At least once: the same notice, state and attempt may come again. `parts` are those of an SMS
    that was sent. No address, name or text.
    """

    model_config = ConfigDict(
        frozen=True, extra="ignore", hide_input_in_errors=True, **ALWAYS_WHOLE
    )

    notice_id: UUID
    event_id: UUID
    merchant_id: Id
    member_id: Id
    kind: Annotated[str, may_grow(Kind)]
    channel: Annotated[str, may_grow(Channel)]
    state: Annotated[str, may_grow(State)]
    reason: Annotated[str, may_grow(Why)] | None
    parts: Annotated[int, Field(ge=1)] | None
    attempt: Annotated[int, Field(ge=0)]
    at: Instant

    def to_json(self) -> bytes:
        """The value of the record."""
        return self.model_dump_json().encode()
