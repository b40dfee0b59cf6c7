"""Workload A: three records of about 1.2 KB an order, one merchant, points due at once.

An order is created, confirmed and shipped, and delivered; its records lie up to 2,000 orders apart,
so that every batch holds orders in all three states. There are a quarter as many members as orders.
"""

import heapq
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from bench.workloads.workload import (
    Member,
    Record,
    settings_document,
    start_of_stream,
    trace_id,
    upstream_ts,
)

MERCHANT = "5f3c2a9be1d04c0012ab34cd"
OPTION = "seven_eleven"
UNIT = 100
"""Minor units a point; TWD has no fraction, so this is also the rule's `unit_price`."""
REACH = 2_000
"""How many orders may begin between two records of one order."""
TICK_MS = 10
"""Event time between two orders."""
SHARE_ARRIVED = 0.6
"""The other orders end as `collected`; both are final here."""


@dataclass(frozen=True, slots=True)
class Order:
    """What an order is before it becomes records; `items` is its JSON, the same in all of them."""

    order_id: str
    member_id: str
    cents: int
    last_status: str
    items: str


@dataclass(frozen=True)
class WorkloadA:
    """Workload A with so many orders; another `seed` gives other orders and members."""

    orders: int
    seed: int = 7
    start: datetime = field(default_factory=start_of_stream)
    name: str = "A"
    planned: bool = False

    @property
    def events(self) -> int:
        """Three records an order."""
        return 3 * self.orders

    def drawn(self) -> Iterator[Order]:
        """The orders, in the order of their creation."""
        draw = random.Random(self.seed)
        members = [f"{draw.getrandbits(96):024x}" for _ in range(max(1, self.orders // 4))]
        for _ in range(self.orders):
            items = ",".join(_item(draw) for _ in range(10))
            last = "arrived" if draw.random() < SHARE_ARRIVED else "collected"
            yield Order(
                f"{draw.getrandbits(96):024x}",
                draw.choice(members),
                draw.randrange(10_000, 500_000),
                last,
                items,
            )

    def records(self) -> Iterator[Record]:
        """The records in log order: an order's later ones wait on a heap until their tick."""
        noise = random.Random(self.seed + 1)
        waiting: list[tuple[int, int, int, Order]] = []
        for tick, order in enumerate(self.drawn()):
            while waiting and waiting[0][0] <= tick:
                at, _, step, earlier = heapq.heappop(waiting)
                yield self._record(earlier, step, at, noise)
            yield self._record(order, 0, tick, noise)
            shipped = tick + 1 + noise.randrange(REACH)
            final = shipped + 1 + noise.randrange(REACH)
            heapq.heappush(waiting, (shipped, 2 * tick, 1, order))
            heapq.heappush(waiting, (final, 2 * tick + 1, 2, order))
        while waiting:
            at, _, step, earlier = heapq.heappop(waiting)
            yield self._record(earlier, step, at, noise)

    def expected(self) -> Mapping[Member, int]:
        """Every order earns `cents // UNIT` for its member."""
        balances: Counter[Member] = Counter()
        for order in self.drawn():
            balances[MERCHANT, order.member_id] += order.cents // UNIT
        return balances

    def settings(self) -> Mapping[str, dict[str, Any]]:
        """Due at once; the option is made final at `arrived`, so that both last statuses earn."""
        return {
            MERCHANT: settings_document(
                unit_price=UNIT, pending_days=0, timezone="Asia/Taipei", final_at_arrival=(OPTION,)
            )
        }

    def _record(self, order: Order, step: int, tick: int, noise: random.Random) -> Record:
        created = self.start.isoformat(timespec="milliseconds")
        updated_at = self.start + timedelta(milliseconds=tick * TICK_MS)
        updated = updated_at.isoformat(timespec="milliseconds")
        ts = upstream_ts((int(self.start.timestamp()) * 1_000 + tick * TICK_MS) * 1_000_000, noise)
        topic, status = (
            ("order/create", "pending"),
            ("order/update", "confirmed"),
            ("order/update", "completed"),
        )[step]
        delivery = ("pending", "shipped", order.last_status)[step]
        money = f'{{"cents":{order.cents},"currency_iso":"TWD"}}'
        value = (
            f'{{"event":"Order","topic":"{topic}","merchant_id":"{MERCHANT}","trace_id":"{trace_id(noise)}",'
            f'"ts":"{ts}","resource":{{"id":"{order.order_id}","order_number":"{order.order_id[:14]}",'
            f'"customer_id":"{order.member_id}","status":"{status}","subtotal":{money},'
            f'"order_delivery":{{"id":"{order.order_id[::-1]}","status":"{delivery}","platform":"{OPTION}",'
            f'"delivery_type":"pickup"}},"order_payment":{{"status":"completed","payment_type":"credit_card",'
            f'"total":{money}}},"created_at":"{created}","updated_at":"{updated}","subtotal_items":[{order.items}]}}}}'
        )
        return Record(order.order_id, value.encode())


def _item(draw: random.Random) -> str:
    price = draw.randrange(1_000, 90_000)
    name, quantity = f"{draw.getrandbits(40):010x}", draw.randrange(1, 5)
    return f'{{"id":"{name}","quantity":{quantity},"price_cents":{price}}}'
