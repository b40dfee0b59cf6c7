"""All that is known of one order, as plain values: what `explain` tells of."""

from dataclasses import dataclass, field
from typing import NamedTuple

from rules.earning.entitlement import Installs
from rules.earning.redeemed_orders import Redeemed
from rules.order.facts import CarrierReport, OrderFacts
from schemas.events import EntryType
from schemas.ids import Micros
from schemas.settings import BoundRules, SettingsDocument, compile_settings

EARNING_TYPES = frozenset({EntryType.granted, EntryType.adjusted, EntryType.clawed_back})
"""Entries that add up to what the order has earned (I1)."""


@dataclass(frozen=True, slots=True)
class OrderEntry:
    """A ledger entry of an order (`numbered`), or the lapse of one of its lots."""

    member_id: str
    sequence: int
    type: EntryType
    numbered: bool
    points: int
    expires_at: Micros | None
    occurred_at: Micros
    recorded_at: Micros


@dataclass(frozen=True, slots=True)
class SettingsVersion:
    """One version of a merchant's settings, and who applied it."""

    version: int
    effective_at: Micros
    document: SettingsDocument
    applied_at: Micros
    applied_by: str

    @property
    def rules(self) -> BoundRules:
        """The rules that orders are bound to."""
        return compile_settings(self.document, self.effective_at)


class Family(NamedTuple):
    """Of the orders that an order names as those it comes from: which are not known.

    `goes_round`: its ancestors lead back to itself.
    """

    unknown: tuple[str, ...] = ()
    goes_round: bool = False


NO_FAMILY = Family()


class TrackedNumber(NamedTuple):
    """A tracking number of the order's parcels, and the reports kept with it.

    `claims`: how many of the merchant's orders ever named it, `named_at` when this one first did,
    if it did. `reports` are those that may be of this order, decisive or not. `ambiguous`: some
    could be of several members' orders.
    """

    number: bytes
    claims: int
    ambiguous: bool
    reports: tuple[CarrierReport, ...]
    named_at: Micros | None = None


@dataclass(frozen=True, slots=True)
class OrderView:
    """All that is known of one order at `now`.

    `settings` are those the order is bound to, `newest` the merchant's newest. `installs` are the
    merchant's application events; `parent` is set for a split child. `awaiting`: reports that name
    the order's id without a merchant, and wait for the next recheck. `till_returns` are a till's
    orders of type return or exchange that name this one as their parent (D17). `redeemed`: what was
    redeemed on the order, by the packed member.
    """

    now: Micros
    facts: OrderFacts
    planned: int
    due_at: Micros | None
    entries: tuple[OrderEntry, ...]
    settings: SettingsVersion | None
    newest: SettingsVersion | None
    installs: Installs = ()
    family: Family = NO_FAMILY
    numbers: tuple[TrackedNumber, ...] = ()
    awaiting: int = 0
    till_returns: tuple[str, ...] = ()
    redeemed: Redeemed = field(default_factory=dict)

    @property
    def granted(self) -> int:
        """Sum of the earning entries, over all accounts."""
        return sum(e.points for e in self.entries if e.numbered and e.type in EARNING_TYPES)
