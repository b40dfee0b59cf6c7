"""The webhook envelope, and reading one record of a topic into it."""

from functools import lru_cache
from typing import Any, Generic, Literal, TypeVar

import orjson
from pydantic import StrictInt, ValidationError

from schemas.upstream.base import NOT_EMPTY, Id, Text, Upstream
from schemas.upstream.reports import RawReport
from schemas.upstream.resources import (
    ApplicationResource,
    CustomerResource,
    DeliveryResource,
    OrderResource,
    RemovedOrder,
    ReturnResource,
)

Resource = TypeVar("Resource")
RecordKind = Literal["order", "delivery", "return", "remove", "customer", "application", "report"]
"""What a record is about. All but a carrier's report have an envelope."""


class Envelope(Upstream, Generic[Resource]):
    """What every webhook carries.

    The older form has neither `trace_id` nor `ts` (nanoseconds, as a string).
    """

    topic: Text
    merchant_id: Id
    ts: str | StrictInt | None = None
    resource: Resource


class Head(Upstream):
    """The outside of an envelope, to tell what is inside it."""

    topic: Text
    merchant_id: Id | None = None


class Unreadable(ValueError):
    """A record that is poison.

    `reason` is a word for the list; the text says where it is wrong, without its values.
    """

    def __init__(self, reason: str, message: str, merchant_id: str | None = None) -> None:
        """Keeps the merchant, if the record names it: poison is counted by merchant."""
        super().__init__(message)
        self.reason = reason
        self.merchant_id = merchant_id


_READERS: dict[RecordKind, Any] = {
    "order": Envelope[OrderResource].__pydantic_validator__.validate_json,
    "delivery": Envelope[DeliveryResource].__pydantic_validator__.validate_json,
    "return": Envelope[ReturnResource].__pydantic_validator__.validate_json,
    "remove": Envelope[RemovedOrder].__pydantic_validator__.validate_json,
    "customer": Envelope[CustomerResource].__pydantic_validator__.validate_json,
    "application": Envelope[ApplicationResource].__pydantic_validator__.validate_json,
    "report": RawReport.__pydantic_validator__.validate_json,
}
_KINDS: dict[str, RecordKind] = {
    "order": "order",
    "order_delivery": "delivery",
    "return_order": "return",
    "pos_return_order": "return",
    "user": "customer",
    "customer": "customer",  # the same thing under the app's name
}
_WHOLE_TOPICS: dict[str, RecordKind] = {
    "order/remove": "remove",
    "application/install": "application",
    "application/uninstall": "application",
}
_MARKS_OF_A_REPORT = frozenset({"carrier", "service", "tracking_number", "occurred_at"})


@lru_cache(maxsize=256)
def kind_of(topic: str) -> RecordKind | None:
    """Which resource a webhook topic carries; None for topics that points do not depend on."""
    return _WHOLE_TOPICS.get(topic) or _KINDS.get(topic.partition("/")[0])


def read(value: bytes, likely: RecordKind) -> tuple[RecordKind, Any] | str:
    """The record's kind and its envelope, or a topic's name that points do not depend on.

    A RawReport has no envelope. `likely` is tried first, since telling the kind beforehand would
    mean reading the record twice. Where reports and deliveries share a topic, a look for the word
    tells them apart; it may be wrong, so whatever fails is read slowly. Raises Unreadable for
    poison.
    """
    if likely == "delivery" and b'"carrier"' in value and b'"topic"' not in value:
        likely = "report"
    try:
        content = _READERS[likely](value)
        if likely == "report" or kind_of(content.topic) == likely:
            return likely, content
    except ValidationError:
        pass
    return _read_slowly(value)


def _read_slowly(value: bytes) -> tuple[RecordKind, Any] | str:
    try:
        head = Head.model_validate_json(value)
    except ValidationError as error:
        # Only here is the record looked at as a whole: all that has an envelope has been told by
        # its head.
        content = _object_in(value)
        merchant_id = _merchant_in(content)
        if not _is_report(content):
            raise unreadable(error, merchant_id) from None
        return "report", _read_as("report", value, merchant_id)
    kind = kind_of(head.topic)
    if kind is None:
        return head.topic
    if kind == "remove":
        full = _try("order", value)
        if full is not None:
            return "order", full
    return kind, _read_as(kind, value, head.merchant_id)


def _read_as(kind: RecordKind, value: bytes, merchant_id: str | None) -> Any:
    try:
        return _READERS[kind](value)
    except ValidationError as error:
        raise unreadable(error, merchant_id) from None


def _try(kind: RecordKind, value: bytes) -> Envelope[Any] | None:
    try:
        envelope: Envelope[Any] = _READERS[kind](value)
    except ValidationError:
        return None
    return envelope


def _object_in(value: bytes) -> dict[str, Any]:
    """The JSON object in the value; empty when it is none."""
    try:
        content = orjson.loads(value)
    except orjson.JSONDecodeError:
        return {}
    return content if isinstance(content, dict) else {}


def _is_report(content: dict[str, Any]) -> bool:
    """Whether the record is a carrier's own report, good or bad, which has no envelope.

    See rules.md 6.
    """
    return content.keys().isdisjoint({"topic", "resource"}) and not content.keys().isdisjoint(
        _MARKS_OF_A_REPORT
    )


def _merchant_in(content: dict[str, Any]) -> str | None:
    merchant = content.get("merchant_id")
    return merchant if isinstance(merchant, str) and merchant and "\x00" not in merchant else None


def unreadable(error: ValidationError, merchant_id: str | None) -> Unreadable:
    """What a record is poison for that a reader refuses, without its values."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    problems = [problem for problem in found if problem["type"] != NOT_EMPTY]
    if problems[0]["type"] == "json_invalid":
        return Unreadable(
            "not_json", "The value is not JSON: send a JSON object in UTF-8.", merchant_id
        )
    shown = "; ".join(f"{_place(p['loc'])}: {p['msg']}" for p in problems[:5])
    missing = all(p["type"] == "missing" for p in problems)
    return Unreadable("missing_field" if missing else "wrong_type", shown, merchant_id)


def _place(loc: tuple[int | str, ...]) -> str:
    """The path of a field, without the names of what it may be (DeliveryResource)."""
    return ".".join([str(part) for part in loc if part != DeliveryResource.__name__]) or "value"
