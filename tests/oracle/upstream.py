"""The oracle's own reading of upstream's events: plain dicts in, plain values out."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Said(NamedTuple):
    """A record about one order: when it is from (see `version`), what kind of thing it tells of, and the thing."""

    version: tuple[datetime, int, str]
    kind: str  # order, remove, parcel or return
    what: dict[str, Any]


def instant(text: str | None) -> datetime | None:
    """An upstream time."""
    return None if text is None else datetime.fromisoformat(text)


def cents(amount: dict[str, Any] | None) -> int:
    """An amount in minor units."""
    return int(amount["cents"]) if amount else 0


def read(event: dict[str, Any], received: datetime) -> tuple[str, list[Said]]:
    """The order that the event is about, and what it says. An order's nested delivery speaks for itself."""
    resource = event["resource"]
    nanoseconds = int(event.get("ts") or 0)
    canonical = json.dumps(resource, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    at = instant(resource.get("updated_at"))
    if at is None:
        at = EPOCH + timedelta(microseconds=nanoseconds // 1000) if nanoseconds else received
    version = (at, nanoseconds, digest)
    topic = event["topic"].partition("/")[0]
    if topic == "order_delivery":
        return resource["order_id"], [Said(version, "parcel", resource)]
    if topic in ("return_order", "pos_return_order"):
        return resource["order_id"], [Said(version, "return", resource)]
    if event["topic"] == "order/remove":
        if "created_at" not in resource:
            return resource["id"], [Said(version, "remove", resource)]
        resource = resource | {"status": "removed"}
    said = [Said(version, "order", resource)]
    nested = resource.get("order_delivery")
    if nested is not None:
        own = instant(nested.get("updated_at"))
        said.append(Said((own or at, nanoseconds, digest), "parcel", nested))
    return resource["id"], said
