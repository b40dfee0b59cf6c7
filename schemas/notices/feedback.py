"""What providers and members say back, on the topic notices.feedback.v1.

Whoever receives a provider's call or a click writes it there. A record names a notice, or a
merchant and member, never an address; what else it has is refused, so that none slips in.
"""

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from schemas.events import Instant
from schemas.upstream.base import Id
from schemas.upstream.envelope import Unreadable
from schemas.whole_numbers import NoBoolean

FeedbackType = Literal["receipt", "bounce", "complaint", "stop", "unsubscribe"]
"""receipt: what became of a message. bounce: the address does not exist (hard) or refused for now.
complaint: marked as spam. stop: the member answered STOP. unsubscribe: the member followed a link.
"""


_WITHOUT_NUL = r"^[^\x00]*$"
Short = Annotated[str, Field(max_length=40, pattern=_WITHOUT_NUL)]
Word = Annotated[str, Field(max_length=100, pattern=_WITHOUT_NUL)]
Token = Annotated[str, Field(max_length=4096, pattern=_WITHOUT_NUL)]
"""As long as any that is signed here: two ids of 100 letters can be 2,000 characters of it."""


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
    provider: Short | None = None
    provider_id: Word | None = None
    status: Literal["delivered", "failed"] | None = None
    code: Short | None = None
    parts: Annotated[int, Field(ge=1, le=1000), NoBoolean()] | None = None
    hard: bool = False
    token: Token | None = None
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


class _Head(BaseModel):
    """As much of a bad record as tells whose it is."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    merchant_id: Id | None = None


def read_feedback(value: bytes) -> NoticeFeedback:
    """One record. Raises Unreadable, with nothing of it but the names of fields that we know."""
    try:
        return NoticeFeedback.model_validate_json(value)
    except ValidationError as error:
        raise _unreadable(value, error) from None


def _unreadable(value: bytes, error: ValidationError) -> Unreadable:
    problems = error.errors(include_url=False, include_input=False, include_context=False)
    if problems[0]["type"] == "json_invalid":
        return Unreadable("not_json", "The value is not JSON: send a JSON object in UTF-8.")
    try:
        merchant_id = _Head.model_validate_json(value).merchant_id
    except ValidationError:
        merchant_id = None
    shown = "; ".join(
        _shown(problem["type"], problem["loc"], problem["msg"]) for problem in problems[:5]
    )
    missing = all(problem["type"] == "missing" for problem in problems)
    return Unreadable("missing_field" if missing else "wrong_type", shown, merchant_id)


def _shown(kind: str, loc: tuple[int | str, ...], message: str) -> str:
    if kind == "extra_forbidden":
        # Its name is text from outside as well.
        return "a field that feedback does not have"
    return f"{loc[0] if loc else 'value'}: {message.removeprefix('Value error, ')}"
