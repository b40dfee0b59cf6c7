"""Random histories of shops.

Settings, orders, edits, parcels going out and back, carriers' reports, customers, splits,
cancellations, returns, members and installations.

Instants lie on a grid that begins at a midnight in Taipei, so that ties, and moments that are
exactly a due date or 180 days after a creation, are common. A history's grid is of half days, or of
six days: then it covers a year.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from hypothesis import strategies as st
from hypothesis.vendor.pretty import RepresentationPrinter

from tests.property.dice import Dice, Drawn
from tests.property.parties import APPLICATIONS, SERVICES, random_customer, random_report, spelled
from tests.support.customers import application
from tests.support.order_facts import (
    Event,
    delivery,
    envelope,
    money,
    order,
    parcel,
    returned,
    settings,
    some_id,
)

# Midnight in Taipei; what is final in the last days is due in 2025.
START = datetime(2024, 12, 9, 16, tzinfo=UTC)
STEPS = 60
HALF_DAY = timedelta(hours=12)
SIX_DAYS = timedelta(days=6)
LONG_AGO = START - timedelta(days=400)
PRICES = {"subtotal", "order_discount", "user_credit", "total"}
MERCHANTS = [some_id("shop one"), some_id("shop two")]
MEMBERS = [some_id("member one"), some_id("member two"), some_id("member three")]
TIER = some_id("gold")
OTHER_BOX = "88880001"
"""The second of two boxes, in a field that names both."""
SHARED = "9100 2233-44"
"""A tracking number that orders of any merchant may have."""

TimedEvents: TypeAlias = list[tuple[datetime, Event]]


@dataclass(frozen=True)
class HistoryStep:
    """What arrives at a time: an event, or a new settings version of a merchant."""

    when: datetime
    merchant: str = ""
    event: Event | None = None
    document: dict[str, Any] | None = None

    def __repr__(self) -> str:
        """Short, since a history that failed is read by people."""
        shown: object = None
        if self.document is not None:
            shown = (
                {"settings": self.document["effective_at"]}
                | self.document["earn"]
                | self.document["entitlement"]
            )
        elif self.event is not None and "resource" in self.event:
            resource = {
                k: v["cents"] if k in PRICES else v for k, v in self.event["resource"].items() if v
            }
            shown = {
                "topic": self.event["topic"],
                "of": self.event["merchant_id"][:4],
                "ts": self.event.get("ts"),
            } | resource
        elif self.event is not None:
            shown = self.event
        return f"\n{self.when:%y-%m-%d %H:%M} {self.merchant[:4]} {shown}"

    def _repr_pretty_(self, printer: RepresentationPrinter, _cycle: object) -> None:
        printer.text(repr(self))


@dataclass(frozen=True)
class Grid:
    """The instants of one history."""

    unit: timedelta = HALF_DAY

    def at(self, step: int) -> datetime:
        """An instant of it."""
        return START + self.unit * step

    def moment(self, dice: Dice) -> datetime:
        """Any instant of it."""
        return self.at(dice.number(0, STEPS))

    def creation(self, dice: Dice) -> datetime:
        """When an order is created: at the start, or so early that reports come 180 days later."""
        if dice.once_in(6):
            return self.at(dice.number(0, 20)) - timedelta(days=180)
        return self.at(dice.number(0, 10))


@dataclass(frozen=True)
class SoldOrder:
    """An order of a history: what is the same in all its records."""

    merchant: str
    order_id: str
    created: datetime
    grid: Grid
    number: str
    service: tuple[str, str]
    parent: str | None = None
    sources: tuple[str, ...] = ()
    combined_to: str | None = None

    @property
    def plain_number(self) -> str:
        """Its tracking number in one piece."""
        return self.number.replace(" ", "").replace("-", "")

    @property
    def both_numbers(self) -> str:
        """A field that names its own number and another one."""
        return f"{self.plain_number} / {OTHER_BOX}"


def text(moment: datetime) -> str:
    """As upstream writes it."""
    return moment.isoformat().replace("+00:00", "Z")


AMOUNTS = [1000, 5, 100, 250, 430, 1001, 2310]


def document_of(
    dice: Dice, *, effective: datetime, plain: bool = False, days: tuple[int, ...] = (0, 1, 3, 10)
) -> dict[str, Any]:
    """A settings document in force from `effective`.

    A plain one claws back and lets nothing expire.
    """
    rules: list[dict[str, Any]] = [
        {"unit_price": dice.pick([10, 10, 5, 20]), "points_per_unit": 1, "membership_tier_id": None}
    ]
    if dice.once_in(2):
        rules.append({"unit_price": 7, "points_per_unit": 3, "membership_tier_id": TIER})
    month, day = dice.pick([(12, 31), (1, 2), (2, 29), (6, 30)])
    never = plain or dice.pick([False, False, True])
    modules = dice.pick([["crm_credits"], []])
    earn: dict[str, Any] = {
        "rules": rules,
        "channels": dice.pick([["ec", "retail"], ["ec", "retail"], ["ec"]]),
        "pending_days": dice.pick(days),
        "expiry": {"kind": "never"}
        if never
        else {"kind": "fixed_date", "month": month, "day": day},
        "deduct_store_credit": dice.once_in(2),
        "on_refund": dice.pick(["keep", "claw_back"]),
        "on_return": "claw_back" if plain else dice.pick(["claw_back", "keep"]),
    }
    if modules:
        earn["grant_on"] = dice.pick(["delivery_final", "delivery_final", "order_completed"])
    return settings(
        effective=text(effective),
        earn=earn,
        enabled=dice.pick([True] * 24 + [False]),
        entitlement={
            "plan": "enterprise",
            "app_installed": plain or dice.pick([True] * 9 + [False]),
            "modules": modules,
        },
        delivery_overrides=dice.pick([{}, {}, {"custom": "arrived"}]),
    )


def thin(dice: Dice, resource: dict[str, Any], *keys: str) -> dict[str, Any]:
    """The record, now and then without some of the keys: notifications and bridges lack them."""
    if not dice.once_in(5):
        return resource
    gone = {dice.pick(keys) for _ in range(3)}
    return {key: value for key, value in resource.items() if key not in gone}


def signed(dice: Dice, amount: int) -> dict[str, Any]:
    """An amount that lowers the base, now and then with a minus or in another currency."""
    return money(dice.pick([amount] * 4 + [-amount]), dice.pick(["TWD"] * 30 + ["twd", "USD"]))


def number_of(dice: Dice, sold: SoldOrder) -> str | int | None:
    """A tracking number that a record of the order names: mostly its own, in some spelling."""
    number = dice.pick([sold.number] * 9 + [None, SHARED])
    if number is None or number is SHARED or not dice.once_in(6):
        return None if number is None else spelled(dice, number)
    page = f"https://track.example/find?no={sold.plain_number}"
    return dice.pick([page, sold.both_numbers])


def parcel_fields(dice: Dice, sold: SoldOrder, moment: datetime) -> dict[str, Any]:
    """A parcel's record from a moment, about that moment and the time before."""
    fields = parcel(
        dice.pick(
            ["arrived"] * 6
            + ["collected"] * 8
            + ["shipped"] * 4
            + ["returning", "returned", "new_word"]
        ),
        dice.pick(["tw_tcat_roomtemp"] * 3 + ["tw_711_pay", "tw_711_pay", "custom", "drone"]),
        parcel_id=dice.pick([sold.order_id] * 9 + [f"{sold.order_id} 2"]),
        delivery_type=dice.pick([None, None, "store_pickup"]),
    )
    for name in ("arrived_at", "collected_at", "returned_at"):
        ago = dice.pick([None, None, 0, 1, 3])
        fields[name] = None if ago is None else text(moment - sold.grid.unit * ago)
    if dice.once_in(10):
        fields["delivery_status"] = dice.pick(["failed", "failed", "arrived"])
    if dice.once_in(4):
        fields["tracking_number"] = number_of(dice, sold)
    if dice.once_in(8):
        fields["return_order_id"] = dice.pick([None, "one"])
    if dice.once_in(20):
        fields["arrived_at"] = dice.pick(["1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z"])
    moments = ("arrived_at", "collected_at", "returned_at")
    return thin(dice, fields, "status", "platform", "delivery_type", *moments)


