"""The sample days, read from cli/demo/data: shops, orders, expectations, records to produce."""

import copy
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Final, Literal

import orjson
import yaml

from cli.demo import upstream
from cli.demo.data import APPLICATION_ID
from cli.demo.upstream import Json, money, text
from schemas.ids import Micros, micros, record_key
from schemas.settings import SettingsDocument, load_settings

DATA_FOLDER: Final = Path(str(files("cli.demo.data")))
YEAR: Final = "2024-"
"""Of the sample days; steps leave it out."""
TopicName = Literal["orders", "deliveries", "customers", "commands"]
"""A topic's short name in the configuration."""


@dataclass(frozen=True, slots=True)
class Shop:
    """A merchant of the sample. `where` says in a line what its settings are."""

    id: str
    name: str
    where: str
    file: Path
    settings: SettingsDocument


@dataclass(frozen=True, slots=True)
class StoryMember:
    """A made-up person. Only the id may ever be found in the engine."""

    alias: str
    id: str
    name: str
    phone: str
    email: str

    @property
    def personal(self) -> tuple[str, str, str]:
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
class StoryOrder:
    """An order of the sample. `member` is None for a guest's."""

    key: str
    id: str
    shop: Shop
    member: StoryMember | None
    about: str
    expect: Expected
    twice: bool
    details: Json = field(repr=False)

    @property
    def currency(self) -> str:
        """The currency it was paid in."""
        return str(self.details.get("currency", self.shop.settings.currency))


@dataclass(frozen=True, slots=True)
class StoryRecord:
    """A record for Kafka."""

    topic: TopicName
    key: str | None
    value: bytes


@dataclass(frozen=True, slots=True)
class ExpectedAnswer:
    """What a command must be answered with, and what its member has then."""

    code: str
    available: int
    held: int = 0


@dataclass(frozen=True, slots=True)
class StoryCommand:
    """A command on a member's points. `content` is what it has besides its head."""

    id: str
    shop: Shop
    member: StoryMember
    type: str
    content: Json = field(repr=False)
    record: StoryRecord
    expect: ExpectedAnswer


@dataclass(frozen=True, slots=True)
class StoryStep:
    """What happens at one moment of the sample clock, and which orders it is about.

    `command`: the arguments of a `points` command that an operator gives, after the records came.
    `spending`: commands of shops and staff on members' points, which come with the records.
    `notices`: as `command`, where the notices lane is played. `provider`: one of the lane's, and
    how it behaves from now on.
    """

    at: Micros
    says: str
    records: tuple[StoryRecord, ...]
    orders: tuple[StoryOrder, ...]
    command: tuple[str, ...] = ()
    spending: tuple[StoryCommand, ...] = ()
    notices: tuple[str, ...] = ()
    provider: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Story:
    """All sample days.

    `expect`: what must become of all records, by outcome. `unknown`: the codes that are in no table
    in the end, as `carrier service code`. `told`: the first shop's notices by channel and end.
    """

    begins: Micros
    shops: tuple[Shop, ...]
    members: tuple[StoryMember, ...]
    orders: tuple[StoryOrder, ...]
    steps: tuple[StoryStep, ...]
    expect: Mapping[str, int]
    unknown: tuple[str, ...]
    told: Mapping[str, int]

    @property
    def records(self) -> int:
        """How many records are produced, commands among them."""
        return sum(len(step.records) for step in self.steps) + len(self.spending)

    @property
    def spending(self) -> tuple[StoryCommand, ...]:
        """All commands on members' points."""
        return tuple(command for step in self.steps for command in step.spending)

    def member_named(self, member_id: str) -> str:
        """The alias of a member, the id of one that is not ours."""
        return next((m.alias for m in self.members if m.id == member_id), member_id)

    def named(self, id_: str) -> str:
        """The name of a shop or a member, the id of what is not ours."""
        return self.member_named(self.shop_named(id_))

    def shop_named(self, merchant_id: str) -> str:
        """The name of a shop, the id of one that is not ours."""
        return next((s.name for s in self.shops if s.id == merchant_id), merchant_id)


def load_story() -> Story:
    """The sample days of the package."""
    content = yaml.safe_load((DATA_FOLDER / "story.yaml").read_text("utf-8"))
    shops = {key: _shop(key, each) for key, each in content["shops"].items()}
    members = {alias: StoryMember(alias, **each) for alias, each in content["members"].items()}
    orders = {key: _order(key, each, shops, members) for key, each in content["orders"].items()}
    writer = _Writer(content["offset"], shops, members, orders)
    steps = tuple(writer.step(each) for each in content["steps"])
    begins = micros(writer.moment(str(content["begins"]).removeprefix(YEAR)))
    return Story(
        begins=begins,
        shops=(*shops.values(),),
        members=(*members.values(),),
        orders=(*orders.values(),),
        steps=steps,
        expect=content["expect"],
        unknown=tuple(content["unknown"]),
        told=content["told"],
    )


