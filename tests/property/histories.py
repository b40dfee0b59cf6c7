"""Random histories of shops: settings, orders, edits, parcels going forth and back, carriers' reports, customers, splits,
cancellations, returns, members, installations.

Instants lie on a grid that begins at a midnight in Taipei, so that ties, and moments that are exactly a due date or 180
days after a creation, are common. A history's grid is of half days, or of six days: then it tells of a year.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from hypothesis import strategies as st
from hypothesis.vendor.pretty import RepresentationPrinter

from tests.property.parties import APPLICATIONS, SERVICES, customers, reports, spelled
from tests.support.parties import application
from tests.support.shop import Event, delivery, envelope, money, order, parcel, returned, settings, some_id

START = datetime(2024, 12, 9, 16, tzinfo=UTC)  # midnight in Taipei; what is final in the last days is due in 2025
STEPS = 60
HALF_DAY = timedelta(hours=12)
SIX_DAYS = timedelta(days=6)
LONG_AGO = START - timedelta(days=400)
PRICES = {"subtotal", "order_discount", "user_credit", "total"}
MERCHANTS = [some_id("shop one"), some_id("shop two")]
MEMBERS = [some_id("member one"), some_id("member two"), some_id("member three")]
TIER = some_id("gold")
SHARED = "9100 2233-44"
"""A tracking number that orders of any merchant may have."""

Draw: TypeAlias = st.DrawFn
Told: TypeAlias = list[tuple[datetime, Event]]


@dataclass(frozen=True)
class Step:
    """Something heard at a time: an event, or a new settings version of a merchant."""

    when: datetime
    merchant: str = ""
    event: Event | None = None
    document: dict[str, Any] | None = None

    def __repr__(self) -> str:
        """Short, since a history that failed is read by people."""
        told: object = None
        if self.document is not None:
            told = {"settings": self.document["effective_at"]} | self.document["earn"] | self.document["entitlement"]
        elif self.event is not None and "resource" in self.event:
            resource = {k: v["cents"] if k in PRICES else v for k, v in self.event["resource"].items() if v}
            told = {"topic": self.event["topic"], "of": self.event["merchant_id"][:4], "ts": self.event.get("ts")} | resource
        elif self.event is not None:
            told = self.event
        return f"\n{self.when:%y-%m-%d %H:%M} {self.merchant[:4]} {told}"

    def _repr_pretty_(self, printer: RepresentationPrinter, _cycle: object) -> None:
        printer.text(repr(self))


@dataclass(frozen=True)
class Grid:
    """The instants of one history."""

    unit: timedelta = HALF_DAY

    def at(self, step: int) -> datetime:
        """An instant of it."""
        return START + self.unit * step

    @property
    def moments(self) -> st.SearchStrategy[datetime]:
        """Any instant of it."""
        return st.integers(0, STEPS).map(self.at)

    @property
    def creations(self) -> st.SearchStrategy[datetime]:
        """When orders are created: at the beginning, some so early that reports of them may come 180 days later."""
        early = st.integers(0, 10).map(self.at)
        return st.one_of(early, early, early, early, st.integers(0, 20).map(lambda step: self.at(step) - timedelta(days=180)))


@dataclass(frozen=True)
class Sold:
    """An order of a history: what is the same in all that is said of it."""

    merchant: str
    order_id: str
    created: datetime
    grid: Grid
    number: str
    service: tuple[str, str]
    parent: str | None = None


def text(moment: datetime) -> str:
    """As upstream writes it."""
    return moment.isoformat().replace("+00:00", "Z")


members = st.sampled_from([*MEMBERS * 3, None])
amounts = st.sampled_from([1000, 5, 100, 250, 430, 1001, 2310])


@st.composite
def documents(draw: Draw, *, effective: datetime, plain: bool = False, days: tuple[int, ...] = (0, 1, 3, 10)) -> dict[str, Any]:
    """A settings document in force from `effective`. A plain one claws back and lets nothing expire."""
    rules: list[dict[str, Any]] = [{"unit_price": 10, "points_per_unit": 1, "membership_tier_id": None}]
    if draw(st.booleans()):
        rules.append({"unit_price": 7, "points_per_unit": 3, "membership_tier_id": TIER})
    dates = st.sampled_from([(12, 31), (1, 2), (2, 29), (6, 30)])
    month, day = draw(dates)
    never = plain or draw(st.sampled_from([False, False, True]))
    modules = draw(st.sampled_from([["crm_credits"], []]))
    earn: dict[str, Any] = {
        "rules": rules,
        "channels": draw(st.sampled_from([["ec", "retail"], ["ec", "retail"], ["ec"]])),
        "pending_days": draw(st.sampled_from(days)),
        "expiry": {"kind": "never"} if never else {"kind": "fixed_date", "month": month, "day": day},
        "deduct_store_credit": draw(st.booleans()),
        "on_return": "claw_back" if plain else draw(st.sampled_from(["claw_back", "keep"])),
    }
    if modules:
        earn["grant_on"] = draw(st.sampled_from(["delivery_final", "delivery_final", "order_completed"]))
    return settings(
        effective=text(effective),
        earn=earn,
        enabled=draw(st.sampled_from([True] * 9 + [False])),
        entitlement={
            "plan": "enterprise",
            "app_installed": plain or draw(st.sampled_from([True] * 5 + [False])),
            "modules": modules,
        },
        delivery_overrides=draw(st.sampled_from([{}, {}, {"custom": "arrived"}])),
    )


def number_of(draw: Draw, sold: Sold) -> str | int | None:
    """A tracking number that is said of the order: mostly its own, in some spelling."""
    number = draw(st.sampled_from([sold.number] * 9 + [None, SHARED]))
    return None if number is None else spelled(draw, number)


def parcel_said(draw: Draw, sold: Sold, moment: datetime) -> dict[str, Any]:
    """What is said about a parcel at a moment, of that moment and the time before."""
    said = parcel(
        draw(st.sampled_from(["arrived"] * 4 + ["collected"] * 4 + ["shipped"] * 3 + ["returning", "returned", "new_word"])),
        draw(st.sampled_from(["tw_tcat_roomtemp"] * 3 + ["tw_711_pay", "tw_711_pay", "custom", "drone"])),
        parcel_id=draw(st.sampled_from([sold.order_id] * 6 + [f"{sold.order_id} 2"])),
        delivery_type=draw(st.sampled_from([None, None, "store_pickup"])),
    )
    for name in ("arrived_at", "collected_at", "returned_at"):
        ago = draw(st.sampled_from([None, None, 0, 1, 3]))
        said[name] = None if ago is None else text(moment - sold.grid.unit * ago)
    if draw(st.integers(0, 19)) == 19:
        said["delivery_status"] = "failed"
    if draw(st.integers(0, 3)) == 0:
        said["tracking_number"] = number_of(draw, sold)
    return said


def order_said(draw: Draw, sold: Sold, moment: datetime) -> Event:
    """A whole record of an order."""
    fields: dict[str, Any] = {"parent_order_id": sold.parent or ""}
    unit = sold.grid.unit
    if draw(st.booleans()):
        own = draw(st.sampled_from([None, moment, moment - 2 * unit]))
        nested = parcel_said(draw, sold, own or moment)
        fields["order_delivery"] = nested if own is None else nested | {"updated_at": text(own)}
    elif draw(st.integers(0, 5)) == 0:
        fields["order_delivery"] = None
    if draw(st.integers(0, 3)):
        fields["delivery_data"] = {"tracking_number": number_of(draw, sold), "url": None}
    if draw(st.booleans()):
        fields["completed_at"] = text(moment - unit)
    if draw(st.integers(0, 3)) == 0:
        fields["membership_tier_data"] = {"_id": draw(st.sampled_from([TIER, some_id("silver")]))}
    return order(
        subtotal=draw(amounts),
        created=text(sold.created),
        updated=text(moment),
        status=draw(st.sampled_from(["confirmed"] * 6 + ["completed"] * 6 + ["cancelled", "removed", "temp"])),
        member=draw(members),
        order_id=sold.order_id,
        merchant=sold.merchant,
        topic=draw(st.sampled_from(["order/update"] * 8 + ["order/split_order", "order/remove"])),
        currency=draw(st.sampled_from(["TWD"] * 19 + ["HKD"])),
        created_by=draw(st.sampled_from(["shop", "shop", "shop", "pos"])),
        is_guest_checkout=draw(st.sampled_from([False] * 19 + [True])),
        order_discount=money(draw(st.sampled_from([0, 0, 100]))),
        user_credit=money(draw(st.sampled_from([0, 50]))),
        custom_discount_items=draw(st.sampled_from([[], [{"total": money(25)}]])),
        **fields,
    )


def calm(draw: Draw, sold: Sold) -> Event:
    """The first record of an order that could earn well, so that most histories have something to tell."""
    option = draw(st.sampled_from(["tw_tcat_roomtemp", "tw_711_pay", "tw_tcat_roomtemp", "tw_711_pay", None]))
    fields: dict[str, Any] = {"parent_order_id": sold.parent or ""}
    if option is not None:
        fields["order_delivery"] = parcel("pending", option, parcel_id=sold.order_id)
        fields["delivery_data"] = {"tracking_number": number_of(draw, sold)}
    return order(
        created=text(sold.created),
        order_id=sold.order_id,
        merchant=sold.merchant,
        member=draw(st.sampled_from(MEMBERS)),
        subtotal=draw(amounts),
        **fields,
    )


def return_said(draw: Draw, sold: Sold, moment: datetime) -> Event:
    """A return of goods, at the counter or not, perhaps cancelled again."""
    return returned(
        draw(st.sampled_from([100, 100, 250, 430, 2310])),
        text(moment),
        status=draw(st.sampled_from(["completed", "completed", "confirmed", "cancelled"])),
        return_id=f"{sold.order_id} {draw(st.sampled_from(['one', 'two']))}",
        order_id=sold.order_id,
        merchant=sold.merchant,
        topic=draw(st.sampled_from(["return_order/update", "pos_return_order/update"])),
    )


def report_said(draw: Draw, sold: Sold, moment: datetime) -> Event:
    """A carrier's report that may be about the order: by its number, by its id, or both."""
    number = draw(st.sampled_from([sold.number] * 7 + [SHARED]))
    by = draw(st.sampled_from(["number"] * 4 + ["order", "both"]))
    names: dict[str, Any] = {}
    if by != "order":
        names["number"] = spelled(draw, number)
    if by != "number":
        names["order_id"] = sold.order_id
    if draw(st.booleans()):
        names["merchant"] = sold.merchant
    return draw(reports(text(moment), sold.service, **names))