def family_fields(dice: Dice, sold: SoldOrder) -> dict[str, Any]:
    """What a record says of the orders that it comes from, or went into."""
    fields: dict[str, Any] = {"parent_order_id": sold.parent or ""}
    if sold.sources:
        names: list[Any] = [*sold.sources]
        fields["combined_from_orders"] = dice.pick([names, [{"id": name} for name in names]])
    if sold.combined_to is not None and dice.once_in(2):
        fields["combined_to_order_id"] = sold.combined_to
    return thin(dice, fields, *fields)


def order_record(dice: Dice, sold: SoldOrder, moment: datetime) -> Event:
    """A whole record of an order."""
    fields = family_fields(dice, sold)
    unit = sold.grid.unit
    if dice.once_in(2):
        own = dice.pick([None, moment, moment - 2 * unit])
        nested = parcel_fields(dice, sold, own or moment)
        fields["order_delivery"] = nested if own is None else nested | {"updated_at": text(own)}
    elif dice.once_in(6):
        fields["order_delivery"] = None
    if not dice.once_in(4):
        fields["delivery_data"] = {"tracking_number": number_of(dice, sold), "url": None}
    if dice.once_in(2):
        fields["completed_at"] = text(moment - unit)
    if dice.once_in(8):
        fields["order_payment"] = {"status": dice.pick(["completed", "refunded"])}
    if dice.once_in(4):
        fields["membership_tier_data"] = dice.pick(
            [{"_id": TIER}, {"_id": some_id("silver")}, {"_id": TIER}, {"_id": None}, {}, None]
        )
    event = order(
        subtotal=dice.pick(AMOUNTS),
        created=text(sold.created),
        updated=text(moment),
        status=dice.pick(["confirmed"] * 9 + ["completed"] * 9 + ["cancelled", "removed", "temp"]),
        member=dice.pick([*MEMBERS * 5, None]),
        order_id=sold.order_id,
        merchant=sold.merchant,
        topic=dice.pick(
            ["order/update"] * 8 + ["order/split_order", "order/combine_orders", "order/remove"]
        ),
        currency=dice.pick(["TWD"] * 39 + ["HKD"]),
        created_by=dice.pick(["shop"] * 9 + ["pos"]),
        is_guest_checkout=dice.pick([False] * 39 + [True]),
        order_discount=signed(dice, dice.pick([0, 0, 100])),
        user_credit=signed(dice, dice.pick([0, 50])),
        custom_discount_items=dice.pick([[], [{"total": signed(dice, 25)}]]),
        **fields,
    )
    lacking = ("customer_id", "status", "subtotal", "order_discount", "order_delivery",
               "custom_discount_items", "is_guest_checkout", "completed_at", "currency_iso",
               "created_by", "order_payment", "delivery_data")  # fmt: skip
    return event | {"resource": thin(dice, event["resource"], *lacking)}


