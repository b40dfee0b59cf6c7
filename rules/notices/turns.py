"""Whose turn it is: shops send in rounds, so that a large one does not hold up the others."""

from collections.abc import Sequence


def round_from(shops: Sequence[int], last: int) -> list[int]:
    """The shops in the order of their turns: those behind the one that was last, then the others.

    `shops` are numbers in any order, each once.
    """
    ordered = sorted(shops)
    behind = [shop for shop in ordered if shop > last]
    return [*behind, *ordered[: len(ordered) - len(behind)]]


def shares(shops: Sequence[int], places: int) -> list[tuple[int, int]]:
    """How many of so many places each shop gets, in the order of their turns.

    As even as may be: with more shops than places the first get one each.
    """
    if not shops or places <= 0:
        return []
    taking = shops[:places]
    each, more = divmod(places, len(taking))
    return [(shop, each + (n < more)) for n, shop in enumerate(taking)]
