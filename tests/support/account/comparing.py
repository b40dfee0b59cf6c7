"""Entries as events tell them and as a model makes them, for comparison."""

from typing import NamedTuple
from uuid import UUID, uuid5

from schemas.ids import Micros
from tests.oracle.account import About
from tests.oracle.account import Line as Made
from tests.oracle.commands import NEVER

NAMESPACE = UUID("9a0f4f0f-6a0f-5cf0-a4d0-6b2f0c5d9b11")
"""Of all ids of events, for ever: a replay makes the same ones."""
EARNED = ("granted", "clawed_back")


class Line(NamedTuple):
    """An entry as its event tells it; lots that are left nothing are missing.

    `about` is its cause (kind, id), settings version, reason, order and hold; `by` its performer
    (kind, id), `notify` whether mail and SMS are wanted.
    """

    type: str
    points: int
    held: int
    lots: dict[tuple[str, Micros | None], int]
    balance: tuple[int, int, int]
    occurred_at: Micros
    about: tuple[tuple[str, str], int | None, str | None, str | None, str | None]
    event_id: str
    by: tuple[str, str] | None = None
    notify: tuple[bool, bool] | None = None


def as_told(line: Made, about: About) -> Line:
    """An entry of the model as an event tells it."""
    lots = {
        (lot.name, lot.expires_at if lot.expires_at != NEVER else None): points
        for lot, points in line.lots.items()
    }
    name = "".join(f"{len(part)}:{part}" for part in map(str, about.name))
    return sayable(
        Line(
            line.type,
            line.points,
            line.held,
            lots,
            line.balance,
            line.occurred_at,
            (about.cause, about.version, about.reason, about.order, about.hold),
            str(uuid5(NAMESPACE, name)),
            about.by,
            about.notify,
        )
    )


def sayable(line: Line) -> Line:
    """Less what has its own tests: adjusted or granted, dated by which fact, a lapse's version."""
    if line.type == "adjusted":
        line = line._replace(type="granted" if line.points > 0 else "clawed_back")
    if line.type in EARNED:
        return line._replace(occurred_at=0)
    cause, version, reason, order, hold = line.about
    version = None if line.type == "expired" else version
    return line._replace(about=(cause, version, reason, order, hold))
