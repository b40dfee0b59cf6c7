"""Which settings an order is bound to and whether the feature was on (SPEC 1.7, 1.8), in sentences for `points explain`."""

from collections.abc import Callable, Iterator

from rules.earning.entitlement import Installs
from rules.order.facts import NOTHING_IN_FORCE, OrderRecord
from schemas.ids import Micros, iso
from schemas.settings import BoundRules, SettingsDocument
from schemas.settings.document import CRM_CREDITS
from store.reads.views import OrderView, Parent, SettingsVersion


def settings_steps(
    view: OrderView, record: OrderRecord, reason: str | None, at: Callable[[Micros], str]
) -> Iterator[str]:
    """Which settings bind the order and why, and whether the feature was on.

    `at` writes an instant for people.
    """
    bound = view.settings
    if bound is not None:
        yield from _binding(bound, view.parent, at)
        yield from _feature(view, bound, record, reason, at)
    elif view.facts.settings_no == NOTHING_IN_FORCE:
        yield "no_settings_in_force: the merchant's settings came into force only after the order's creation."
    else:
        yield _no_settings_yet(view, record)


def _no_settings_yet(view: OrderView, record: OrderRecord) -> str:
    newest = view.newest
    if newest is None:
        return (
            "no_settings_yet: the merchant has no settings; the order is bound when the first ones come, "
            "if they are in force at its creation."
        )
    when = "will be bound" if newest.effective_at <= record.created_at else "will be looked at"
    return f"no_settings_yet: the merchant's first settings came after the order; it {when} at the next recheck."


def _binding(
    bound: SettingsVersion, parent: Parent | None, at: Callable[[Micros], str]
) -> Iterator[str]:
    told = f"Bound to settings version {bound.version}, in force since {at(bound.effective_at)}"
    if parent is not None and parent.settings_no == bound.version:
        yield f"{told}: as order {parent.order_id} is, which it was split from. Later changes do not touch it."
        return
    known = "among those known when it was first heard of"
    yield f"{told}: those in force at its creation, {known}. Later changes do not touch it."
    if parent is not None and parent.settings_no is None:
        yield f"Split from order {parent.order_id}, which is not known: until it comes the order is bound by its own creation."
    elif parent is not None and parent.settings_no is not None:
        why = "is not bound yet" if parent.settings_no < NOTHING_IN_FORCE else "is bound otherwise"
        yield f"Split from order {parent.order_id}, which {why}: the next recheck binds it as that is."


def _feature(
    view: OrderView,
    bound: SettingsVersion,
    record: OrderRecord,
    reason: str | None,
    at: Callable[[Micros], str],
) -> Iterator[str]:
    text = _entitled_by(bound.document, bound.rules, view.installs, record.created_at)
    if reason == "feature_off":
        yield f"feature_off: {text}, so the order earns nothing."
    else:
        yield f"The feature was on: {text}."
    later = [one for one in view.installs if one[0] > record.created_at]
    if later and bound.rules.needs_app:
        when, installed = later[-1]
        what = "installed" if installed else "uninstalled"
        yield f"The app was {what} {at(when)}, after the order was made: that changes nothing for it."


def _entitled_by(
    document: SettingsDocument, rules: BoundRules, installs: Installs, created_at: Micros
) -> str:
    plan = f"plan {document.entitlement.plan}"
    if not document.enabled:
        return "enabled was false"
    if not rules.feature_possible:
        return f"{plan} does not carry it, and {CRM_CREDITS} is not among the modules"
    if not rules.needs_app:
        return f"module {CRM_CREDITS}"
    heard = [one for one in installs if rules.effective_at <= one[0] <= created_at]
    installed = heard[-1][1] if heard else rules.app_installed
    app = "installed" if installed else "not installed"
    source = (
        f"application event of {iso(heard[-1][0])[:10]}"
        if heard
        else f"settings of {iso(rules.effective_at)[:10]}"
    )
    return f"{plan} with the app {app} ({source})"
