"""The settings as an order is bound to them.

One flat, immutable value per settings version, made for the hot path.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from schemas.ids import Micros, micros
from schemas.money import minor_units
from schemas.settings.account_rules import AccountRules, account_rules
from schemas.settings.document import CRM_CREDITS, Earn, FixedDate, SettingsDocument
from schemas.settings.fields import FinalStatus

PLANS_WITH_APP = frozenset({"o2o", "enterprise"})
"""The plans that carry the feature once the app is installed (rules.md 1.8)."""


@dataclass(frozen=True, slots=True)
class BoundRules:
    """What the rules need of one settings version.

    `feature_possible`: enabled, and the plan or a module carries the feature. `needs_app`: only the
    plan does, so that the app must be installed as well; `app_installed` is what this version says
    about it (rules.md 1.8). `unit_by_tier`: tier id, or None for the general rule, to (unit price
    in minor units, points per unit). `expiry`: (month, day), None for never. `keep`: a cancellation
    or return from the due date on changes nothing (rules.md 4.3). `refund_takes_back`: so does a
    payment that was wholly refunded (D17). `overrides`: the merchant's final
    status per delivery option (rules.md 2.2 D3). `account`: what the points account needs.
    """

    zone: str
    currency: str
    feature_possible: bool
    needs_app: bool
    app_installed: bool
    effective_at: Micros
    unit_by_tier: Mapping[str | None, tuple[int, int]]
    channels: frozenset[str]
    pending_days: int
    on_completed: bool
    expiry: tuple[int, int] | None
    deduct_store_credit: bool
    keep: bool
    refund_takes_back: bool
    overrides: Mapping[str, FinalStatus]
    account: AccountRules


def compile_settings(document: SettingsDocument, effective_at: Micros | None = None) -> BoundRules:
    """The bound rules of a document, in force from `effective_at`.

    Without it, from the document's own.
    """
    if effective_at is None:
        if document.effective_at is None:
            raise ValueError(
                "the settings do not say since when they are in force: pass effective_at"
            )
        effective_at = micros(document.effective_at)
    by_module = CRM_CREDITS in document.entitlement.modules
    by_plan = document.entitlement.plan in PLANS_WITH_APP
    earn = document.earn
    return BoundRules(
        zone=document.timezone,
        currency=document.currency,
        feature_possible=document.enabled and (by_plan or by_module),
        needs_app=by_plan and not by_module,
        app_installed=document.entitlement.app_installed,
        effective_at=effective_at,
        unit_by_tier=_units(earn, document.currency),
        channels=frozenset(earn.channels),
        pending_days=earn.pending_days,
        on_completed=earn.grant_on == "order_completed",
        expiry=(earn.expiry.month, earn.expiry.day) if isinstance(earn.expiry, FixedDate) else None,
        deduct_store_credit=earn.deduct_store_credit,
        keep=earn.on_return == "keep",
        refund_takes_back=earn.on_refund == "claw_back",
        overrides=dict(document.delivery_overrides),
        account=account_rules(document),
    )


def _units(earn: Earn, currency: str) -> dict[str | None, tuple[int, int]]:
    return {
        rule.membership_tier_id: (minor_units(rule.unit_price, currency), rule.points_per_unit)
        for rule in earn.rules
    }
