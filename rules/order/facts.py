"""What is known of one order: records, trails, binding, and what was posted.

Of each facet the newest record is kept. Everything else about an order is decided from this and the
merchant's settings (rules.md 4.1), so two orders with equal facts are entitled to equal points,
whatever way the facts came in.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from rules.order.family import UNKNOWN_ORIGIN, Creation, Origin
from rules.order.membership import UNKNOWN_BUYER, Buyer
from rules.order.trail import EMPTY, Trail, Version
from schemas.carriers.meaning import Meaning
from schemas.ids import Micros


class DeliveryKey(IntEnum):
    """What an order record says about its delivery.

    rules.md 2.2 D4: a missing key is no statement, a null is.
    """

    ABSENT = 0
    NULL = 1
    PRESENT = 2


class OrderRecord(NamedTuple):
    """The newest full record of an order. Amounts are minor units of `currency`.

    `created_at` is that of the lowest version heard. `tracking` is the tracking number that the
    order names for its own parcel `delivery_id`, normalised. `summary_days` and `summary_points`
    are the platform's own figure (rules.md 7), kept to be compared.
    """

    version: Version
    created_at: Micros
    status: str
    member: bytes | None
    guest: bool
    created_by: str | None
    kind: str | None
    currency: str | None
    subtotal: int
    order_discount: int = 0
    custom_discount: int = 0
    points_to_cash: int = 0
    user_credit: int = 0
    completed_at: Micros | None = None
    delivery_key: DeliveryKey = DeliveryKey.ABSENT
    tracking: bytes | None = None
    delivery_id: bytes | None = None
    summary_days: int | None = None
    summary_points: int | None = None


class ParcelRecord(NamedTuple):
    """The newest record of one parcel (`order_delivery`), as upstream tells it."""

    version: Version
    parcel_id: bytes
    status: str
    option: str | None
    pickup: bool = False
    failed: bool = False
    arrived_at: Micros | None = None
    collected_at: Micros | None = None
    returned_at: Micros | None = None
    tracking: bytes | None = None


class CarrierReport(NamedTuple):
    """What a carrier reported (rules.md 2.4, 6).

    Reports sort by time and then by rank, which is the meaning's number.

    `number` is the normalised tracking number, empty when the report had none; `named` says that
    the report named the order itself. `service` is "carrier/service", `code` the table's spelling
    of the code; `return_leg` is already in the meaning, and kept for a code that is unknown so far.
    """

    at: Micros
    meaning: Meaning
    number: bytes = b""
    service: str = ""
    code: str = ""
    named: bool = False
    return_leg: bool = False


class Parcel(NamedTuple):
    """A parcel's newest record and its trail."""

    record: ParcelRecord
    trail: Trail = EMPTY


class ReturnOrder(NamedTuple):
    """A return of goods (rules.md 4.3), which lowers the base by `total` once it is `completed`."""

    return_id: bytes
    version: Version
    status: str
    total: int
    trail: Trail = EMPTY


UNSEEN = -1
"""`settings_no` of an order that is not bound, or is to be bound anew (rules.md 1.7)."""
NOTHING_IN_FORCE = 0


class Posted(NamedTuple):
    """What the ledger holds for an order, and the episode of finality that it is of (rules.md 2.2).

    `points` is the sum of the earning entries that the present holder got in this episode;
    `final_at`, `due_at` and `expires_at` are those of the newest episode, which an earlier final
    moment no longer moves. `returned` is the sum of the returns that the last posting counted,
    `clawed` whether it took back the entitlement itself (the order was cancelled, or lost its
    finality or its member), so that points that come back are granted, not adjusted.
    """

    episode: int = 0
    entries: int = 0
    points: int = 0
    holder: bytes | None = None
    account_no: int | None = None
    final_at: Micros | None = None
    due_at: Micros | None = None
    expires_at: Micros | None = None
    returned: int = 0
    clawed: bool = False


NOTHING_POSTED = Posted()


@dataclass(slots=True)
class OrderFacts:
    """All that is known of one order.

    `settings_no` is the settings version that the order is bound to (rules.md 1.7): UNSEEN until
    its creation and the first settings are known, NOTHING_IN_FORCE when no settings were in force
    at its creation. `tier` comes from the oldest record that names one (rules.md 1.3: the tier at
    creation). `reports` are the carriers' reports joined to the order, sorted; `origin` is where it
    comes from. `buyer` and `inherited` are not the order's own, but looked up before it is decided:
    the latter are the facts of creation of its ancestors, None where its own count.
    """

    record: OrderRecord | None = None
    trail: Trail = EMPTY
    parcels: tuple[Parcel, ...] = ()
    returns: tuple[ReturnOrder, ...] = ()
    tier: str | None = None
    tier_at: Version | None = None
    settings_no: int = UNSEEN
    posted: Posted = NOTHING_POSTED
    reports: tuple[CarrierReport, ...] = ()
    origin: Origin = UNKNOWN_ORIGIN
    buyer: Buyer = UNKNOWN_BUYER
    inherited: Creation | None = None
