"""Which settings an order is bound to, and whether the feature was on, in words.

See rules.md 1.7, 1.8.
"""

from collections.abc import Iterator

from rules.earning.entitlement import Installs
from rules.explain.case import OrderCase
from rules.explain.view import SettingsVersion
from rules.order.facts import NOTHING_IN_FORCE, OrderRecord
from schemas.ids import Micros, iso
from schemas.packing import unpack_id
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
    later = "Later changes do not affect it."
    inherited = case.view.facts.inherited
    if inherited is None:
        why = "those in force at its creation, among those known when it first came"
    elif inherited.bound_as == inherited.root:
        why = f"as order {unpack_id(inherited.root)} is, which it was split from"
    else:
        oldest = f"as order {unpack_id(inherited.bound_as)} is, the oldest of those combined into"
        own = unpack_id(inherited.root)
        why = f"{oldest} it" if not case.view.facts.origin.parent else f"{oldest} order {own}"
    yield f"Bound to {version}: {why}. {later}"
    if inherited is not None and case.view.facts.origin.parent:
        root = unpack_id(inherited.root)
        tier = f"tier {inherited.tier}" if inherited.tier else "no tier"
        yield (
            f"Judged by the creation of order {root}, {case.at(inherited.created_at)}: "
            f"its member, {tier} and channel are asked at that time."
        )
    yield from _relatives(case)


def _relatives(case: OrderCase) -> Iterator[str]:
    """What keeps an order from being judged by all of its ancestors."""
    family, origin = case.view.family, case.view.facts.origin
    if family.goes_round:
        yield "The orders it comes from lead back to itself: it is bound by its own creation."
    if family.unknown:
        named = ", ".join(family.unknown)
        how = "Split" if origin.parent else "Combined"
        are = "is" if len(family.unknown) == 1 else "are"
        until = "until it comes the order is bound without it"
        yield f"{how} from order {named}, which {are} not known: {until}."


def _feature(case: OrderCase, bound: SettingsVersion, record: OrderRecord) -> Iterator[str]:
    installs, rules = case.view.installs, bound.rules
    inherited = case.view.facts.inherited
    bound_at = record.created_at if inherited is None else inherited.bound_at
    text = _entitled_by(bound.document, rules, installs, bound_at)
    if case.decided.reason == "feature_off":
        yield f"feature_off: {text}, so the order earns nothing."
    else:
        yield f"The feature was on: {text}."
    later = [event for event in installs if event[0] > bound_at]
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
