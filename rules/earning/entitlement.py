"""The one law (rules.md 4.1): what an order is entitled to now.

It is decided from the facts, the bound settings and the time alone. What has to be posted follows
from it (`rules.earning.differences`).
"""

from typing import Literal, NamedTuple

from rules.account.expiry import expires_at
from rules.earning.due_date import due_at
from rules.earning.earning import Earning, counted_returns, earning_of, withdrawal_of
from rules.order.delivery import finals_if_kept, order_final_moment
from rules.order.facts import NOTHING_IN_FORCE, OrderFacts, OrderRecord, Posted
from rules.order.trail import CANCELLED, resolved, since
from schemas.ids import Micros
from schemas.settings import BoundRules

OrderState = Literal["none", "waiting", "planned", "granted", "withdrawn"]
Installs = tuple[tuple[Micros, bool], ...]
"""A merchant's application events, oldest first: (when, whether installed from then on)."""


class Entitlement(NamedTuple):
    """What an order is entitled to at one moment.

    `points` is what the order earns in the end, `now_points` what of it is due now; `reason` names
    why it earns nothing. `final_at`, `due_at` and `expires_at` belong to episode `episode`, the
    newest one. `kept` says that the order was cancelled too late to lose its points (rules.md 4.5).
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


def feature_in_force(rules: BoundRules, installs: Installs, created_at: Micros) -> bool:
    """Whether the feature is enabled and entitled at the order's creation (rules.md 1.8).

    The newest of settings and application events counts. An event at the settings' own instant
    comes after them, and of two events at one instant the installation comes last.
    """
    if not rules.feature_possible:
        return False
    if not rules.needs_app:
        return True
    installed, since_at = rules.app_installed, rules.effective_at
    for at, is_installed in installs:
        if since_at <= at <= created_at:
            installed, since_at = is_installed, at
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
    """What the order is entitled to at `now` (rules.md 4.1).

    `rules` are those of `facts.settings_no` (None when there are none).
    """
    refusal = _cannot_earn(facts, rules, installs)
    if refusal is not None or rules is None:
        return Entitlement(
            "none", Earning(0, 0, refusal), reason=refusal, episode=facts.posted.episode
        )
    when = _when(facts, rules, now)
    keep_from = when.due_at if when is not None and rules.keep else None
    returned = counted_returns(facts, rules, keep_from) if facts.returns else 0
    earning = earning_of(facts, rules, returned)
    if earning.reason is not None:
        return _with(when, "none", earning, facts, reason=earning.reason)
    ended = withdrawal_of(facts, rules, earning)
    kept = ended == "cancelled" and _is_kept(facts, keep_from)
    if kept and facts.record is not None and facts.record.refunded and rules.refund_takes_back:
        ended, kept = "refunded", False  # a refund is withdrawn also with `keep` (D17)
    if ended is not None and not kept:
        return _with(when, "withdrawn", earning, facts, reason=ended)
    if when is None:
        return _with(None, "waiting", earning, facts)
    final, due, expires, episode = when
    # By position, as this is done for every order: state, earning, now_points, final_at, due_at,
    # expires_at, episode, reason, kept.
    # What is granted stays granted when the clock steps back (D14).
    if due > now and not (episode and episode == facts.posted.episode):
        return Entitlement("planned", earning, 0, final, due, expires, episode, None, kept)
    return Entitlement("granted", earning, earning.points, final, due, expires, episode, None, kept)


def _cannot_earn(facts: OrderFacts, rules: BoundRules | None, installs: Installs) -> str | None:
    if facts.record is None:
        return "unknown_order"
    if facts.settings_no < NOTHING_IN_FORCE:
        return "no_settings_yet"
    if facts.settings_no == NOTHING_IN_FORCE or rules is None:
        return "no_settings_in_force"
    if not feature_in_force(rules, installs, bound_at(facts, facts.record)):
        return "feature_off"
    return None


def bound_at(facts: OrderFacts, record: OrderRecord) -> Micros:
    """The creation that binds an order to its settings (rules.md 1.7).

    A split child is bound as its root is: an app uninstalled between the two creations changes
    nothing for the child either.
    """
    return record.created_at if facts.inherited is None else facts.inherited.bound_at


def _with(
    when: _When | None,
    state: OrderState,
    earning: Earning,
    facts: OrderFacts,
    reason: str | None = None,
) -> Entitlement:
    """An entitlement of which nothing is due now."""
    if when is None:
        return Entitlement(state, earning, episode=facts.posted.episode, reason=reason)
    return Entitlement(
        state=state,
        earning=earning,
        now_points=0,
        final_at=when.final_at,
        due_at=when.due_at,
        expires_at=when.expires_at,
        episode=when.episode,
        reason=reason,
    )


def _when(facts: OrderFacts, rules: BoundRules, now: Micros) -> _When | None:
    """The final moment that counts and its episode (rules.md 2.2, 4.5).

    None while the order is not final.
    """
    if rules.keep and not rules.on_completed and facts.parcels:
        kept = _kept_when(facts, rules, now)
        if kept is not None:
            return kept
    final = order_final_moment(facts, rules.overrides, on_completed=rules.on_completed)
    return None if final is None else _episode_of(final, facts.posted, rules, now)


def _kept_when(facts: OrderFacts, rules: BoundRules, now: Micros) -> _When | None:
    """With `keep`, parcels that went back once points were due leave the order final.

    See rules.md 4.5.

    None when no parcel did so.
    """
    for kept_from, final in finals_if_kept(facts, rules.overrides):
        when = _episode_of(final, facts.posted, rules, now)
        if kept_from >= when.due_at:
            return when
    return None


def _episode_of(final: Micros, posted: Posted, rules: BoundRules, now: Micros) -> _When:
    """A final moment no later than the granted one belongs to its episode (rules.md 2.2).

    A later one opens the next.
    """
    if posted.episode and posted.final_at is not None and final <= posted.final_at:
        return _When(
            posted.final_at, posted.due_at or final, posted.expires_at or 0, posted.episode
        )
    due = due_at(final, rules.pending_days, rules.zone)
    expires = expires_at(due, rules.expiry, rules.zone)
    # Already granted and due again with the same expiry: a new episode would change nothing.
    if posted.episode and posted.points and due <= now and expires == posted.expires_at:
        return _When(final, due, expires, posted.episode)
    return _When(final, due, expires, posted.episode + 1)


def _is_kept(facts: OrderFacts, keep_from: Micros | None) -> bool:
    at = since(resolved(facts.trail), CANCELLED)
    return keep_from is not None and at is not None and at >= keep_from
