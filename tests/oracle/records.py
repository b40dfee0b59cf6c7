"""All records of an order, and how they are told apart (rules.md 7)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.oracle.upstream import VersionedRecord, instant

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
        """What all records of the order say together: of each key the newest that has it (D19)."""
        records = self.records("order")
        return overlaid(records)[-1].what if records else None

    def parcels(self) -> dict[str, list[VersionedRecord]]:
        """The records of each parcel that counts, whole (D15, D19)."""
        newest = [r for r in self.records("order") if "order_delivery" in r.what][-1:]
        counting = {}
        for name, records in by_thing(self.records("parcel")).items():
            nested = any(record.within for record in records)
            for order in newest if nested else []:
                inside = (order.what["order_delivery"] or {}).get("id")
                events = [r.version[:2] for r in records if r.within is None]
                if inside != name and max(events, default=order.version[:2]) <= order.version[:2]:
                    break
            else:
                counting[name] = overlaid(records)
        return counting

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
    different = {(s.version, s.within): s for s in records}
    return sorted(different.values(), key=lambda s: s.version)


STATE = ("arrived_at", "collected_at", "returned_at", "completed_at")
"""Moments: they count for the state in which they are told (rules.md 2.2)."""


def overlaid(records: list[VersionedRecord]) -> list[VersionedRecord]:
    """Each record with the keys that it lacks from those before it; moments stay where they are."""
    so_far: dict[str, Any] = {}
    whole = []
    for record in records:
        if record.kind == "remove":
            so_far = so_far | {"status": "removed"}
        so_far = so_far | {k: v for k, v in record.what.items() if k not in STATE}
        moments = {k: v for k, v in record.what.items() if k in STATE}
        whole.append(record._replace(what=so_far | moments))
    return whole


def told(run: list[VersionedRecord], moment: str) -> datetime | None:
    """What the newest record of a run that names the moment says of it."""
    named = [record.what[moment] for record in run if moment in record.what]
    return instant(named[-1]) if named else None


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
