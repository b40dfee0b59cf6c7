"""Random histories of shops: settings, orders, edits, parcels going forth and back, cancellations, returns, members.

Instants lie on a grid of half days that begins at a midnight in Taipei, so that ties, and moments that are exactly a
due date, are common.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.vendor.pretty import RepresentationPrinter

from tests.support.shop import Event, delivery, envelope, money, order, parcel, returned, settings, some_id

START = datetime(2024, 12, 9, 16, tzinfo=UTC)  # midnight in Taipei; what is final in the last days is due in 2025
HALF_DAYS = 60
PRICES = {"subtotal", "order_discount", "user_credit", "total"}
MERCHANTS = [some_id("shop one"), some_id("shop two")]
MEMBERS = [some_id("member one"), some_id("member two"), some_id("member three")]
TIER = some_id("gold")


@dataclass(frozen=True)
class Step:
    """Something heard at a time: an event, or an application's installation, or a new settings version."""

    when: datetime
    merchant: str
    event: Event | None = None
    document: dict[str, Any] | None = None
    installed: tuple[datetime, bool] | None = None

    def __repr__(self) -> str:
        """Short, since a history that failed is read by people."""
        told: object = self.installed
        if self.document is not None:
            told = {"settings": self.document["effective_at"]} | self.document["earn"] | self.document["entitlement"]
        elif self.event is not None:
            resource = {k: v["cents"] if k in PRICES else v for k, v in self.event["resource"].items() if v}
            told = {"topic": self.event["topic"], "ts": self.event.get("ts")} | resource
        return f"\n{self.when:%m-%d %H:%M} {self.merchant[:4]} {told}"

    def _repr_pretty_(self, printer: RepresentationPrinter, _cycle: object) -> None:
        printer.text(repr(self))


def on_grid(half_day: int) -> datetime:
    """An instant of the grid."""
    return START + timedelta(hours=12 * half_day)


def text(moment: datetime) -> str:
    """As upstream writes it."""
    return moment.isoformat().replace("+00:00", "Z")


half_days = st.integers(0, HALF_DAYS).map(on_grid)
members = st.sampled_from([*MEMBERS, *MEMBERS, None])
amounts = st.sampled_from([1000, 5, 100, 250, 430, 1001, 2310])


@st.composite
def documents(draw: st.DrawFn, *, effective: datetime, plain: bool = False) -> dict[str, Any]:
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
        "pending_days": draw(st.sampled_from([0, 1, 3, 10])),
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
            "app_installed": plain or draw(st.sampled_from([True, True, True, False])),
            "modules": modules,
        },
        delivery_overrides=draw(st.sampled_from([{}, {}, {"custom": "arrived"}])),
    )


@st.composite
def parcels(draw: st.DrawFn, moment: datetime) -> dict[str, Any]:
    """What is said about a parcel at a moment, of that moment and the time before."""
    said = parcel(
        draw(st.sampled_from(["arrived"] * 4 + ["collected"] * 4 + ["shipped", "returning", "returned", "new_word"])),
        draw(st.sampled_from(["tw_tcat_roomtemp"] * 3 + ["tw_711_pay", "custom", "drone"])),
        parcel_id=draw(st.sampled_from(["first"] * 6 + ["second"])),
        delivery_type=draw(st.sampled_from([None, None, "store_pickup"])),
    )
    for name in ("arrived_at", "collected_at", "returned_at"):
        ago = draw(st.sampled_from([None, None, 0, 1, 3]))
        said[name] = None if ago is None else text(moment - timedelta(hours=12 * ago))
    if draw(st.integers(0, 19)) == 19:
        said["delivery_status"] = "failed"
    return said


@st.composite
def order_events(draw: st.DrawFn, merchant: str, order_id: str, created: datetime, moment: datetime) -> Event:
    """A whole record of an order."""
    fields: dict[str, Any] = {}
    if draw(st.booleans()):
        own = draw(st.sampled_from([None, moment, moment - timedelta(days=1)]))
        nested = draw(parcels(own or moment))
        fields["order_delivery"] = nested if own is None else nested | {"updated_at": text(own)}
    elif draw(st.integers(0, 5)) == 0:
        fields["order_delivery"] = None
    if draw(st.booleans()):
        fields["completed_at"] = text(moment - timedelta(hours=12))
    if draw(st.integers(0, 3)) == 0:
        fields["membership_tier_data"] = {"_id": draw(st.sampled_from([TIER, some_id("silver")]))}
    return order(
        subtotal=draw(amounts),
        created=text(created),
        updated=text(moment),
        status=draw(st.sampled_from(["confirmed"] * 4 + ["completed"] * 4 + ["cancelled", "cancelled", "removed", "temp"])),
        member=draw(members),
        order_id=order_id,
        merchant=merchant,
        topic=draw(st.sampled_from(["order/update"] * 9 + ["order/remove"])),
        currency=draw(st.sampled_from(["TWD"] * 9 + ["HKD"])),
        created_by=draw(st.sampled_from(["shop", "shop", "shop", "pos"])),
        is_guest_checkout=draw(st.sampled_from([False] * 9 + [True])),
        order_discount=money(draw(st.sampled_from([0, 0, 100]))),
        user_credit=money(draw(st.sampled_from([0, 50]))),
        custom_discount_items=draw(st.sampled_from([[], [{"total": money(25)}]])),
        **fields,
    )