def promising_order(dice: Dice, sold: SoldOrder) -> Event:
    """The first record of an order that could earn, so that most histories have points in them."""
    option = dice.pick(["tw_tcat_roomtemp", "tw_711_pay", "tw_tcat_roomtemp", "tw_711_pay", None])
    fields: dict[str, Any] = {"parent_order_id": sold.parent or ""}
    if sold.sources:
        fields["combined_from_orders"] = [*sold.sources]
    if option is not None:
        fields["order_delivery"] = parcel("pending", option, parcel_id=sold.order_id)
        fields["delivery_data"] = {"tracking_number": number_of(dice, sold)}
    return order(
        created=text(sold.created),
        order_id=sold.order_id,
        merchant=sold.merchant,
        member=dice.pick(MEMBERS),
        subtotal=dice.pick(AMOUNTS),
        **fields,
    )


def return_record(dice: Dice, sold: SoldOrder, moment: datetime) -> Event:
    """A return of goods, at the counter or not, perhaps cancelled again."""
    event = returned(
        0,
        text(moment),
        status=dice.pick(["completed", "completed", "confirmed", "cancelled"]),
        return_id=f"{sold.order_id} {dice.pick(['one', 'two'])}",
        order_id=sold.order_id,
        merchant=sold.merchant,
        topic=dice.pick(["return_order/update", "pos_return_order/update"]),
        requested=dice.pick([None, text(moment - 3 * sold.grid.unit)]),
        items=dice.pick([[], [], [{"total": signed(dice, n)} for n in (100, 33)]]),
    )
    paid = signed(dice, dice.pick([100, 100, 100, 250, 250, 430, 2310]))
    whole = event["resource"] | {"total": paid}
    resource = thin(dice, whole, "total", "status", "created_at", "items")
    return event | {"resource": resource}