def parcel_event(draw: Draw, sold: Sold, moment: datetime) -> Event:
    """A parcel by itself."""
    said = parcel_said(draw, sold, moment) | {"order_id": sold.order_id, "updated_at": text(moment)}
    return envelope("order_delivery/update", said, merchant=sold.merchant)


def other_event(draw: Draw, sold: Sold, moment: datetime) -> Event:
    """The order removed by its id alone, or its parcel simply arrived."""
    if draw(st.integers(0, 3)):
        return delivery("arrived", text(moment), parcel_id=sold.order_id, order_id=sold.order_id, merchant=sold.merchant)
    ts = int(moment.timestamp()) * 1_000_000_000
    return envelope("order/remove", {"id": sold.order_id}, ts=ts, merchant=sold.merchant)


SAYINGS: list[Callable[[Draw, Sold, datetime], Event]] = [
    *[parcel_event] * 3, *[order_said] * 2, return_said, other_event, *[report_said] * 5,
]  # fmt: skip


@st.composite
def events_of_order(draw: Draw, sold: Sold) -> Told:
    """What is said of one order, with the moment of each event."""
    told = [(sold.created, calm(draw, sold))]
    for _ in range(draw(st.integers(1, 8))):
        moment = draw(sold.grid.moments)
        told.append((moment, draw(st.sampled_from(SAYINGS))(draw, sold, moment)))
    return told


