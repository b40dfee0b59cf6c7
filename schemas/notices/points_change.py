"""A points-changed event as the notices lane reads it: what deciding needs, and nothing else.

Later versions of the engine may add types and fields, so whatever is not needed here is not looked
at. What is needed must be there and fit the tables; the rest is poison.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple
from uuid import UUID

import orjson

from schemas.ids import Micros, micros
from schemas.upstream.envelope import Unreadable

ALL_PAID: Final[Micros] = 0
"""Instead of the instant at which points lapse: all that came paid a debt, and none is left to."""

_LARGEST: Final = 2**63 - 1


class PointsChange(NamedTuple):
    """One change of a member's points.

    `points`: what it gave (or took, below 0); `available`: what the member can spend after it;
    `expires_us`: when the soonest of the points that came lapses, exclusively; None for never, and
    ALL_PAID where a debt took them all, so that nothing is said of how long they are valid.
    `cause`: the kind of what made it. `reason`: free text of whoever gave the points, for nobody
    but the member; `sealed_reason`: the same, sealed, where it was kept meanwhile.
    """

    event_id: UUID
    type: str
    merchant_id: str
    member_id: str
    sequence: int
    points: int
    available: int
    expires_us: Micros | None
    order_id: str | None
    cause: str
    notify_email: bool
    notify_sms: bool
    reason: str | None
    recorded_us: Micros
    sealed_reason: bytes | None = None


def read_change(value: bytes | None) -> PointsChange:
    """The change that a record of points.changed.v1 says. Raises Unreadable."""
    try:
        event = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        wrong = "The value is not JSON: send a JSON object in UTF-8."
        raise Unreadable("not_json", wrong) from None
    try:
        return _change_of(event)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        raise _unreadable(event) from None


def _change_of(event: Any) -> PointsChange:
    notify, balance, order_id = event.get("notify"), event["balance"], event["order_id"]
    reason, points = event["reason"], _whole(event["points"])
    return PointsChange(
        UUID(event["event_id"]),
        _text(event["type"]),
        _text(event["merchant_id"]),
        _text(event["member_id"]),
        _positive(event["sequence"]),
        points,
        _whole(balance["available"]),
        _soonest(event["lots"]) if points > 0 else None,
        None if order_id is None else _text(order_id),
        event["cause"]["kind"],
        notify is not None and notify["email"] is True,
        notify is not None and notify["sms"] is True,
        None if reason is None else _text(reason),
        _instant(event["recorded_at"]),
    )


def _text(value: Any) -> str:
    # PostgreSQL keeps no NUL; ids and words are never empty.
    if type(value) is not str or not value or "\0" in value:
        raise TypeError
    return value


def _whole(value: Any) -> int:
    if type(value) is not int or not -_LARGEST <= value <= _LARGEST:
        raise TypeError
    return value


def _positive(value: Any) -> int:
    if _whole(value) < 1:
        raise ValueError
    return int(value)


# Events of one flow are recorded at few instants, and lots lapse at few midnights.
@lru_cache(maxsize=1 << 12)
def _instant(value: str) -> Micros:
    return micros(datetime.fromisoformat(value))


def _soonest(lots: Any) -> Micros | None:
    soonest, is_any_left = None, False
    for lot in lots:
        at = lot["expires_at"]
        if _whole(lot["points"]) <= 0:
            continue
        is_any_left = True
        if at is not None:
            expires = _instant(at)
            if soonest is None or expires < soonest:
                soonest = expires
    return soonest if is_any_left else ALL_PAID


def _object(value: Any) -> None:
    if type(value) is not dict:
        raise TypeError


def _lots(value: Any) -> None:
    if type(value) is not list:
        raise TypeError
    _soonest(value)


def _or_none(check: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else check(value)


_NEEDED: Final[Mapping[str, tuple[Callable[[Any], Any], str]]] = {
    "event_id": (UUID, "must be a UUID"),
    "type": (_text, "must be a text"),
    "merchant_id": (_text, "must be a text that is not empty and has no NUL"),
    "member_id": (_text, "must be a text that is not empty and has no NUL"),
    "sequence": (_positive, "must be a whole number from 1 on"),
    "points": (_whole, "must be a whole number of 64 bits"),
    "balance": (lambda balance: _whole(balance["available"]), "must have a whole available"),
    "lots": (_lots, "must be a list of lots with points and expires_at"),
    "order_id": (_or_none(_text), "must be null or a text that is not empty and has no NUL"),
    "cause": (lambda cause: _text(cause["kind"]), "must have a kind"),
    "reason": (_or_none(_text), "must be null or a text that is not empty and has no NUL"),
    "recorded_at": (_instant, "must be a time with an offset"),
}


def _unreadable(event: Any) -> Unreadable:
    """What is wrong with an event that cannot be read, without its values."""
    if type(event) is not dict:
        return Unreadable("wrong_type", "value: must be a JSON object")
    named = event.get("merchant_id")
    merchant_id = named if isinstance(named, str) and named and "\0" not in named else None
    missing = [name for name in _NEEDED if name not in event]
    if missing:
        return Unreadable("missing_field", f"{', '.join(missing)}: missing", merchant_id)
    for name, (check, wrong) in _NEEDED.items():
        try:
            check(event[name])
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
            return Unreadable("wrong_type", f"{name}: {wrong}", merchant_id)
    return Unreadable("wrong_type", "notify: must be null or have email and sms", merchant_id)


def to_parked(change: PointsChange) -> bytes:
    """The change as JSON, to be decided later: without its free text, but with the sealed one."""
    stored = change._asdict()
    sealed = change.sealed_reason
    stored["event_id"], stored["reason"] = str(change.event_id), None
    stored["sealed_reason"] = None if sealed is None else sealed.hex()
    return orjson.dumps(stored)


def from_parked(stored: Mapping[str, Any]) -> PointsChange:
    """What `to_parked` made, as the database gives it back."""
    sealed = stored["sealed_reason"]
    return PointsChange(
        **{
            **stored,
            "event_id": UUID(stored["event_id"]),
            "sealed_reason": None if sealed is None else bytes.fromhex(sealed),
        }
    )