def carrier_report(dice: Dice, sold: SoldOrder, moment: datetime) -> Event:
    """A carrier's report that may be about the order: by its number, by its id, or both."""
    number = dice.pick([sold.number] * 21 + [SHARED] * 3 + [OTHER_BOX] * 2 + [sold.both_numbers])
    by = dice.pick(["number"] * 4 + ["order", "both"])
    names: dict[str, Any] = {}
    if by != "order":
        names["number"] = spelled(dice, number)
    if by != "number":
        names["order_id"] = sold.order_id
    if dice.once_in(2):
        names["merchant"] = sold.merchant
    return random_report(dice, text(moment), sold.service, **names)


def parcel_event(dice: Dice, sold: SoldOrder, moment: datetime) -> Event:
    """A parcel by itself."""
    names = {"order_id": sold.order_id, "updated_at": text(moment)}
    resource = parcel_fields(dice, sold, moment) | names
    return envelope("order_delivery/update", resource, merchant=sold.merchant)


def other_event(dice: Dice, sold: SoldOrder, moment: datetime) -> Event:
    """The order removed by its id alone, or its parcel simply arrived."""
    if not dice.once_in(4):
        return delivery(
            "arrived",
            text(moment),
            parcel_id=sold.order_id,
            order_id=sold.order_id,
            merchant=sold.merchant,
        )
    ts = int(moment.timestamp()) * 1_000_000_000
    return envelope("order/remove", {"id": sold.order_id}, ts=ts, merchant=sold.merchant)


EVENT_MAKERS: list[Callable[[Dice, SoldOrder, datetime], Event]] = [
    *[parcel_event] * 3, *[order_record] * 2, return_record, *[other_event] * 2,
    *[carrier_report] * 4,
]  # fmt: skip


def events_of_order(dice: Dice, sold: SoldOrder) -> TimedEvents:
    """The events of one order, with the moment of each."""
    events = [(sold.created, promising_order(dice, sold))]
    for _ in range(dice.number(1, 8)):
        moment = sold.grid.moment(dice)
        events.append((moment, dice.pick(EVENT_MAKERS)(dice, sold, moment)))
    return events + (course_of_scans(dice, sold) if dice.once_in(2) else [])


def course_of_scans(dice: Dice, sold: SoldOrder) -> TimedEvents:
    """A carrier's reports of one parcel, one shortly after the other."""
    at, events = dice.number(0, STEPS - 8), []
    for _ in range(dice.number(2, 4)):
        at += dice.number(0, 2)
        moment = sold.grid.at(at)
        number = spelled(dice, sold.number)
        events.append((moment, random_report(dice, text(moment), sold.service, number=number)))
    return events


def sales(dice: Dice, merchant: str, grid: Grid) -> list[SoldOrder]:
    """Orders of a merchant; later ones may be split from those before."""
    orders: list[SoldOrder] = []
    for number in range(dice.number(1, 3)):
        created, parent = grid.creation(dice), None
        if orders and dice.once_in(3):
            whole = dice.pick(orders)
            parent, created = whole.order_id, whole.created + grid.unit * dice.pick([0, 2, 9])
        tracking = f"{dice.pick(['1', 'kx'])}{MERCHANTS.index(merchant)}70{number} 5188-36"
        orders.append(
            SoldOrder(
                merchant,
                some_id(f"{merchant} order {number}"),
                created,
                grid,
                tracking,
                dice.pick(SERVICES),
                parent,
            )
        )
    return in_families(dice, orders)


def in_families(dice: Dice, orders: list[SoldOrder]) -> list[SoldOrder]:
    """Now and then the last one was combined from the others, or is also the first one's parent.

    Then parents may go round.
    """
    *others, last = orders
    if not others:
        return orders
    if dice.once_in(8):
        others[0] = replace(others[0], parent=last.order_id)
    if dice.once_in(5):
        gone = [replace(one, combined_to=last.order_id) for one in others]
        return [*gone, replace(last, sources=tuple(one.order_id for one in others))]
    return [*others, last]


