"""Chance, from Hypothesis (which shrinks failures) or from a seed (quick, and evenly spread)."""

from collections.abc import Sequence
from random import Random
from typing import Protocol, TypeVar

from hypothesis import strategies as st

Option = TypeVar("Option")


class Dice(Protocol):
    """Draws numbers."""

    def number(self, least: int, most: int) -> int:
        """A whole number from `least` to `most`."""
        ...

    def pick(self, options: Sequence[Option]) -> Option:
        """One of them."""
        return options[self.number(0, len(options) - 1)]

    def once_in(self, times: int) -> bool:
        """True once in so many times."""
        return self.number(1, times) == times


class Drawn(Dice):
    """Hypothesis's choices."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw

    def number(self, least: int, most: int) -> int:
        """A whole number, the least one the simplest."""
        return self._draw(st.integers(least, most))


class Seeded(Dice):
    """Always the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def number(self, least: int, most: int) -> int:
        """A whole number, each as likely."""
        return self._random.randint(least, most)