@st.composite
def sales(draw: Draw, merchant: str, grid: Grid) -> list[Sold]:
    """Orders of a merchant; later ones may be split from the first."""
    found: list[Sold] = []
    for number in range(draw(st.integers(1, 3))):
        found.append(
            Sold(
                merchant,
                some_id(f"{merchant} order {number}"),
                draw(grid.creations),
                grid,
                f"{MERCHANTS.index(merchant) + 1}70{number} 5188-36",
                draw(st.sampled_from(SERVICES)),
                found[0].order_id if found and draw(st.integers(0, 3)) == 0 else None,
            )
        )
    return found


@st.composite
def events_of_shop(draw: Draw, merchant: str, grid: Grid) -> Told:
    """All that is said of a merchant: orders, customers and applications."""
    told: Told = []
    for sold in draw(sales(merchant, grid)):
        told += draw(events_of_order(sold))
    for _ in range(draw(st.sampled_from([0, 0, 1, 2]))):
        moment = draw(grid.moments)
        told.append((moment, draw(customers(merchant, draw(st.sampled_from(MEMBERS)), moment, grid.unit))))
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        when = draw(st.one_of(grid.moments, grid.creations)) + timedelta(seconds=30)
        event = application(text(when), installed=draw(st.booleans()), merchant=merchant, application_id=draw(APPLICATIONS))
        told.append((when, event))
    return told