def events_of_shop(dice: Dice, merchant: str, grid: Grid) -> TimedEvents:
    """All events of a merchant: orders, customers and applications."""
    events: TimedEvents = []
    for sold in sales(dice, merchant, grid):
        events += events_of_order(dice, sold)
    for _ in range(dice.pick([0, 1, 2, 3])):
        moment = grid.moment(dice)
        events.append(
            (moment, random_customer(dice, merchant, dice.pick(MEMBERS), moment, grid.unit))
        )
    for _ in range(dice.pick([0, 0, 1, 2, 3])):
        when = (grid.moment(dice) if dice.once_in(6) else grid.creation(dice)) + timedelta(
            seconds=30
        )
        event = application(
            text(when),
            installed=dice.once_in(2),
            merchant=merchant,
            application_id=dice.pick(APPLICATIONS),
        )
        events.append((when, event))
    return events


LATENESS = [0, 0, 0, 1, 2, 7, 21, 60, 420, 800]


def random_history(dice: Dice) -> list[HistoryStep]:
    """A history as it arrives: late, repeated and out of order.

    Settings and installations may come on the way.
    """
    grid = Grid(dice.pick([HALF_DAY, HALF_DAY, SIX_DAYS]))
    steps: list[HistoryStep] = []
    for merchant in MERCHANTS[: dice.number(1, 2)]:
        effective = LONG_AGO
        for number in range(dice.pick([1, 1, 2, 3])):
            applied = (
                LONG_AGO + timedelta(days=1)
                if number == 0 and not dice.once_in(5)
                else grid.moment(dice)
            )
            document = document_of(dice, effective=effective)
            steps.append(HistoryStep(applied, merchant, document=document))
            effective = grid.at(dice.number(0, 8)) + timedelta(seconds=number + 1)
            effective = max(
                effective, datetime.fromisoformat(document["effective_at"]) + timedelta(seconds=1)
            )
        for moment, event in events_of_shop(dice, merchant, grid):
            times = dice.pick([1, 1, 1, 2])
            steps += [
                HistoryStep(moment + grid.unit * dice.pick(LATENESS), event=event)
                for _ in range(times)
            ]
    return sorted_in_time(steps)


def sorted_in_time(steps: list[HistoryStep]) -> list[HistoryStep]:
    """Sorted by arrival.

    A merchant's settings versions are in the order of their effective dates, since others cannot be
    applied.
    """
    steps = sorted(steps, key=lambda step: step.when)
    for merchant in MERCHANTS:
        places = [
            i for i, s in enumerate(steps) if s.document is not None and s.merchant == merchant
        ]
        made = sorted(
            (steps[i].document or {} for i in places), key=lambda d: str(d["effective_at"])
        )
        for place, document in zip(places, made, strict=True):
            steps[place] = HistoryStep(steps[place].when, merchant, document=document)
    return steps


@dataclass(frozen=True)
class History:
    """Settings with the times when they are applied, and events in the order of their moments."""

    grid: Grid
    settings: list[HistoryStep]
    events: TimedEvents

    @property
    def end(self) -> datetime:
        """When all of it has happened and is due."""
        return self.grid.at(STEPS) + timedelta(days=60)


def plain_history(dice: Dice, unit: timedelta | None = None, *, patient: bool = False) -> History:
    """A history that claws back and never lets points expire: its end is the same in any order.

    Its settings are known beforehand, or come once, perhaps after the orders. A `patient` one pays
    a year later, when everything has arrived, and may keep and let points expire.
    """
    grid = Grid(unit or dice.pick([HALF_DAY, HALF_DAY, SIX_DAYS]))
    steps: list[HistoryStep] = []
    events: TimedEvents = []
    for merchant in MERCHANTS[: dice.number(1, 2)]:
        days = (364, 365) if patient else (0, 1, 3, 10)
        documents = [document_of(dice, effective=LONG_AGO, plain=not patient, days=days)]
        applied = grid.moment(dice) if dice.once_in(4) else LONG_AGO + timedelta(days=1)
        if applied < START and dice.once_in(2):
            second = grid.at(dice.number(0, 8)) + timedelta(seconds=1)
            documents.append(document_of(dice, effective=second, plain=not patient, days=days))
        steps += [HistoryStep(applied, merchant, document=document) for document in documents]
        events += events_of_shop(dice, merchant, grid)
    return History(grid, steps, sorted(events, key=lambda pair: pair[0]))


@st.composite
def histories(draw: st.DrawFn) -> list[HistoryStep]:
    """Any history as it arrives."""
    return random_history(Drawn(draw))


@st.composite
def plain_histories(draw: st.DrawFn) -> History:
    """Any history whose end is the same in any order."""
    return plain_history(Drawn(draw))
