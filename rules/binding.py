"""Which settings an order is bound to (SPEC 1.7)."""

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from rules.facts import NOTHING_IN_FORCE, UNBOUND
from schemas.ids import Micros


class VersionInForce(NamedTuple):
    """A settings version and since when it is in force."""

    effective_at: Micros
    version: int


def bound_version(versions: Sequence[VersionInForce], created_at: Micros | None) -> int | None:
    """The version in force at the order's creation, among those known now (`versions`, by effective date).

    UNBOUND while the creation or the merchant's first settings are not known; NOTHING_IN_FORCE when the oldest version
    came into force only later.
    """
    if created_at is None or not versions:
        return UNBOUND
    at = bisect_right(versions, created_at, key=_effective)
    return versions[at - 1].version if at else NOTHING_IN_FORCE


def _effective(version: VersionInForce) -> Micros:
    return version.effective_at
