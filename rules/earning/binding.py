"""Which settings an order is bound to (rules.md 1.7).

`settings_no` of an order is the version it is bound to, NOTHING_IN_FORCE, or negative while it is
not bound: then it remembers how many versions were known when the order was first heard of, since
later ones are not for it.
"""

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from rules.order.facts import NOTHING_IN_FORCE
from schemas.ids import Micros


class VersionInForce(NamedTuple):
    """A settings version and since when it is in force."""

    effective_at: Micros
    version: int


def first_heard(versions: Sequence[VersionInForce]) -> int:
    """The `settings_no` of an order that is heard of while these versions are known."""
    return -1 - len(versions)


def bound_version(
    versions: Sequence[VersionInForce], created_at: Micros | None, settings_no: int
) -> int:
    """The `settings_no` now that these versions are known, oldest first.

    An order bound already stays so. It is bound to the version in force at its creation among those
    known when it was first heard of; if there were none, to the first ones, if they were in force
    at its creation.
    """
    if settings_no >= NOTHING_IN_FORCE or created_at is None:
        return settings_no
    known = versions[: max(1, -1 - settings_no)]
    if not known:
        return settings_no
    at = bisect_right(known, created_at, key=_effective)
    return known[at - 1].version if at else NOTHING_IN_FORCE


def bound_as_parent(settings_no: int, parent_settings_no: int | None) -> int:
    """The `settings_no` of a split child, which is bound as its parent is (rules.md 1.7).

    Until the parent is bound, it goes by the child's own creation. A parent bound to nothing in
    force binds its child to nothing. `parent_settings_no` is None when there is no parent or it is
    not known.
    """
    if parent_settings_no is None or parent_settings_no < NOTHING_IN_FORCE:
        return settings_no
    return parent_settings_no


def _effective(version: VersionInForce) -> Micros:
    return version.effective_at
