"""What the contact table takes of a customer's record of the platform, and nothing else of it.

Upstream's entity shows `mobile_phone` once it is confirmed, with the calling code of its country
beside it; `confirmed_at` is the moment at which the e-mail was verified.
"""

from typing import Any, Final, Required

from pydantic import StrictInt, ValidationError
from typing_extensions import TypedDict

from schemas.upstream.base import IfShaped, Moment, RecordId, Text
from schemas.upstream.envelope import Envelope, Head, kind_of, unreadable


class CustomerContact(TypedDict, total=False):
    """How a customer is reached, as far as the record says it (rules.md 7: absent is not empty)."""

    id: Required[RecordId]
    email: str | None
    mobile_phone: str | StrictInt | None
    mobile_phone_country_calling_code: IfShaped[str | StrictInt]
    name: IfShaped[str]
    locale_code: IfShaped[Text]
    email_verified: IfShaped[bool]
    confirmed_at: IfShaped[Moment]
    mobile_phone_verified: IfShaped[bool]
    updated_at: Moment | None


_READ: Final[Any] = Envelope[CustomerContact].__pydantic_validator__.validate_json


def read_customer(value: bytes) -> Envelope[CustomerContact] | None:
    """A customer's contact; None for a record about something else. Raises Unreadable."""
    try:
        envelope: Envelope[CustomerContact] = _READ(value)
    except ValidationError as error:
        _refuse(value, error)
        return None
    return envelope if kind_of(envelope.topic) == "customer" else None


def _refuse(value: bytes, error: ValidationError) -> None:
    """Raises Unreadable, save for another topic's record, which need not be like a customer's."""
    try:
        head = Head.model_validate_json(value)
    except ValidationError:
        raise unreadable(error, None) from None
    if kind_of(head.topic) == "customer":
        raise unreadable(error, head.merchant_id) from None
