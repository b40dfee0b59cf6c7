"""Points that lie in several lots: of a hold, of a redemption, of what an entry moved."""

from collections.abc import Iterable
from typing import TypeAlias

from rules.account.lots import LotKey

LotPoints: TypeAlias = tuple[LotKey, int]
"""So many points of one lot."""

PointsByLot: TypeAlias = list[LotPoints]
"""Each lot once, the soonest to expire first where nothing else is said."""


def soonest_parts(lots: Iterable[LotPoints], points: int) -> tuple[PointsByLot, PointsByLot]:
    """The first `points` of some lots in their order, and the rest."""
    first: PointsByLot = []
    rest: PointsByLot = []
    for key, had in lots:
        part = min(had, points)
        points -= part
        if part:
            first.append((key, part))
        if had > part:
            rest.append((key, had - part))
    return first, rest


def usable_after_debt(lots: Iterable[LotPoints], debt: int) -> tuple[PointsByLot, int]:
    """What is left of points that come back to lots once they paid debt, and the debt left.

    The soonest to expire pay first, lapsed ones too (A10). A lot that is left nothing stays in the
    list, with 0.
    """
    usable: PointsByLot = []
    for key, points in sorted(lots):
        paid = min(debt, points)
        debt -= paid
        usable.append((key, points - paid))
    return usable, debt


def merged(lots: Iterable[LotPoints]) -> PointsByLot:
    """Points by lot, each lot once, the soonest to expire first."""
    points_of: dict[LotKey, int] = {}
    for key, points in lots:
        points_of[key] = points_of.get(key, 0) + points
    return sorted(points_of.items())
