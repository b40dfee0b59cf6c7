"""Membership as a timeline (rules.md 1.5): what customer events say of a member, and since when.

A registration date, once given, is replaced only by another date. `is_member` holds from its
record's time on, the first statement also for the time before, save a removal. So whoever leaves
keeps what he earned, and earns no more until he registers again.
"""

from bisect import bisect_left
from typing import NamedTuple

from rules.order.trail import Version
from schemas.ids import NEVER, Micros

MOST_REPEATED = 16
"""Of one member; beyond it those that add nothing are forgotten: shops send a customer at every
sign-in, and what changed since when is told by few.
"""
MOST_STATEMENTS = 64
"""Of one member, when each of them tells something."""
LONG_AGO: Micros = -(2**63)
"""Before every creation of an order, as NEVER is behind it."""


class MemberStatement(NamedTuple):
    """What one customer record says of membership; None: it does not say.

    `removal`: a `user/remove`, which says that the customer is no member from then on.
    """

    version: Version
    is_member: bool | None = None
    registered_at: Micros | None = None
    removal: bool = False


class Buyer(NamedTuple):
    """What customer events say of an order's member, oldest first; nothing: not known."""

    statements: tuple[MemberStatement, ...] = ()


UNKNOWN_BUYER = Buyer()


def with_statement(buyer: Buyer, statement: MemberStatement) -> Buyer:
    """The timeline with one more statement; the same object when the statement adds nothing."""
    known = buyer.statements
    place = bisect_left(known, _order(statement), key=_order)
    if place < len(known) and known[place] == statement:
        return buyer
    grown = (*known[:place], statement, *known[place:])
    if len(grown) <= MOST_REPEATED:
        return Buyer(grown)
    least = _least_telling(grown)
    if least is None:
        if len(grown) <= MOST_STATEMENTS:
            return Buyer(grown)
        least = 1  # the one behind the first, which reaches back
    return buyer if least == place else Buyer((*grown[:least], *grown[least + 1 :]))


def not_yet_a_member(buyer: Buyer, created_at: Micros) -> str | None:
    """Why the buyer was no member when an order was made (rules.md 1.5).

    None for a member, and when nothing is known about it. The times at which a *false* was said
    part the timeline; within its part, the date that was given last is the date of registration.
    """
    if not buyer.statements:
        return None
    left, leaves = _part_of(buyer, created_at)
    registered = None
    for statement in buyer.statements:
        date = statement.registered_at
        if date is not None and left < date <= leaves:
            registered = date
    if registered is not None:
        return "registered_later" if registered > created_at else None
    said = _said_at(buyer, created_at)
    return "not_a_member" if said is False else None


def registered_at(buyer: Buyer, created_at: Micros) -> Micros | None:
    """The registration that counts for an order of that creation; None when none is known."""
    left, leaves = _part_of(buyer, created_at)
    dates = [s.registered_at for s in buyer.statements if s.registered_at is not None]
    return next((date for date in reversed(dates) if left < date <= leaves), None)


def left_at(buyer: Buyer, created_at: Micros) -> Micros | None:
    """When the buyer left after an order of that creation; None when he did not."""
    leaves = _part_of(buyer, created_at)[1]
    return None if leaves == NEVER else leaves


def changed_between(before: Buyer, after: Buyer) -> tuple[Micros, Micros] | None:
    """From when until before when orders are judged otherwise now; None when none is."""
    moments = sorted({LONG_AGO} | _moments(before) | _moments(after))
    changed = [
        i
        for i, moment in enumerate(moments)
        if not_yet_a_member(before, moment) != not_yet_a_member(after, moment)
    ]
    if not changed:
        return None
    behind = changed[-1] + 1
    return moments[changed[0]], moments[behind] if behind < len(moments) else NEVER


def _part_of(buyer: Buyer, at: Micros) -> tuple[Micros, Micros]:
    """The last *false* up to a moment, and the first one after it."""
    left, leaves = LONG_AGO, NEVER
    for statement in buyer.statements:
        if statement.is_member is False:
            if statement.version.at <= at:
                left = max(left, statement.version.at)
            else:
                leaves = min(leaves, statement.version.at)
    return left, leaves


def _said_at(buyer: Buyer, at: Micros) -> bool | None:
    """What the newest statement up to a moment says, else the first one, which reaches back."""
    said = [s for s in buyer.statements if s.is_member is not None]
    held = [s.is_member for s in said if s.version.at <= at]
    if held:
        return held[-1]
    return said[0].is_member if said and not said[0].removal else None


def _moments(buyer: Buyer) -> set[Micros]:
    """Where the verdict may change: it holds from each of these moments to the next."""
    dates = {s.registered_at for s in buyer.statements if s.registered_at is not None}
    return dates | {s.version.at for s in buyer.statements}


def _order(statement: MemberStatement) -> tuple[Version, int, Micros, bool]:
    """By version; a tie in it falls by what is said, the same way everywhere."""
    said = -1 if statement.is_member is None else int(statement.is_member)
    date = LONG_AGO if statement.registered_at is None else statement.registered_at
    return statement.version, said, date, statement.removal


def _least_telling(statements: tuple[MemberStatement, ...]) -> int | None:
    """The place of the oldest statement without which every order is judged as with it.

    The first reaches back, and the last is the newest word: neither is it. None when each tells
    something.
    """
    places = range(1, len(statements) - 1)
    said = [statement[1:] for statement in statements]
    repeats = (i for i in places if said[i - 1] == said[i] == said[i + 1])
    return next((i for i in places if _adds_nothing(statements, i)), next(repeats, None))


def _adds_nothing(statements: tuple[MemberStatement, ...], place: int) -> bool:
    """Whether others say what the statement says: *member* the one before, its date a later one."""
    _, is_member, date, _ = statements[place]
    if is_member is False:
        return False  # it parts the timeline
    if is_member:
        said = [s.is_member for s in statements[:place] if s.is_member is not None]
        if not said or not said[-1]:
            return False
    return date is None or any(s.registered_at == date for s in statements[place + 1 :])
