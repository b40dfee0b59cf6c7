"""The one law (SPEC 4.1): what an order is entitled to now, and by which differences the ledger must change.

`entitlement` decides from the facts, the bound settings and the time alone; `changes` compares it
with what was posted. Events may come twice, late or in any order: only the difference between the
two is ever posted.
"""

from typing import Literal, NamedTuple

from rules.account.expiry import expires_at
from rules.earning.due_date import due_at
from rules.earning.earning import Earning, counted_returns, earning_of
from rules.order.delivery import finals_if_kept, order_final_moment
from rules.order.facts import NOTHING_IN_FORCE, OrderFacts, Posted
from rules.order.trail import CANCELLED, since
from schemas.ids import Micros
from schemas.settings import BoundRules

OrderState = Literal["none", "waiting", "planned", "granted", "withdrawn"]
ChangeType = Literal["granted", "adjusted", "clawed_back"]
Installs = tuple[tuple[Micros, bool], ...]
"""A merchant's application events, oldest first: (when, whether installed from then on)."""


class Entitlement(NamedTuple):
    """What an order is entitled to at one moment.

    `points` is what the order earns in the end, `now_points` what of it is due now; `reason` names
    why it earns nothing. `final_at`, `due_at` and `expires_at` belong to episode `episode`, the
    newest one.
    """

    state: OrderState
    earning: Earning
    now_points: int = 0
    final_at: Micros | None = None
    due_at: Micros | None = None
    expires_at: Micros | None = None
    episode: int = 0
    reason: str | None = None
    kept: bool = False

    @property
    def points(self) -> int:
        """The points of the order by its amount."""
        return self.earning.points


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


def feature_in_force(rules: BoundRules, installs: Installs, created_at: Micros) -> bool:
    """SPEC 1.8: enabled and entitled.

    Of settings and application events the newer one at `created_at` speaks.

    Events of the settings' own instant come after them, and of two of one instant the installation.
    """
    if not rules.feature_possible:
        return False
    if not rules.needs_app:
        return True
    installed, told_at = rules.app_installed, rules.effective_at
    for at, says in installs:
        if told_at <= at <= created_at:
            installed, told_at = says, at
    return installed


class _When(NamedTuple):
    """A final moment with the due date and expiry that follow from it."""

    final_at: Micros
    due_at: Micros
    expires_at: Micros
    episode: int


def entitlement(
    facts: OrderFacts, rules: BoundRules | None, now: Micros, installs: Installs = ()
) -> Entitlement:
    """What the order is entitled to at `now`.

    `rules` are those of `facts.settings_no` (None when there are none).
    """
    refusal = _cannot_earn(facts, rules, installs)
    if refusal is not None or rules is None:
        return Entitlement(
            "none", Earning(0, 0, refusal), reason=refusal, episode=facts.posted.episode
        )
    when = _when(facts, rules, now)
    keep_from = when.due_at if when is not None and rules.keep else None
    earning = earning_of(
        facts, rules, counted_returns(facts.returns, keep_from) if facts.returns else 0
    )
    if earning.reason is not None:
        return _with(when, "none", earning, facts, reason=earning.reason)
    ended = _withdrawn(facts, earning)
    kept = ended is not None and ended != "returned" and _is_kept(facts, keep_from)
    if ended is not None and not kept:
        return _with(when, "withdrawn", earning, facts, reason=ended)
    if when is None:
        return _with(None, "waiting", earning, facts)
    final, due, expires, episode = when
    if due > now:
        return Entitlement("planned", earning, 0, final, due, expires, episode, None, kept)
    return Entitlement("granted", earning, earning.points, final, due, expires, episode, None, kept)


def is_unfinished(facts: OrderFacts, rules: BoundRules | None) -> bool:
    """Whether the order is surely not due for anything yet: most records of an order come before it is final.

    A short cut for callers that only want the differences, and know that nothing was posted or
    planned.
    """
    if rules is None or facts.record is None:
        return True
    return (
        not rules.keep
        and order_final_moment(facts, rules.overrides, on_completed=rules.on_completed) is None
    )


def _cannot_earn(facts: OrderFacts, rules: BoundRules | None, installs: Installs) -> str | None:
    if facts.record is None:
        return "unknown_order"
    if facts.settings_no < NOTHING_IN_FORCE:
        return "no_settings_yet"
    if facts.settings_no == NOTHING_IN_FORCE or rules is None:
        return "no_settings_in_force"
    # A split child is bound as its parent is: what was uninstalled between the two changes nothing
    # for it either.
    bound_at = facts.record.created_at if facts.bound_at is None else facts.bound_at
    if not feature_in_force(rules, installs, bound_at):
        return "feature_off"
    return None


def _with(
    when: _When | None,
    state: OrderState,
    earning: Earning,
    facts: OrderFacts,
    reason: str | None = None,
) -> Entitlement:
    if when is None:
        return Entitlement(state, earning, episode=facts.posted.episode, reason=reason)
    return Entitlement(
        state, earning, 0, when.final_at, when.due_at, when.expires_at, when.episode, reason
    )


