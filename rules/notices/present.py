"""What is left of points that an order brought, after what was taken back since.

A function of the order's changes alone, whatever became of their notices: who still waits to be
told hears the present figure.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple
from uuid import UUID


class OrderChange(NamedTuple):
    """A change of an order's points: the member's sequence, the event, and the points (signed)."""

    sequence: int
    event_id: UUID
    points: int


def left_of(changes: Iterable[OrderChange]) -> Mapping[UUID, int]:
    """What is left of each change that gave points.

    What is taken back comes off the newest points first: so an amount that went up and down again
    leaves the first grant whole. Changes may come in any order and more than once.
    """
    left: dict[UUID, int] = {}
    standing: list[UUID] = []
    for _, event_id, points in sorted(set(changes)):
        if points > 0:
            left[event_id] = points
            standing.append(event_id)
            continue
        taken = -points
        while taken and standing:
            newest = standing[-1]
            some = min(taken, left[newest])
            left[newest] -= some
            taken -= some
            if not left[newest]:
                standing.pop()
    return left