def calm(draw: st.DrawFn, merchant: str, order_id: str, created: datetime) -> Event:
    """The first record of an order that could earn well, so that most histories have something to tell."""
    return order(
        created=text(created),
        order_id=order_id,
        merchant=merchant,
        member=draw(st.sampled_from(MEMBERS)),
        subtotal=draw(amounts),
    )


@st.composite
def events_of_order(draw: st.DrawFn, merchant: str, order_id: str) -> list[tuple[datetime, Event]]:
    """What upstream says about one order, with the moment of each event."""
    created = draw(st.integers(0, 10).map(on_grid))
    told = [(created, calm(draw, merchant, order_id, created))]
    for _ in range(draw(st.integers(1, 7))):
        moment = draw(half_days)
        at = text(moment)
        kind = draw(st.sampled_from(["parcel"] * 4 + ["order", "order", "return", "other"]))
        if kind == "parcel":
            said = draw(parcels(moment)) | {"order_id": order_id, "updated_at": at}
            event = envelope("order_delivery/update", said, merchant=merchant)
        elif kind == "order":
            event = draw(order_events(merchant, order_id, created, moment))
        elif kind == "return":
            event = returned(
                draw(st.sampled_from([100, 250, 430, 2310])),
                at,
                status=draw(st.sampled_from(["completed", "completed", "confirmed", "cancelled"])),
                return_id=draw(st.sampled_from(["one", "two"])),
                order_id=order_id,
                merchant=merchant,
            )
        else:
            ts = int(moment.timestamp()) * 1_000_000_000
            event = envelope("order/remove", {"id": order_id}, ts=ts, merchant=merchant)
            if draw(st.integers(0, 3)):
                event = delivery("arrived", at, order_id=order_id, merchant=merchant)
        told.append((moment, event))
    return told


LATENESS = st.sampled_from([0, 0, 0, 1, 2, 7, 21, 60, 420, 800])


@st.composite
def stories(draw: st.DrawFn) -> list[Step]:
    """A history as it is heard: late, repeated and out of order; settings and installations may come on the way."""
    steps: list[Step] = []
    for merchant in MERCHANTS[: draw(st.integers(1, 2))]:
        effective = START - timedelta(days=30)
        for number in range(draw(st.sampled_from([1, 1, 2, 3]))):
            heard = START - timedelta(days=20) if number == 0 and draw(st.integers(0, 4)) else draw(half_days)
            document = draw(documents(effective=effective))
            steps.append(Step(heard, merchant, document=document))
            effective = draw(st.integers(0, 8).map(on_grid)) + timedelta(seconds=number + 1)
            effective = max(effective, datetime.fromisoformat(document["effective_at"]) + timedelta(seconds=1))
        for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
            when = draw(half_days) + timedelta(seconds=30)
            heard = when + timedelta(hours=12 * draw(LATENESS))
            steps.append(Step(heard, merchant, installed=(when, draw(st.booleans()))))
        for number in range(draw(st.integers(1, 3))):
            for moment, event in draw(events_of_order(merchant, some_id(f"order {number}"))):
                for _ in range(draw(st.sampled_from([1, 1, 1, 2]))):
                    heard = moment + timedelta(hours=12 * draw(LATENESS))
                    steps.append(Step(heard, merchant, event=event))
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


@st.composite
def plain_stories(draw: st.DrawFn) -> tuple[list[Step], list[tuple[datetime, Event]]]:
    """Settings known beforehand that claw back and never let points expire, and events with their moments."""
    steps: list[Step] = []
    told: list[tuple[datetime, Event]] = []
    for merchant in MERCHANTS[: draw(st.integers(1, 2))]:
        document = draw(documents(effective=START - timedelta(days=30), plain=True))
        steps.append(Step(START - timedelta(days=20), merchant, document=document))
        for number in range(draw(st.integers(1, 3))):
            told += draw(events_of_order(merchant, some_id(f"order {number}")))
    return steps, sorted(told, key=lambda pair: pair[0])
