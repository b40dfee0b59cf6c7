"""From an entitlement to what has to be posted (rules.md 4.1): only the difference is ever posted.

So events may come twice, late or in any order.
"""

from typing import Literal, NamedTuple

from rules.earning.entitlement import Entitlement
from rules.order.facts import OrderFacts, Posted
from schemas.ids import Micros

ChangeType = Literal["granted", "adjusted", "clawed_back"]


class Change(NamedTuple):
    """One difference to post: `points` to `holder`'s lot of this order and `episode`.

    A negative one is an upper bound: what the order's own lot let expire unspent is not taken a
    second time.
    """

    type: ChangeType
    holder: bytes
    points: int
    episode: int
    expires_at: Micros


def changes(facts: OrderFacts, now: Entitlement) -> list[Change]:
    """What differs between what is posted and `now`, in the order of posting (rules.md 4.3)."""
    posted, record = facts.posted, facts.record
    holder = record.member if record is not None else None
    if posted.points == now.now_points and (
        not posted.points or (posted.holder == holder and posted.episode == now.episode)
    ):
        return []
    differences: list[Change] = []
    moved_on = posted.holder != holder or now.episode != posted.episode or now.due_at is None
    if posted.points and posted.holder is not None and moved_on:
        # D9: the entitlement moves with the member; a new episode is granted whole (rules.md 4.5).
        differences.append(_taken_back(posted, posted.holder))
        posted = posted._replace(points=0, clawed=True)
    difference = now.now_points - posted.points
    episode = now.episode
    if posted.episode == episode and posted.holder != holder:
        # A lot of its own: in an earlier holder's, or in his own before he lost it, what expired
        # was that grant's (D9).
        episode += 1
    if holder is not None and difference and now.expires_at is not None:
        change_type = _type_of(difference, posted, now)
        differences.append(Change(change_type, holder, difference, episode, now.expires_at))
    return differences


def _taken_back(posted: Posted, holder: bytes) -> Change:
    """Takes back all that the holder got in the posted episode."""
    return Change("clawed_back", holder, -posted.points, posted.episode, posted.expires_at or 0)


def _type_of(difference: int, posted: Posted, now: Entitlement) -> ChangeType:
    """The type of an entry (rules.md 4.3).

    The first entry of an episode grants, edits adjust, cancelled and returned goods are clawed
    back.
    """
    if difference < 0:
        by_amount = now.state == "granted" or now.reason in _BY_AMOUNT
        edited = by_amount and now.earning.returned <= posted.returned
        return "adjusted" if edited else "clawed_back"
    return "granted" if now.episode != posted.episode or posted.clawed else "adjusted"


_BY_AMOUNT = frozenset({"over_limit", "currency_mismatch", "no_rule_for_tier"})
"""Reasons that an edit of the order's figures brings about, and another edit ends."""


def _lost(last: Change, now: Entitlement) -> bool:
    """Whether a posting took back the entitlement itself, not the points of returned goods.

    It does when the order was cancelled, or lost its finality or its member.
    """
    return last.type == "clawed_back" and now.state != "granted" and now.reason != "returned"


def after_posting(
    facts: OrderFacts, now: Entitlement, done: list[tuple[Change, int]], account_no: int | None
) -> Posted:
    """What is posted once `done` is in the ledger: the changes and the points that really moved."""
    posted = facts.posted
    points, episode, holder = posted.points, posted.episode, posted.holder
    for change, moved in done:
        if change.episode != episode or change.holder != holder:
            points, episode, holder = 0, change.episode, change.holder
        points += moved
    record = facts.record
    if done and record is not None and holder != record.member:
        # No member holds them now; what expired in the old member's lot is not made up for.
        points, holder = 0, None
    # A move to another holder opens a lot, not an episode of finality.
    moved_on = posted.episode == now.episode and episode == now.episode + 1
    same = now.final_at is not None and (now.episode == episode or moved_on) and episode > 0
    # By position, as this is done for every posting: episode, entries, points, holder, account_no,
    # final_at, due_at, expires_at, returned, clawed.
    return Posted(
        episode,
        posted.entries + len([moved for _, moved in done if moved]),
        points,
        holder,
        account_no if done else posted.account_no,
        now.final_at if same else posted.final_at,
        now.due_at if same else posted.due_at,
        now.expires_at if same else posted.expires_at,
        now.earning.returned if done else posted.returned,
        _lost(done[-1][0], now) if done else posted.clawed,
    )
