"""When a merchant's app was installed and uninstalled (SPEC 1.8), as application events tell."""

from collections.abc import Iterable
from typing import NamedTuple

from schemas.ids import Micros
from store.postgres.arrays import columns, int2s, int4s, int8s
from store.postgres.named_queries import queries
from store.postgres.session import Cursor


class ApplicationEvent(NamedTuple):
    """The app was installed or uninstalled."""

    merchant_no: int
    at: Micros
    installed: bool


def add(cursor: Cursor, events: Iterable[ApplicationEvent]) -> set[ApplicationEvent]:
    """Keeps the events; those that were not known before."""
    cursor.execute(
        queries("settings/app_installs")["add"], columns(sorted(set(events)), (int4s, int8s, int2s))
    )
    return {ApplicationEvent(*row) for row in cursor.fetchall()}


def installs(cursor: Cursor) -> dict[int, tuple[tuple[Micros, bool], ...]]:
    """All application events by merchant number, oldest first."""
    found: dict[int, list[tuple[Micros, bool]]] = {}
    for merchant_no, at, installed in cursor.execute(
        queries("settings/app_installs")["all"]
    ).fetchall():
        found.setdefault(merchant_no, []).append((at, installed))
    return {merchant_no: tuple(events) for merchant_no, events in found.items()}
