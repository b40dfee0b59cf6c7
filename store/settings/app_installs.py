"""When a merchant's app was installed and uninstalled (rules.md 1.8), from application events."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from schemas.ids import Micros
from store.postgres import tables
from store.postgres.columns import Columns
from store.postgres.named_queries import queries
from store.postgres.session import Cursor


class ApplicationEvent(NamedTuple):
    """The app was installed or uninstalled."""

    merchant_no: int
    at: Micros
    installed: bool


_EVENT: Final = Columns(tables.application_event, "merchant_no", "at_us", "installed")
_SQL: Final = queries("settings/app_installs", event=_EVENT)


def add(cursor: Cursor, events: Iterable[ApplicationEvent]) -> set[ApplicationEvent]:
    """Keeps the events; those that were not known before."""
    cursor.execute(_SQL["add"], _EVENT.arrays(sorted(set(events))))
    return {ApplicationEvent(*row) for row in cursor.fetchall()}


def installs(
    cursor: Cursor, merchants: Sequence[int]
) -> dict[int, tuple[tuple[Micros, bool], ...]]:
    """The application events of merchants that have any, by number, oldest first."""
    by_merchant: dict[int, list[tuple[Micros, bool]]] = {}
    for merchant_no, at, installed in cursor.execute(_SQL["of_merchants"], [[*merchants]]):
        by_merchant.setdefault(merchant_no, []).append((at, installed))
    return {merchant_no: tuple(events) for merchant_no, events in by_merchant.items()}
