"""The oracle's own reading of events: plain dicts in, plain values out."""

import hashlib
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Version = tuple[datetime, int, bool, str]


class VersionedRecord(NamedTuple):
    """A record about an order: when it is from (`version_of`), which kind it is, and its fields.

    `within`: a parcel's record that was inside the order's record of that version.
    """

    version: Version
    kind: str  # order, remove, parcel or return
    what: dict[str, Any]
    within: Version | None = None


class OrderRecords(NamedTuple):
    """The records in an event about one order."""

    merchant: str
    order: str
    records: list[VersionedRecord]


class Report(NamedTuple):
    """What a carrier reported.

    `number` is the tracking number as orders and reports are compared by it.
    """

    merchant: str | None
    order: str | None
    number: str
    at: datetime
    what: dict[str, Any]


class CustomerRecord(NamedTuple):
    """A customer's record."""

    merchant: str
    member: str
    version: Version
    what: dict[str, Any]
    removed: bool = False


class InstallRecord(NamedTuple):
    """An application was installed, or uninstalled, at a time."""

    merchant: str
    application: str
    at: datetime
    installed: bool


ReadEvent = OrderRecords | Report | CustomerRecord | InstallRecord


def instant(text: str | None) -> datetime | None:
    """An upstream time; 1970-01-01 and year 1 mean that none is given (D14)."""
    if text is None or text.startswith(("1970-01-01", "0001-")):
        return None
    return datetime.fromisoformat(text)


MOST = 2**63 - 1


def cents(amount: dict[str, Any] | None) -> int:
    """An amount in minor units."""
    return int(amount["cents"]) if amount else 0


def size(amount: dict[str, Any] | None) -> int:
    """An amount that lowers the base, by its magnitude (D11)."""
    return min(abs(cents(amount)), MOST)


def comparable(number: str | int | None) -> str:
    """A tracking number without spaces and hyphens, in capitals (rules.md 6).

    And without punctuation at its ends; of a tracking page's address the last token.
    """
    text = str(number or "")
    if "://" in text:
        text = re.findall(r"[^/?=&#\s]+", text)[-1]
    text = "".join(letter for letter in text if letter not in " -").upper()
    return re.sub(r"^\W+|\W+$", "", text.replace("_", " ").strip()).replace(" ", "_")


def each_number(field: str | int | None) -> list[str]:
    """The numbers of a field that has several, each once; else its only one, or none."""
    text = str(field or "")
    if "://" in text:
        return [comparable(text)]
    parts = [part for part in re.split(r"[/,;\s]+", text) if re.search(r"\d", part)]
    noted = [part for part in parts if len(re.findall(r"[0-9A-Za-z]", part)) > 2]
    found = [comparable(part) for part in noted or parts]
    return [number for number in dict.fromkeys(found) if number] or [
        number for number in [comparable(field)] if number
    ]


def read(event: dict[str, Any], received: datetime) -> ReadEvent:
    """What is in an event. An order's nested delivery is a record of its own."""
    if "carrier" in event:
        number = comparable(event.get("tracking_number"))
        at = datetime.fromisoformat(event["occurred_at"])
        return Report(event.get("merchant_id"), event.get("order_id"), number, at, event)
    merchant, resource = event["merchant_id"], event["resource"]
    version = version_of(event, received)
    topic, _, action = event["topic"].partition("/")
    if topic in ("user", "customer"):
        return CustomerRecord(merchant, resource["id"], version, resource, action == "remove")
    if topic == "application":
        own = resource.get("created_at" if action == "install" else "deleted_at")
        return InstallRecord(
            merchant, resource["application_id"], instant(own) or version[0], action == "install"
        )
    if topic == "order_delivery":
        return OrderRecords(
            merchant, resource["order_id"], [VersionedRecord(version, "parcel", resource)]
        )
    if topic in ("return_order", "pos_return_order"):
        return OrderRecords(
            merchant, resource["order_id"], [VersionedRecord(version, "return", resource)]
        )
    return OrderRecords(merchant, resource["id"], read_order(event["topic"], resource, version))


def version_of(event: dict[str, Any], received: datetime) -> Version:
    """The resource's own `updated_at`, else the envelope's `ts`, else the receipt.

    Then `ts`, then what ends an order or parcel, then a digest (rules.md 7).
    """
    nanoseconds = int(event.get("ts") or 0)
    canonical = json.dumps(
        event["resource"], sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    at = instant(event["resource"].get("updated_at"))
    if at is None:
        at = EPOCH + timedelta(microseconds=nanoseconds // 1000) if nanoseconds else received
    ends = event["topic"].endswith("/remove") or ends_it(event["resource"])
    return at, nanoseconds, ends, hashlib.sha256(canonical.encode()).hexdigest()


def ends_it(resource: dict[str, Any]) -> bool:
    """Whether it says that its order or parcel is over, one way or the other."""
    return (
        resource.get("status") in ("cancelled", "removed", "returned", "expired")
        or resource.get("delivery_status") == "failed"
        or bool(resource.get("combined_to_order_id"))
    )


def read_order(topic: str, resource: dict[str, Any], version: Version) -> list[VersionedRecord]:
    """An order's record, and its nested delivery's."""
    if topic == "order/remove":
        if "created_at" not in resource:
            return [VersionedRecord(version, "remove", resource)]
        resource = resource | {"status": "removed"}
    records = [VersionedRecord(version, "order", resource)]
    nested = resource.get("order_delivery")
    if nested is not None:
        own = instant(nested.get("updated_at"))
        at, nanoseconds, _, digest = version
        own_version = own or at, nanoseconds, ends_it(nested), digest
        records.append(VersionedRecord(own_version, "parcel", nested, version))
    return records
