"""The shape of commands, and when two are the same (account.md 3)."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.oracle.records import FOREVER

Json = dict[str, Any]
Micros = int
NEVER: Micros = 2**63 - 1
SECOND: Micros = 1_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def instant(moment: Micros) -> datetime:
    """A moment as a date."""
    return EPOCH + timedelta(microseconds=moment)


def moment_of(date: datetime) -> Micros:
    """A date as microseconds; the end of all time is never."""
    return NEVER if date == FOREVER else (date - EPOCH) // timedelta(microseconds=1)


class Refused(Exception):
    """A command is refused: its code, and what the answer says besides."""

    def __init__(self, code: str, **more: Any) -> None:
        super().__init__(code)
        self.code, self.more = code, more


STAFFS = ("assign", "bulk_assign", "return_redeemed")
BEGINS = ("assign", "bulk_assign", "hold")
COMMON = {"command_id", "type", "merchant_id", "member_id", "performer", "issued_at"}
REQUIRED = {
    "assign": {"points", "reason"},
    "hold": {"hold_id", "points", "purpose"},
    "capture": {"hold_id", "order_id"},
    "release": {"hold_id"},
    "return_redeemed": {"order_id", "reason"},
    "bulk_assign": {"job_id", "members", "points", "reason"},
}
OPTIONAL = {
    "assign": {"notify"},
    "hold": {"ttl_seconds", "channel", "quote", "campaign_id", "gifts"},
    "capture": {"points"},
    "release": set[str](),
    "return_redeemed": {"points"},
    "bulk_assign": {"notify"},
}
DEFAULTS: dict[str, Json] = {
    "assign": {"notify": {"email": False, "sms": False}},
    "bulk_assign": {"notify": {"email": False, "sms": False}},
    "hold": {"ttl_seconds": 1800, "channel": "ec"},
}


def told(content: Json) -> Json:
    """The content without what does not count: nulls, and fields of the sender's own."""
    return {k: v for k, v in content.items() if v is not None and not k.startswith("x_")}


def performer_of(said: Json) -> tuple[str, str] | None:
    """Kind and id of who did what a command, or an event, says; None when nobody did."""
    who = said.get("performer")
    return None if who is None else (who["kind"], who["id"])


def notify_of(said: Json) -> tuple[bool, bool] | None:
    """Whether a command, or an event, wants mail and SMS; None where that is no question."""
    wanted = (DEFAULTS.get(said["type"], {}) | told(said)).get("notify")
    return None if wanted is None else (wanted.get("email", False), wanted.get("sms", False))


def spelt_out(content: Json) -> Json:
    """The content with what an absent field means."""
    fields = DEFAULTS.get(content["type"], {}) | told(content)
    if content["type"] in ("assign", "bulk_assign"):
        fields["notify"] = DEFAULTS["assign"]["notify"] | fields["notify"]
    if content["type"] == "hold" and "gifts" in fields:
        fields["gifts"] = [{"quantity": 1} | gift for gift in fields["gifts"]]
    return fields


def fingerprint(content: Json) -> str:
    """What tells a command's content from another's."""
    fields = spelt_out(content)
    same = {k: v for k, v in fields.items() if k not in ("command_id", "issued_at")}
    return json.dumps(same, sort_keys=True)


def check_shape(content: Json, now: Micros) -> None:
    """Raise what is wrong with a command's shape, in the order of the list."""
    fields, kind = told(content), content["type"]
    if kind not in REQUIRED:
        raise Refused("unknown_type")
    required, given = REQUIRED[kind] - {"points", "reason"}, set(fields) - COMMON
    ahead = datetime.fromisoformat(content["issued_at"]) > instant(now) + timedelta(days=1)
    if ahead or not required <= given <= REQUIRED[kind] | OPTIONAL[kind]:
        raise Refused("invalid_command")
    if not 1 <= fields.get("ttl_seconds", 1) <= 86_400:
        raise Refused("invalid_command")
    if kind == "hold" and (fields["purpose"] == "gift") != ("gifts" in fields):
        raise Refused("invalid_command")
    if "points" in fields or "points" in REQUIRED[kind]:
        points = fields.get("points")
        most = 999_999 if kind in ("assign", "bulk_assign") else 1_000_000_000
        if type(points) is not int or not points or (points < 0 and kind != "assign"):
            raise Refused("invalid_points")
        if abs(points) > most:
            raise Refused("over_limit")
    if "reason" in REQUIRED[kind] and not 1 <= len(fields.get("reason", "").strip()) <= 50:
        raise Refused("invalid_reason")
