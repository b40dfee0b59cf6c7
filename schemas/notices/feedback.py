"""What providers and members say back, on the topic notices.feedback.v1.

Whoever receives a provider's call or a click writes it there. A record names a notice, or a
merchant and member, never an address; what else it has is refused, so that none slips in.
"""

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from schemas.events import Id, Instant

FeedbackType = Literal["receipt", "bounce", "complaint", "stop", "unsubscribe"]
"""receipt: what became of a message. bounce: the address does not exist (hard) or refused for now.
complaint: marked as spam. stop: the member answered STOP. unsubscribe: the member followed a link.
"""


class NoticeFeedback(BaseModel):
    """One thing that was said back.

    `notice_id` is our id, which rides in every message; `provider` and `provider_id` as the
    provider gave them. Of a receipt `status` says delivered or failed, `parts` how many were
    charged. `hard` of a bounce: the address is none. `token` of an unsubscription is the link's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    type: FeedbackType
    notice_id: UUID | None = None
    merchant_id: Id | None = None
    member_id: Id | None = None
    channel: Literal["email", "sms"] | None = None
    provider: Annotated[str, Field(max_length=40)] | None = None
    provider_id: Annotated[str, Field(max_length=100)] | None = None
    status: Literal["delivered", "failed"] | None = None
    code: Annotated[str, Field(max_length=40)] | None = None
    parts: Annotated[int, Field(ge=1, le=1000)] | None = None
    hard: bool = False
    token: Annotated[str, Field(max_length=1000)] | None = None
    occurred_at: Instant

    @model_validator(mode="after")
    def _names_somebody(self) -> Self:
        if self.type == "unsubscribe":
            if self.token is None:
                raise ValueError("an unsubscription needs the token of its link")
        elif self.notice_id is None and (self.merchant_id is None or self.member_id is None):
            raise ValueError("it must name a notice_id, or merchant_id and member_id")
        if self.type == "receipt" and (self.notice_id is None or self.status is None):
            raise ValueError("a receipt needs notice_id and status")
        return self
