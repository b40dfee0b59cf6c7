"""What was said about one order, and how its records are told apart (SPEC 7)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.oracle.upstream import Said

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
    """All that was ever said about an order, in the order it was heard, and what is recorded with it.

    `bound` is its own binding (SPEC 1.7), None when nothing was in force, and no binding at all
    until it is `decided`.
    """

    said: list[Said] = field(default_factory=list)
    bound: Settings | None = None
    decided: bool = False
    known_settings: int = 0
    episode: Episode | None = None
    points: int = 0
    member: str | None = None
    _sorted: dict[str, tuple[int, list[Said]]] = field(default_factory=dict)

    def records(self, kind: str) -> list[Said]:
        """The different records of a kind, oldest first."""
        heard, found = self._sorted.get(kind, (-1, []))
        if heard != len(self.said):
            found = in_order(s for s in self.said if s.kind == kind)
            self._sorted[kind] = len(self.said), found
        return list(found)

    def newest(self) -> dict[str, Any] | None:
        """The newest whole record of the order."""
        records = self.records("order")
        return records[-1].what if records else None

    def created(self) -> datetime | None:
        """When the order was created, once that is known."""
        newest = self.newest()
        return None if newest is None else datetime.fromisoformat(newest["created_at"])


def in_order(records: Iterable[Said]) -> list[Said]:
    """Different records, oldest first."""
    return sorted({s.version: s for s in records}.values(), key=lambda s: s.version)


def by_thing(records: Iterable[Said]) -> dict[str, list[Said]]:
    """Records of each parcel or return by itself, under its id."""
    things: dict[str, list[Said]] = {}
    for said in records:
        things.setdefault(said.what["id"], []).append(said)
    return things


def last_run(records: list[Said], holds: Callable[[Said], bool]) -> list[Said]:
    """The newest records without a break for which it holds.

    None when it does not hold for the newest.
    """
    run: list[Said] = []
    for said in reversed(records):
        if not holds(said):
            break
        run.insert(0, said)
    return run


def is_completed(said: Said) -> bool:
    return said.what.get("status") == "completed"


def is_cancelled(said: Said) -> bool:
    return said.kind == "remove" or said.what.get("status") in ("cancelled", "removed")