LATENESS = st.sampled_from([0, 0, 0, 1, 2, 7, 21, 60, 420, 800])


@st.composite
def stories(draw: Draw) -> list[Step]:
    """A history as it is heard: late, repeated and out of order; settings and installations may come on the way."""
    grid = Grid(draw(st.sampled_from([HALF_DAY, HALF_DAY, SIX_DAYS])))
    steps: list[Step] = []
    for merchant in MERCHANTS[: draw(st.integers(1, 2))]:
        effective = LONG_AGO
        for number in range(draw(st.sampled_from([1, 1, 2, 3]))):
            heard = LONG_AGO + timedelta(days=1) if number == 0 and draw(st.integers(0, 4)) else draw(grid.moments)
            document = draw(documents(effective=effective))
            steps.append(Step(heard, merchant, document=document))
            effective = draw(st.integers(0, 8).map(grid.at)) + timedelta(seconds=number + 1)
            effective = max(effective, datetime.fromisoformat(document["effective_at"]) + timedelta(seconds=1))
        for moment, event in draw(events_of_shop(merchant, grid)):
            for _ in range(draw(st.sampled_from([1, 1, 1, 2]))):
                steps.append(Step(moment + grid.unit * draw(LATENESS), event=event))
    return sorted_in_time(steps)


def sorted_in_time(steps: list[Step]) -> list[Step]:
    """Sorted by the time of hearing, a merchant's settings versions by effective date: others cannot be applied."""
    steps = sorted(steps, key=lambda step: step.when)
    for merchant in MERCHANTS:
        places = [i for i, s in enumerate(steps) if s.document is not None and s.merchant == merchant]
        made = sorted((steps[i].document or {} for i in places), key=lambda d: str(d["effective_at"]))
        for place, document in zip(places, made, strict=True):
            steps[place] = Step(steps[place].when, merchant, document=document)
    return steps


@dataclass(frozen=True)
class Story:
    """Settings known beforehand, and events with their moments, in the order of those."""

    grid: Grid
    settings: list[Step]
    told: Told

    @property
    def end(self) -> datetime:
        """When all of it has happened and is due."""
        return self.grid.at(STEPS) + timedelta(days=60)


@st.composite
def plain_stories(draw: Draw, unit: timedelta | None = None, *, patient: bool = False) -> Story:
    """A history whose settings claw back and never let points expire, so that its end does not depend on its hearing.

    A `patient` one pays a year later, when all was heard, and may keep and let points expire.
    """
    grid = Grid(unit or draw(st.sampled_from([HALF_DAY, HALF_DAY, SIX_DAYS])))
    steps: list[Step] = []
    told: Told = []
    for merchant in MERCHANTS[: draw(st.integers(1, 2))]:
        days = (364, 365) if patient else (0, 1, 3, 10)
        document = draw(documents(effective=LONG_AGO, plain=not patient, days=days))
        steps.append(Step(LONG_AGO + timedelta(days=1), merchant, document=document))
        told += draw(events_of_shop(merchant, grid))
    return Story(grid, steps, sorted(told, key=lambda pair: pair[0]))