def _when(facts: OrderFacts, rules: BoundRules, now: Micros) -> _When | None:
    """The final moment that counts and its episode (SPEC 2.2, 4.5).

    None while the order is not final.
    """
    if rules.keep and not rules.on_completed and facts.parcels:
        kept = _kept_when(facts, rules, now)
        if kept is not None:
            return kept
    final = order_final_moment(facts, rules.overrides, on_completed=rules.on_completed)
    return None if final is None else _episode_of(final, facts.posted, rules, now)


def _kept_when(facts: OrderFacts, rules: BoundRules, now: Micros) -> _When | None:
    """With `keep`, parcels that went back at or after the due date leave the order as final as before (SPEC 4.5).

    None when nothing of the kind is left.
    """
    for kept_from, final in finals_if_kept(facts, rules.overrides):
        when = _episode_of(final, facts.posted, rules, now)
        if kept_from >= when.due_at:
            return when
    return None


def _episode_of(final: Micros, posted: Posted, rules: BoundRules, now: Micros) -> _When:
    """A final moment no later than the granted one belongs to its episode.

    A later one opens the next (SPEC 2.2).
    """
    if posted.episode and posted.final_at is not None and final <= posted.final_at:
        return _When(
            posted.final_at, posted.due_at or final, posted.expires_at or 0, posted.episode
        )
    due = due_at(final, rules.pending_days, rules.zone)
    expires = expires_at(due, rules.expiry, rules.zone)
    if posted.episode and posted.points and due <= now and expires == posted.expires_at:
        return _When(final, due, expires, posted.episode)
    return _When(final, due, expires, posted.episode + 1)


def _withdrawn(facts: OrderFacts, earning: Earning) -> str | None:
    if facts.trail.entries and facts.trail.entries[-1].state in CANCELLED:
        return "cancelled"
    if earning.returned and earning.goods > 0 and not earning.base:
        return "returned"
    return None


def _is_kept(facts: OrderFacts, keep_from: Micros | None) -> bool:
    at = since(facts.trail, CANCELLED)
    return keep_from is not None and at is not None and at >= keep_from


def changes(facts: OrderFacts, now: Entitlement) -> list[Change]:
    """The differences between what is posted and what `now` says, in the order in which they are posted."""
    posted, record = facts.posted, facts.record
    holder = record.member if record is not None else None
    if posted.points == now.now_points and (
        not posted.points or (posted.holder == holder and posted.episode == now.episode)
    ):
        return []
    found: list[Change] = []
    if (
        posted.points
        and posted.holder is not None
        and (posted.holder != holder or now.episode != posted.episode or now.due_at is None)
    ):
        # D9: the entitlement moves with the member; a new episode is granted whole (SPEC 4.5).
        found.append(
            Change(
                "clawed_back", posted.holder, -posted.points, posted.episode, posted.expires_at or 0
            )
        )
        posted = posted._replace(points=0, clawed=True)
    difference = now.now_points - posted.points
    if holder is not None and difference and now.expires_at is not None:
        found.append(
            Change(
                _type_of(difference, posted, now), holder, difference, now.episode, now.expires_at
            )
        )
    return found


def _type_of(difference: int, posted: Posted, now: Entitlement) -> ChangeType:
    """SPEC 4.3: the first entry of an episode grants, cancelled and returned goods are clawed back, edits adjust."""
    if difference < 0:
        by_amount = now.state == "granted" or now.reason in _BY_AMOUNT
        return (
            "adjusted" if by_amount and now.earning.returned <= posted.returned else "clawed_back"
        )
    return "granted" if now.episode != posted.episode or posted.clawed else "adjusted"


_BY_AMOUNT = frozenset({"over_limit", "currency_mismatch", "no_rule_for_tier"})
"""Reasons that an edit of the order's figures brings about, and another edit ends."""


def _lost(last: Change, now: Entitlement) -> bool:
    """Whether a posting took the entitlement itself (cancelled, finality or membership lost), not goods of it."""
    return last.type == "clawed_back" and now.state != "granted" and now.reason != "returned"


def after_posting(
    facts: OrderFacts, now: Entitlement, done: list[tuple[Change, int]], account_no: int | None
) -> Posted:
    """What is posted once `done` (each change with the points that it really moved) is in the ledger."""
    posted = facts.posted
    points, episode, holder = posted.points, posted.episode, posted.holder
    for change, moved in done:
        if change.episode != episode or change.holder != holder:
            points, episode, holder = 0, change.episode, change.holder
        points += moved
    record = facts.record
    if done and record is not None and holder != record.member:
        points = 0  # nobody holds them now: what the old member's lot let expire stays his
    same = now.final_at is not None and now.episode == episode and episode > 0
    return Posted(
        episode,
        posted.entries + sum(1 for _, moved in done if moved),
        points,
        holder,
        account_no if done else posted.account_no,
        now.final_at if same else posted.final_at,
        now.due_at if same else posted.due_at,
        now.expires_at if same else posted.expires_at,
        now.earning.returned if done else posted.returned,
        _lost(done[-1][0], now) if done else posted.clawed,
    )
