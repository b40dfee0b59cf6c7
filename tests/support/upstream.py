"""Records for the topics: orders, their deliveries and returns, as the webhooks carry them."""

import hashlib
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import orjson

Json = dict[str, Any]

HOME = "tw_tcat_roomtemp"
"""An option that is final when the parcel arrives."""
STORE = "tw_711_nopay"
"""An option that is final only when the member has fetched the parcel."""
CREATED = datetime(2024, 3, 1, 4, tzinfo=UTC)


class Record(NamedTuple):
    """A record to produce: `topic` is the short name, `orders` or `deliveries`."""

    topic: str
    key: str | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


def hex_id(*parts: object) -> str:
    """An id as upstream makes them, always the same for the same parts."""
    return hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()[:24]


def money(cents: int, currency: str = "TWD") -> Json:
    """An amount, `cents` in minor units."""
    return {"cents": cents, "currency_iso": currency}


def envelope(topic: str, merchant: str, resource: Json, at: datetime) -> Json:
    """The webhook around a resource.

    `ts` is derived from the content, so that a repeat is the same to the byte.
    """
    nanoseconds = int(at.timestamp() * 1_000_000) * 1_000
    jitter = int(hashlib.sha256(orjson.dumps(resource)).hexdigest()[:5], 16) % 999 + 1
    return {
        "event": "Order",
        "topic": topic,
        "merchant_id": merchant,
        "trace_id": hex_id("trace", nanoseconds),
        "ts": str(nanoseconds + jitter),
        "resource": resource,
    }


def order(
    merchant: str,
    order_id: str,
    member: str | None,
    cents: int,
    *,
    status: str = "confirmed",
    delivery: str | None = "pending",
    option: str = HOME,
    at: datetime = CREATED,
    topic: str = "order/update",
    **extra: object,
) -> Record:
    """An order as it is at `at`; `delivery` None leaves `order_delivery` out.

    `extra` are further fields of it.
    """
    resource: Json = {
        "id": order_id,
        "order_number": order_id[:14],
        "customer_id": member,
        "status": status,
        "created_by": "shop",
        "subtotal": money(cents),
        "created_at": CREATED.isoformat(),
        "updated_at": at.isoformat(),
        **extra,
    }
    if delivery is not None:
        resource["order_delivery"] = {
            "id": hex_id("delivery", order_id),
            "status": delivery,
            "platform": option,
        }
    return Record("orders", order_id, orjson.dumps(envelope(topic, merchant, resource, at)))


def delivery(
    merchant: str, order_id: str, status: str, *, option: str = HOME, at: datetime = CREATED
) -> Record:
    """An `order_delivery/update` of the order's one parcel."""
    resource = {
        "id": hex_id("delivery", order_id),
        "order_id": order_id,
        "status": status,
        "platform": option,
        "updated_at": at.isoformat(),
    }
    return Record(
        "deliveries",
        order_id,
        orjson.dumps(envelope("order_delivery/update", merchant, resource, at)),
    )


def returned(
    merchant: str, order_id: str, cents: int, *, at: datetime = CREATED, number: int = 1
) -> Record:
    """A completed return order over `cents`."""
    resource = {
        "id": hex_id("return", order_id, number),
        "order_id": order_id,
        "status": "completed",
        "total": money(cents),
        "created_at": at.isoformat(),
        "updated_at": at.isoformat(),
    }
    return Record(
        "orders", order_id, orjson.dumps(envelope("return_order/update", merchant, resource, at))
    )


def poison(merchant: str | None, number: int = 0) -> Record:
    """A record that is JSON but names no order; with a merchant or without one."""
    value = {"topic": "order/update", "merchant_id": merchant, "resource": {"number": number}}
    return Record("orders", None, orjson.dumps(value))


@dataclass(frozen=True)
class Trade:
    """A made-up day: every order is created, shipped and delivered.

    Records of different orders are mixed, and every `repeat`-th one comes twice. Each order earns
    `cents // unit`.
    """

    orders: int
    merchants: Sequence[str]
    seed: int = 1
    unit: int = 10
    repeat: int = 7
    reach: int = 50
    members: int = field(default=40)

    def drawn(self) -> Iterator[tuple[str, str, str, int]]:
        """(merchant, order id, member, cents) of every order."""
        draw = random.Random(self.seed)
        for number in range(self.orders):
            merchant = draw.choice(list(self.merchants))
            member = hex_id("member", merchant, draw.randrange(self.members))
            yield merchant, hex_id("order", self.seed, number), member, draw.randrange(100, 9_000)

    def records(self) -> list[Record]:
        """All records, in the order of their production."""
        draw = random.Random(self.seed + 1)
        steps: list[tuple[int, int, Record]] = []
        for number, (merchant, order_id, member, cents) in enumerate(self.drawn()):
            shipped = number + 1 + draw.randrange(self.reach)
            final = shipped + 1 + draw.randrange(self.reach)
            at = [CREATED + timedelta(seconds=n) for n in (number, shipped, final)]
            its_records = (
                order(merchant, order_id, member, cents, at=at[0], topic="order/create"),
                order(merchant, order_id, member, cents, delivery="shipped", at=at[1]),
                delivery(merchant, order_id, "arrived", at=at[2]),
            )
            steps += [
                (tick, number, record)
                for tick, record in zip((number, shipped, final), its_records, strict=True)
            ]
        steps.sort(key=lambda step: step[:2])
        records = [record for _, _, record in steps]
        repeated = []
        for place, record in enumerate(records):
            repeated += [record] * (2 if place % self.repeat == 0 else 1)
        return repeated

    def expected(self) -> Mapping[tuple[str, str], int]:
        """(merchant, member) → points once everything is granted."""
        balances: Counter[tuple[str, str]] = Counter()
        for merchant, _, member, cents in self.drawn():
            balances[merchant, member] += cents // self.unit
        return balances
