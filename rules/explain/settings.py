"""Which settings an order is bound to, and whether the feature was on, in words.

See rules.md 1.7, 1.8.
"""

from collections.abc import Iterator

from rules.earning.entitlement import Installs
from rules.explain.case import OrderCase
from rules.explain.view import ParentOrder, SettingsVersion
from rules.order.facts import NOTHING_IN_FORCE, OrderRecord
from schemas.ids import Micros, iso
from schemas.settings import BoundRules, SettingsDocument
from schemas.settings.document import CRM_CREDITS


def settings_steps(case: OrderCase, record: OrderRecord) -> Iterator[str]:
    """Which settings bind the order and why, and whether the feature was on."""
    bound = case.view.settings
    if bound is not None:
        yield from _binding(case, bound)
        yield from _feature(case, bound, record)
    elif case.view.facts.settings_no == NOTHING_IN_FORCE:
        later = "the merchant's settings came into force only after the order's creation"
        yield f"no_settings_in_force: {later}."
    else:
        yield _no_settings_yet(case.view.newest, record)


def _no_settings_yet(newest: SettingsVersion | None, record: OrderRecord) -> str:
    if newest is None:
        return (
            "no_settings_yet: the merchant has no settings; the order is bound when the first ones "
            "come, if they are in force at its creation."
        )
    when = "will be bound" if newest.effective_at <= record.created_at else "will be looked at"
    return (
        "no_settings_yet: the merchant's first settings came after the order; "
        f"it {when} at the next recheck."
    )


def _binding(case: OrderCase, bound: SettingsVersion) -> Iterator[str]:
    version = f"settings version {bound.version}, in force since {case.at(bound.effective_at)}"
    parent, later = case.view.parent, "Later changes do not affect it."
    if parent is not None and parent.settings_no == bound.version:
        same = f"as order {parent.order_id} is, which it was split from"
        yield f"Bound to {version}: {same}. {later}"
        return
    why = "those in force at its creation, among those known when it first came"
    yield f"Bound to {version}: {why}. {later}"
    if parent is not None:
        yield _parent_differs(parent)


def _parent_differs(parent: ParentOrder) -> str:
    split = f"Split from order {parent.order_id}, which"
    if parent.settings_no is None:
        return f"{split} is not known: until it comes the order is bound by its own creation."
    why = "is not bound yet" if parent.settings_no < NOTHING_IN_FORCE else "is bound otherwise"
    return f"{split} {why}: the next recheck binds this order as that one is."


def _feature(case: OrderCase, bound: SettingsVersion, record: OrderRecord) -> Iterator[str]:
    installs, rules = case.view.installs, bound.rules
    text = _entitled_by(bound.document, rules, installs, record.created_at)
    if case.decided.reason == "feature_off":
        yield f"feature_off: {text}, so the order earns nothing."
    else:
        yield f"The feature was on: {text}."
    later = [event for event in installs if event[0] > record.created_at]
    if later and rules.needs_app:
        when, installed = later[-1]
        what = "installed" if installed else "uninstalled"
        after = "after the order was made: that changes nothing for it"
        yield f"The app was {what} {case.at(when)}, {after}."


def _entitled_by(
    document: SettingsDocument, rules: BoundRules, installs: Installs, created_at: Micros
) -> str:
    """What turned the feature on, or kept it off."""
    plan = f"plan {document.entitlement.plan}"
    if not document.enabled:
        return "enabled was false"
    if not rules.feature_possible:
        return f"{plan} does not include it, and {CRM_CREDITS} is not among the modules"
    if not rules.needs_app:
        return f"module {CRM_CREDITS}"
    installed, since = rules.app_installed, rules.effective_at
    source = "settings"
    for when, state in installs:
        if rules.effective_at <= when <= created_at:
            installed, since, source = state, when, "application event"
    app = "installed" if installed else "not installed"
    return f"{plan} with the app {app} ({source} of {iso(since)[:10]})"
