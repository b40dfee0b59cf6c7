"""The sample day, read from its files (deploy/demo): shops, orders, what must come of them, and records to produce."""

import copy
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, Literal

import orjson
import yaml

from schemas.ids import Micros, micros
from schemas.money import FRACTION_DIGITS, minor_units
from schemas.settings import SettingsDocument, load_settings

FOLDER: Final = Path(str(files("deploy.demo")))
SYMBOLS: Final = {"TWD": "NT$", "HKD": "HK$", "SGD": "S$", "USD": "US$"}
YEAR: Final = "2024-"
"""Of the sample day; steps leave it out."""
EVENT_NAMES: Final = {"order": "Order", "order_delivery": "OrderDelivery", "return_order": "ReturnOrder"}
_ON_THE_WAY: Final = ("pending", "shipped")
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Shop:
    """A merchant of the sample. `where` says in a line what its settings are."""

    id: str
    name: str
    where: str
    file: Path
    settings: SettingsDocument


@dataclass(frozen=True, slots=True)
class Member:
    """A made-up person. Only the id may ever be found in the engine."""

    alias: str
    id: str
    name: str
    phone: str
    email: str

    @property
    def personal(self) -> tuple[str, ...]:
        """What must be dropped."""
        return self.name, self.phone, self.email


@dataclass(frozen=True, slots=True)
class Expected:
    """What must have come of an order: `points` posted in all, `entries` such as `granted +100`."""

    state: str
    points: int
    reason: str | None = None
    due: date | None = None
    expires: date | Literal["never"] | None = None
    entries: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Order:
    """An order of the sample. `member` is None for a guest's."""

    key: str
    id: str
    shop: Shop
    member: Member | None
    about: str
    expect: Expected
    twice: bool
    details: Json = field(repr=False)

    @property
    def currency(self) -> str:
        """The currency it was paid in."""
        return str(self.details.get("currency", self.shop.settings.currency))


@dataclass(frozen=True, slots=True)
class Record:
    """A record for Kafka; `topic` is the short name in the configuration."""

    topic: Literal["orders", "deliveries"]
    key: str | None
    value: bytes


@dataclass(frozen=True, slots=True)
class Step:
    """What reaches Kafka at one moment of the sample clock, and which orders it is about."""

    at: Micros
    says: str
    records: tuple[Record, ...]
    orders: tuple[Order, ...]


@dataclass(frozen=True, slots=True)
class Story:
    """The whole sample day. `expect`: what must have become of all records, by the names in the cursors."""

    begins: Micros
    shops: tuple[Shop, ...]
    members: tuple[Member, ...]
    orders: tuple[Order, ...]
    steps: tuple[Step, ...]
    expect: Mapping[str, int]

    @property
    def records(self) -> int:
        """How many records are produced."""
        return sum(len(step.records) for step in self.steps)

    def member_named(self, member_id: str) -> str:
        """The alias of a member, the id of one that is not ours."""
        return next((m.alias for m in self.members if m.id == member_id), member_id)

    def shop_named(self, merchant_id: str) -> str:
        """The name of a shop, the id of one that is not ours."""
        return next((s.name for s in self.shops if s.id == merchant_id), merchant_id)


def load_story() -> Story:
    """The sample day of the package."""
    told = yaml.safe_load((FOLDER / "story.yaml").read_text("utf-8"))
    shops = {key: _shop(key, each) for key, each in told["shops"].items()}
    members = {alias: Member(alias, **each) for alias, each in told["members"].items()}
    orders = {key: _order(key, each, shops, members) for key, each in told["orders"].items()}
    writer = _Writer(told["offset"], orders)
    steps = tuple(writer.step(each) for each in told["steps"])
    begins = micros(writer.moment(str(told["begins"]).removeprefix(YEAR)))
    return Story(begins, (*shops.values(),), (*members.values(),), (*orders.values(),), steps, told["expect"])


def _shop(key: str, told: Json) -> Shop:
    file = FOLDER / "settings" / f"{key}.yaml"
    return Shop(told["id"], told["name"], told["where"], file, load_settings(file.read_bytes(), name=str(file)))


def _order(key: str, told: Json, shops: Mapping[str, Shop], members: Mapping[str, Member]) -> Order:
    expect = dict(told["expect"])
    expect["entries"] = tuple(expect.get("entries", ()))
    member = members[told["member"]] if "member" in told else None
    shop, twice = shops[told["shop"]], told.get("twice", False)
    return Order(key, told["id"], shop, member, told["about"], Expected(**expect), twice, told)