def _shop(key: str, content: Json) -> Shop:
    file = DATA_FOLDER / "settings" / f"{key}.yaml"
    settings = load_settings(file.read_bytes(), name=str(file))
    return Shop(content["id"], content["name"], content["where"], file, settings)


def _order(
    key: str, content: Json, shops: Mapping[str, Shop], members: Mapping[str, StoryMember]
) -> StoryOrder:
    expect = dict(content["expect"])
    expect["entries"] = tuple(expect.get("entries", ()))
    return StoryOrder(
        key=key,
        id=content["id"],
        shop=shops[content["shop"]],
        member=members[content["member"]] if "member" in content else None,
        about=content["about"],
        expect=Expected(**expect),
        twice=content.get("twice", False),
        details=content,
    )


class _Writer:
    """Writes records in their senders' shapes.

    Keeps the current state of every order, since a record holds the whole order.
    """

    def __init__(
        self,
        offset: str,
        shops: Mapping[str, Shop],
        members: Mapping[str, StoryMember],
        orders: Mapping[str, StoryOrder],
    ) -> None:
        self._offset, self._shops, self._members, self._orders = offset, shops, members, orders
        self._template: Json = orjson.loads((DATA_FOLDER / "order.json").read_bytes())
        self._now: dict[str, Json] = {}
        self._commands = 0

    def moment(self, written: str) -> datetime:
        """`12-01 10:15` as an aware instant."""
        return datetime.fromisoformat(f"{YEAR}{written}{self._offset}")

    def step(self, content: Json) -> StoryStep:
        """A step with its records."""
        at = self.moment(content["at"])
        sends = content.get("also") or (
            [content] if "event" in content or "report" in content else []
        )
        records = [
            record
            for send in sends
            for record in self._records(send, at)
            for _ in range(self._times(send))
        ]
        if "poison" in content:
            records.append(StoryRecord("orders", None, content["poison"].encode()))
        # An order that is still to come has no outcome to show.
        keys = [*(send["order"] for send in sends if "order" in send), *content.get("about", ())]
        orders = tuple(self._orders[key] for key in dict.fromkeys(keys) if key in self._now)
        return StoryStep(
            micros(at),
            content["says"],
            tuple(records),
            orders,
            self._command(content.get("points", "")),
            tuple(self._spending(each, at) for each in content.get("spending", ())),
            self._command(content.get("notices", "")),
            tuple(content["provider"]) if "provider" in content else None,
        )

    def _spending(self, content: Json, at: datetime) -> StoryCommand:
        own = dict(content)
        shop, member = self._shops[own.pop("shop")], self._members[own.pop("member")]
        expect, type_ = ExpectedAnswer(**own.pop("expect")), str(own.pop("type"))
        self._commands += 1
        name = f"sample-{self._commands}"
        value = upstream.command(name, type_, shop.id, member.id, own, at)
        record = StoryRecord("commands", record_key(shop.id, member.id).decode(), value)
        return StoryCommand(name, shop, member, type_, own, record, expect)

    def _command(self, content: str) -> tuple[str, ...]:
        places = {key: shop.id for key, shop in self._shops.items()}
        places |= {alias: member.id for alias, member in self._members.items()}
        return tuple(
            word.format(
                settings=DATA_FOLDER / "settings", campaigns=DATA_FOLDER / "campaigns", **places
            )
            for word in shlex.split(content)
        )

    def _times(self, send: Json) -> int:
        return 2 if send.get("twice", "order" in send and self._orders[send["order"]].twice) else 1

    def _records(self, send: Json, step_at: datetime) -> Iterator[StoryRecord]:
        at = self.moment(send["of"]) if "of" in send else step_at
        if "report" in send:
            yield StoryRecord(
                "deliveries", None, self._report(self._orders[send["order"]], send, at)
            )
        elif "order" in send:
            yield self._of_order(self._orders[send["order"]], send, at)
        elif "member" in send:
            shop = self._shops[send["shop"]]
            yield self._of_member(self._members[send["member"]], shop, send, at)
        else:
            shop, event = self._shops[send["shop"]], str(send["event"])
            installed, removed = self.moment("01-01 12:00"), event.endswith("/uninstall")
            resource = upstream.application(APPLICATION_ID, shop.id, installed, at, removed=removed)
            yield StoryRecord("orders", None, upstream.envelope(event, shop.id, resource, at))

    def _of_order(self, order: StoryOrder, send: Json, at: datetime) -> StoryRecord:
        event = str(send["event"])
        topic: TopicName = "deliveries" if event.startswith("order_delivery/") else "orders"
        if topic == "deliveries":
            resource = self._delivery(order, send, at)
        elif event.startswith("return_order/"):
            resource = self._return(order, send["total"], at)
        else:
            resource = self._whole(order, send, at)
        return StoryRecord(topic, order.id, upstream.envelope(event, order.shop.id, resource, at))

    def _of_member(self, member: StoryMember, shop: Shop, send: Json, at: datetime) -> StoryRecord:
        registered = self.moment(send["registered"])
        resource = upstream.customer(
            member.id, member.personal, self.moment("01-01 12:00"), registered, at
        )
        if not send.get("address", True):
            resource |= {"email": None, "mobile_phone": None}
        return StoryRecord(
            "customers", member.id, upstream.envelope(str(send["event"]), shop.id, resource, at)
        )

    def _report(self, order: StoryOrder, send: Json, at: datetime) -> bytes:
        """Carriers write the number without the blanks and hyphens that the shop typed in."""
        content = dict(send["report"])
        number = str(order.details["tracking"][send.get("parcel", 1) - 1])
        if content.pop("names_order", False):
            content |= {"merchant_id": order.shop.id, "order_id": order.id}
        person = order.member.name if order.member else ""
        return upstream.carrier_report(content, "".join(filter(str.isalnum, number)), person, at)

    def _whole(self, order: StoryOrder, send: Json, at: datetime) -> Json:
        resource = self._now.get(order.key) or self._created(order, at)
        for name, value in send.get("change", {}).items():
            resource[name] = money(value, order.currency) if name == "subtotal" else value
        if resource["status"] == "completed":
            resource["completed_at"] = text(at)
        if "delivery" in send:
            upstream.move(resource["order_delivery"], send["delivery"], at)
        resource["updated_at"] = text(at)
        self._now[order.key] = resource
        whole: Json = copy.deepcopy(resource)
        return whole

    def _delivery(self, order: StoryOrder, send: Json, at: datetime) -> Json:
        number = send.get("parcel", 1)
        if number > 1:
            return self._further(order, number, send["delivery"], at)
        known = self._now[order.key]["order_delivery"]
        resource: Json = copy.deepcopy(known)
        upstream.move(resource, send["delivery"], at)
        if resource["updated_at"] >= known["updated_at"]:
            self._now[order.key]["order_delivery"] = resource
        return resource | {"order_id": order.id}

    def _further(self, order: StoryOrder, number: int, status: str, at: datetime) -> Json:
        """A further parcel of the order, with an id and a tracking number of its own."""
        resource: Json = copy.deepcopy(self._now[order.key]["order_delivery"])
        upstream.move(resource, "pending", at)
        upstream.move(resource, status, at)
        tracking = {"tracking_number": order.details["tracking"][number - 1]}
        return resource | {
            "id": f"{order.id[:-4]}d{number}{order.id[-2:]}",
            "order_id": order.id,
            "delivery_data": tracking,
        }

    def _return(self, order: StoryOrder, total: str, at: datetime) -> Json:
        return {
            "id": f"{order.id[:-4]}7e{order.id[-2:]}",
            "order_id": order.id,
            "status": "completed",
            "return_order_number": f"R{at:%Y%m%d%H%M%S}",
            "inspect_status": "inspected",
            "total": money(total, order.currency),
            "customer_id": order.member.id if order.member else None,
            "created_at": text(at - timedelta(hours=2)),
            "updated_at": text(at),
            "items": [],
        }

    def _created(self, order: StoryOrder, at: datetime) -> Json:
        details, member = order.details, order.member
        personal = (
            member.personal if member else ("Guest Madeup", "0900000099", "guest@example.invalid")
        )
        resource: Json = upstream.filled(
            self._template, dict(zip(("NAME", "PHONE", "EMAIL"), personal, strict=True))
        )
        resource |= {
            "id": order.id,
            "order_number": f"{at:%Y%m%d%H%M%S}{order.id[-3:]}",
            "created_at": text(at),
            "status": "confirmed",
            "customer_id": member.id if member else None,
            "is_guest_checkout": member is None,
            "currency_iso": order.currency,
            "subtotal": money(details["subtotal"], order.currency),
            "order_discount": money(details.get("discount", "0"), order.currency),
            "order_points_to_cash": money("0", order.currency),
            "user_credit": money("0", order.currency),
            "created_by": details.get("created_by", "shop"),
            "parent_order_id": self._orders[details["parent"]].id if "parent" in details else "",
        }
        if "tier" in details:
            resource["membership_tier_data"] = {
                "id": details["tier"],
                "level": 2,
                "status": "active",
            }
        if "tracking" in details:
            resource["delivery_data"]["tracking_number"] = details["tracking"][0]
        if "option" in details:
            own = {
                "id": f"{order.id[:-4]}de{order.id[-2:]}",
                "platform": details["option"],
                "updated_at": text(at),
            }
            resource["order_delivery"] |= own
        else:
            resource["order_delivery"] = None
        return resource
