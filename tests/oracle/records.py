"""All records of an order, and how they are told apart (rules.md 7)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.oracle.upstream import VersionedRecord

FOREVER = datetime.max.replace(tzinfo=UTC)
Settings = dict[str, Any]


@dataclass
class Episode:
    """A final moment that was granted, its due date and the expiry of its lot."""

    final: datetime
    due: datetime
    expires: datetime


@dataclass
class Order:
    """All records of an order, as they arrived, and what is recorded with it.

    `heard` is when the first of its own records came (rules.md 1.7).
    """

    everything: list[VersionedRecord] = field(default_factory=list)
    heard: datetime | None = None
    episode: Episode | None = None
    points: int = 0
    member: str | None = None
    _sorted: dict[str, tuple[int, list[VersionedRecord]]] = field(default_factory=dict)

    def records(self, kind: str) -> list[VersionedRecord]:
        """The different records of a kind, oldest first."""
        seen, records = self._sorted.get(kind, (-1, []))
        if seen != len(self.everything):
            records = in_order(s for s in self.everything if s.kind == kind)
            self._sorted[kind] = len(self.everything), records
        return list(records)

    def newest(self) -> dict[str, Any] | None:
        """The newest whole record of the order."""
        records = self.records("order")
        return records[-1].what if records else None

    def created(self) -> datetime | None:
        """When the order was created, as its oldest record says, once that is known."""
        records = self.records("order")
        return datetime.fromisoformat(records[0].what["created_at"]) if records else None

    def told(self, key: str) -> Any:
        """What the newest record that has a key says under it."""
        said = [record.what[key] for record in self.records("order") if key in record.what]
        return said[-1] if said else None


def in_order(records: Iterable[VersionedRecord]) -> list[VersionedRecord]:
    """Different records, oldest first."""
    return sorted({s.version: s for s in records}.values(), key=lambda s: s.version)


def by_thing(records: Iterable[VersionedRecord]) -> dict[str, list[VersionedRecord]]:
    """Records of each parcel or return by itself, under its id."""
    things: dict[str, list[VersionedRecord]] = {}
    for record in records:
        things.setdefault(record.what["id"], []).append(record)
    return things


def last_run(
    records: list[VersionedRecord], holds: Callable[[VersionedRecord], bool]
) -> list[VersionedRecord]:
    """The newest records without a break for which it holds.

    None when it does not hold for the newest.
    """
    run: list[VersionedRecord] = []
    for record in reversed(records):
        if not holds(record):
            break
        run.insert(0, record)
    return run


def is_completed(record: VersionedRecord) -> bool:
    return record.what.get("status") == "completed"


def is_cancelled(record: VersionedRecord) -> bool:
    return record.kind == "remove" or record.what.get("status") in ("cancelled", "removed")
