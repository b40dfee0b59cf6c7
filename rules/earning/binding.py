"""Which settings an order is bound to (rules.md 1.7).

`settings_no` of an order is the version it is bound to, NOTHING_IN_FORCE, or UNSEEN while it is not
bound. It follows from the order's creation and from when it was first heard of, both recorded with
it, and so a replay binds alike.
"""

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from rules.order.facts import NOTHING_IN_FORCE, UNSEEN, OrderFacts
from schemas.ids import Micros


class VersionInForce(NamedTuple):
    """A settings version, since when it is in force, and when it was applied."""

    effective_at: Micros
    version: int
    applied_at: Micros


def bound_version(
    versions: Sequence[VersionInForce], created_at: Micros, heard_at: Micros | None
) -> int:
    """The `settings_no` of an order, given all versions, oldest first.

    It is bound to the version in force at its creation among those applied by the time it was first
    heard of; if there were none, to the first ones, if they were in force at its creation.
    """
    if not versions:
        return UNSEEN
    known = len(versions) if heard_at is None else max(1, known_at(versions, heard_at))
    return version_at(versions, created_at, known) or NOTHING_IN_FORCE


def known_at(versions: Sequence[VersionInForce], moment: Micros) -> int:
    """How many of all versions, oldest first, were applied by a moment."""
    known = len(versions)
    while known and versions[known - 1].applied_at > moment:
        known -= 1
    return known


def version_at(versions: Sequence[VersionInForce], moment: Micros, known: int) -> int | None:
    """The newest of the first `known` versions that had taken effect by a moment."""
    at = bisect_right(versions, moment, 0, known, key=_effective)
    return versions[at - 1].version if at else None


def binding_of(facts: OrderFacts, versions: Sequence[VersionInForce]) -> int:
    """The `settings_no` of an order by its own creation, or by the one that it inherited."""
    if facts.inherited is not None:
        return bound_version(versions, facts.inherited.bound_at, facts.inherited.heard_at)
    if facts.record is None:
        return UNSEEN
    return bound_version(versions, facts.record.created_at, facts.origin.heard_at)


def _effective(version: VersionInForce) -> Micros:
    return version.effective_at