class _Writer:
    """Writes records in upstream's shapes. Keeps every order as it is by now, since an order's record is whole."""

    def __init__(self, offset: str, orders: Mapping[str, Order]) -> None:
        self._offset, self._orders = offset, orders
        self._template: Json = orjson.loads((FOLDER / "order.json").read_bytes())
        self._now: dict[str, Json] = {}

    def moment(self, text: str) -> datetime:
        """`12-01 10:15` as an aware instant."""
        return datetime.fromisoformat(f"{YEAR}{text}{self._offset}")

    def step(self, told: Json) -> Step:
        """A step with its records."""
        at = self.moment(told["at"])
        sends = told.get("also") or ([told] if "order" in told else [])
        records = [record for send in sends for record in self._records(send, at)]
        if "poison" in told:
            records.append(Record("orders", None, told["poison"].encode()))
        orders = dict.fromkeys(send["order"] for send in sends)
        return Step(micros(at), told["says"], tuple(records), tuple(self._orders[key] for key in orders))

    def _records(self, send: Json, heard: datetime) -> Iterator[Record]:
        order, event = self._orders[send["order"]], str(send["event"])
        at = self.moment(send["of"]) if "of" in send else heard
        if event.startswith("order_delivery/"):
            topic, resource = "deliveries", self._delivery(order, send["delivery"], at)
        elif event.startswith("return_order/"):
            topic, resource = "orders", self._return(order, send["total"], at)
        else:
            topic, resource = "orders", self._whole(order, send, at)
        value = orjson.dumps(_envelope(event, order.shop.id, resource, at))
        for _ in range(2 if order.twice else 1):
            yield Record("orders" if topic == "orders" else "deliveries", order.id, value)

    def _whole(self, order: Order, send: Json, at: datetime) -> Json:
        resource = self._now.get(order.key) or self._created(order, at)
        for name, value in send.get("change", {}).items():
            resource[name] = _money(value, order.currency) if name == "subtotal" else value
        if resource["status"] == "completed":
            resource["completed_at"] = _text(at)
        if "delivery" in send:
            _move(resource["order_delivery"], send["delivery"], at)
        resource["updated_at"] = _text(at)
        self._now[order.key] = resource
        whole: Json = copy.deepcopy(resource)
        return whole

    def _delivery(self, order: Order, status: str, at: datetime) -> Json:
        known = self._now[order.key]["order_delivery"]
        resource: Json = copy.deepcopy(known)
        _move(resource, status, at)
        if resource["updated_at"] >= known["updated_at"]:
            self._now[order.key]["order_delivery"] = resource
        return resource | {"order_id": order.id}

    def _return(self, order: Order, total: str, at: datetime) -> Json:
        return {
            "id": f"{order.id[:-4]}7e{order.id[-2:]}", "order_id": order.id, "status": "completed",
            "return_order_number": f"R{at:%Y%m%d%H%M%S}", "inspect_status": "inspected",
            "total": _money(total, order.currency), "customer_id": order.member.id if order.member else None,
            "created_at": _text(at - timedelta(hours=2)), "updated_at": _text(at), "items": [],
        }  # fmt: skip

    def _created(self, order: Order, at: datetime) -> Json:
        details, member = order.details, order.member
        personal = (member.name, member.phone, member.email) if member else ("Guest Madeup", "0900000099", "guest@example.invalid")
        resource: Json = _filled(self._template, dict(zip(("NAME", "PHONE", "EMAIL"), personal, strict=True)))
        resource |= {
            "id": order.id, "order_number": f"{at:%Y%m%d%H%M%S}{order.id[-3:]}", "created_at": _text(at),
            "status": "confirmed", "customer_id": member.id if member else None, "is_guest_checkout": member is None,
            "currency_iso": order.currency, "subtotal": _money(details["subtotal"], order.currency),
            "order_discount": _money(details.get("discount", "0"), order.currency),
            "order_points_to_cash": _money("0", order.currency), "user_credit": _money("0", order.currency),
            "created_by": details.get("created_by", "shop"),
        }  # fmt: skip
        if "tier" in details:
            resource["membership_tier_data"] = {"id": details["tier"], "level": 2, "status": "active"}
        if "option" in details:
            own = {"id": f"{order.id[:-4]}de{order.id[-2:]}", "platform": details["option"], "updated_at": _text(at)}
            resource["order_delivery"] |= own
        else:
            resource["order_delivery"] = None
        return resource


def _move(delivery: Json, status: str, at: datetime) -> None:
    """The delivery is in that status since then. One that is on its way, also again, never arrived."""
    delivery["status"] = status
    delivery["updated_at"] = _text(at)
    if f"{status}_at" in delivery:
        delivery[f"{status}_at"] = _text(at)
    if status in _ON_THE_WAY:
        delivery["arrived_at"] = delivery["collected_at"] = None


def _envelope(event: str, merchant: str, resource: Json, at: datetime) -> Json:
    """The webhook around a resource. `ts` comes from what it says, so that a repeat is the same to the byte."""
    digest = hashlib.sha256(orjson.dumps(resource)).hexdigest()
    trace = f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}"
    sent = micros(at) * 1000 + int(digest[:6], 16)
    name = EVENT_NAMES[event.partition("/")[0]]
    return {
        "event": name,
        "topic": event,
        "merchant_id": merchant,
        "resource": resource,
        "trace_id": trace,
        "ts": str(sent),
    }


def _money(amount: str, currency: str) -> Json:
    """Money as upstream writes it; `cents` are minor units of the currency."""
    symbol, digits = SYMBOLS[currency], FRACTION_DIGITS[currency]
    return {
        "cents": minor_units(Decimal(amount), currency), "currency_symbol": symbol, "currency_iso": currency,
        "label": f"{symbol}{Decimal(amount):,.{digits}f}", "dollars": float(amount),
    }  # fmt: skip


def _filled(value: Any, words: Mapping[str, str]) -> Any:
    """The template with its placeholders filled in."""
    if isinstance(value, dict):
        return {name: _filled(each, words) for name, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, words) for each in value]
    return words.get(value, value) if isinstance(value, str) else value


def _text(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")
