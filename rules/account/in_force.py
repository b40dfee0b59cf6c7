"""The settings that the account goes by: those in force now, unlike an order's (account.md 1).

An order stays bound to the settings of its creation; a command or a quote takes what is in force
when it is applied.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rules.earning.binding import VersionInForce, known_at, version_at
from rules.earning.entitlement import Installs, feature_in_force
from schemas.ids import Micros
from schemas.settings import BoundRules


class InForce(NamedTuple):
    """A merchant's settings at one moment.

    `version` and `rules` are None before the first version takes effect. `feature`: enabled and
    entitled at that moment (rules.md 1.8); without it nothing new may be begun.
    """

    version: int | None
    rules: BoundRules | None
    feature: bool


NOTHING = InForce(None, None, feature=False)


def version_in_force(versions: Sequence[VersionInForce], now: Micros) -> int | None:
    """The newest version that has taken effect by `now`, of those applied by then; None without.

    `versions` are all of a merchant, by effective date. One that is applied later with an earlier
    date counts for nothing that was decided before: it was not there, nor is it in a replay.
    """
    return version_at(versions, now, known_at(versions, now))


def in_force(
    merchant_no: int,
    now: Micros,
    *,
    versions: Sequence[VersionInForce],
    rules: Mapping[tuple[int, int], BoundRules | None],
    installs: Installs,
) -> InForce:
    """The settings of a merchant at `now`, of what is remembered of it (architecture.md 1)."""
    version = version_in_force(versions, now)
    if version is None:
        return NOTHING
    found = rules[merchant_no, version]
    if found is None:
        return NOTHING
    return InForce(version, found, feature_in_force(found, installs, now))
