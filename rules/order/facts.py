"""What is known of one order: records, trails, binding, and what was posted.

Of each facet the newest record is kept. Everything else about an order is decided from this and the
merchant's settings (rules.md 4.1), so two orders with equal facts are entitled to equal points,
whatever way the facts came in.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import Final, NamedTuple

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


EVERYTHING: Final = -1
"""`said` of a record that lacks no key."""
Lent = tuple[tuple[int, Version], ...]
"""Keys that the newest record lacks, each with the version of the record that it is from (D19)."""
Keys = Mapping[int, tuple[str, ...]]
"""A key's bit in `said`, and the fields that it is about."""

ORDER_KEYS: Final[Keys] = MappingProxyType({
    1 << bit: fields for bit, fields in enumerate((
        ("status",), ("member",), ("guest",), ("created_by",), ("kind",), ("currency",),
        ("subtotal",), ("order_discount",), ("custom_discount",), ("points_to_cash",),
        ("user_credit",), ("completed_at",), ("delivery_key", "delivery_id"), ("tracking",),
        ("summary_days", "summary_points"), ("refunded",), ("order_points",),
    ))
})  # fmt: skip
PARCEL_KEYS: Final[Keys] = MappingProxyType({
    1 << bit: fields for bit, fields in enumerate((
        ("status",), ("option",), ("pickup",), ("failed",), ("arrived_at",), ("collected_at",),
        ("returned_at",), ("tracking",), ("by_return",),
    ))
})  # fmt: skip
RETURN_KEYS: Final[Keys] = MappingProxyType({
    1 << bit: fields for bit, fields in enumerate((
        ("status",), ("total", "currency"), ("items", "items_currency"), ("requested_at",),
    ))
})  # fmt: skip
AMOUNTS: Final = ("subtotal", "order_discount", "custom_discount", "points_to_cash", "user_credit")
"""The amounts of an order, in the order of `OrderRecord.currencies`."""


class OrderRecord(NamedTuple):
    """The newest full record of an order, with what it lacks from older ones (D19).

    Amounts are minor units, by their magnitude where they lower the base (D11). They are in
    `currency`, or in `currencies` when one of them is in another. `said` are the keys that a record
    named so far, `lent` those that the newest one lacks.

    `created_at` is that of the lowest version heard. `tracking` is the tracking number that the
    order names for its own parcel `delivery_id`, normalised. `summary_days` and `summary_points`
    are the platform's own figure (rules.md 7), kept to be compared. `order_points` are the points
    that were redeemed for it upstream (account.md 5).
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
    refunded: bool = False
    order_points: int = 0
    currencies: tuple[str | None, ...] = ()
    said: int = EVERYTHING
    lent: Lent = ()


class ParcelRecord(NamedTuple):
    """The newest record of one parcel (`order_delivery`), with what it lacks from older ones (D19).

    `by_return`: a return order sent it back, so that the return says how much came back (D15).
    `said` and `lent` as in OrderRecord.
    """

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
    by_return: bool = False
    said: int = EVERYTHING
    lent: Lent = ()


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
    """A parcel's newest record and its trail.

    `nested`: an order record had it inside. `event` is the newest event of its own (D15).
    """

    record: ParcelRecord
    trail: Trail = EMPTY
    nested: bool = False
    event: Version | None = None


class ReturnOrder(NamedTuple):
    """A return of goods (rules.md 4.3), which lowers the base once it is `completed` (D16).

    `total` is what was paid back, `items` the list price of its goods, each in its currency; None
    is not known. It is dated by its request: `requested_at`, else its first record's time. `said`
    and `lent` as in OrderRecord.
    """

    return_id: bytes
    version: Version
    status: str
    total: int | None
    currency: str | None = None
    items: int | None = None
    items_currency: str | None = None
    requested_at: Micros | None = None
    first_at: Micros | None = None
    said: int = EVERYTHING
    lent: Lent = ()

    @property
    def dated(self) -> Micros:
        """When the goods came back: the request, else the first record (D16)."""
        if self.requested_at is not None:
            return self.requested_at
        return self.version.at if self.first_at is None else self.first_at


NOT_EARNING_KINDS: Final = frozenset({"return", "exchange"})
"""What a till's order is that earns nothing (rules.md 1.6)."""
NO_TIER: Final = ""
"""The tier of an order whose record says that its buyer had none; None is not said (D19)."""
UNSEEN = -1
"""`settings_no` of an order that is not bound, or is to be bound again (rules.md 1.7)."""
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

DELIVERY: Final = next(bit for bit, fields in ORDER_KEYS.items() if "delivery_key" in fields)


def version_of_key(record: OrderRecord | ParcelRecord | ReturnOrder, key: int) -> Version | None:
    """The version of the record that a key's value is from; None when none has named it."""
    if not record.said & key:
        return None
    for lent, version in record.lent:
        if lent == key:
            return version
    return record.version


def _counts(parcel: Parcel, nested: bytes | None, newest: Version | None) -> bool:
    if not parcel.nested or parcel.record.parcel_id == nested or newest is None:
        return True
    return parcel.event is not None and parcel.event.is_later_than(newest)


@dataclass(slots=True)
class OrderFacts:
    """All that is known of one order.

    `settings_no` is the settings version that the order is bound to (rules.md 1.7): UNSEEN until
    its creation and the first settings are known, NOTHING_IN_FORCE when no settings were in force
    at its creation. `tier` comes from the oldest record that names one (rules.md 1.3: the tier at
    creation). `reports` are the carriers' reports joined to the order, sorted; `origin` is where it
    comes from. `buyer` and `inherited` are not the order's own, but looked up before it is decided:
    the latter are the facts of creation of its ancestors, None where its own count. `redeemed` says
    that the ledger has points redeemed on it (`rules.account.redemptions`), `mismatched` that these
    are others than it redeemed upstream. `forgotten` are
    parcels and returns that a limit dropped and whose rows are to go.
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
    redeemed: bool = False
    mismatched: bool = False
    forgotten: tuple[bytes, ...] = ()

    @property
    def counted(self) -> tuple[Parcel, ...]:
        """The parcels that count: those that another one nested since has not replaced (D15)."""
        parcels, record = self.parcels, self.record
        if record is None or not parcels:
            return parcels
        for parcel in parcels:
            if parcel.nested and parcel.record.parcel_id != record.delivery_id:
                break
        else:
            return parcels
        newest = version_of_key(record, DELIVERY)
        return tuple([p for p in parcels if _counts(p, record.delivery_id, newest)])
