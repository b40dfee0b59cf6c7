"""Workload B: orders of upstream's size from twenty merchants, some edited, granted later.

Merchants differ in size as 1, 1/2, 1/3 … 1/20. Each order has three records; one in twenty a
fourth, which changes its amount after its final status and before its points are due, so that the
plan changes.
"""

import heapq
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import orjson

from bench.workloads.upstream_order import Draft, Json, iso, money, object_id, order_resource
from bench.workloads.workload import (
    Member,
    Record,
    settings_document,
    start_of_stream,
    trace_id,
    upstream_ts,
)

MERCHANTS = 20
UNIT = 100
PENDING_DAYS = 3
EDITED = 20
"""One order in so many is edited."""
REACH = 500
"""How many orders may begin between two records of one order."""
TICK_MS = 10
ZONES = ("Asia/Taipei", "Asia/Hong_Kong", "Asia/Tokyo", "Asia/Ho_Chi_Minh", "UTC")
OPTIONS = {"custom": "arrived", "tw_fm_c2c_nopay": "collected"}
"""Delivery option and the status that is final for it: a home delivery and a pick-up at a store."""


@dataclass(frozen=True, slots=True)
class Plan:
    """An order and, when it is edited, the subtotal it has afterwards (None: it is not)."""

    draft: Draft
    edited_subtotal: int | None
    number: int

    @property
    def final_base(self) -> int:
        """The base that counts when the points are due."""
        return (
            self.draft.base
            if self.edited_subtotal is None
            else self.edited_subtotal - self.draft.discount
        )


@dataclass(frozen=True)
class WorkloadB:
    """Workload B with so many orders."""

    orders: int
    seed: int = 11
    start: datetime = field(default_factory=start_of_stream)
    name: str = "B"
    planned: bool = True
    edited: bool = True
    """Without edits it suits the peers too, which grant at the final status and post no
    differences.
    """

    @property
    def events(self) -> int:
        """Three records an order and one for each edit."""
        return 3 * self.orders + (self.orders + EDITED - 1) // EDITED * self.edited

    @property
    def merchants(self) -> list[str]:
        """Merchant ids, the largest first."""
        draw = random.Random(self.seed)
        return [object_id(draw, 0x652B_0000 + rank) for rank in range(MERCHANTS)]

    def drawn(self) -> Iterator[Plan]:
        """The orders, in the order of their creation."""
        draw = random.Random(self.seed + 1)
        merchants = self.merchants
        sizes = [1 / (rank + 1) for rank in range(MERCHANTS)]
        members = [
            [
                object_id(draw, 0x6500_0000 + rank)
                for _ in range(max(1, round(self.orders * size / sum(sizes) / 4)))
            ]
            for rank, size in enumerate(sizes)
        ]
        ranks = draw.choices(range(MERCHANTS), sizes, k=self.orders)
        for number, rank in enumerate(ranks):
            created = self.start + timedelta(milliseconds=number * TICK_MS)
            subtotal = draw.randrange(300, 20_000)
            draft = Draft(
                order_id=object_id(draw, int(created.timestamp())),
                merchant_id=merchants[rank],
                member_id=draw.choice(members[rank]),
                option=draw.choice(tuple(OPTIONS)),
                subtotal=subtotal,
                discount=subtotal // 10,
                created_at=created,
            )
            edited = (
                draw.randrange(draft.discount + 2 * UNIT, 22_000)
                if self.edited and number % EDITED == 0
                else None
            )
            yield Plan(draft, edited, number)

    def records(self) -> Iterator[Record]:
        """The records in log order: an order's later ones wait on a heap until their tick."""
        noise = random.Random(self.seed + 2)
        waiting: list[tuple[int, int, int, Plan, Json]] = []
        for tick, plan in enumerate(self.drawn()):
            while waiting and waiting[0][0] <= tick:
                at, _, step, earlier, resource = heapq.heappop(waiting)
                yield self._record(earlier, resource, step, at, noise)
            resource = order_resource(plan.draft, noise)
            yield self._record(plan, resource, 0, tick, noise)
            at = tick
            for step in (1, 2, 3) if plan.edited_subtotal is not None else (1, 2):
                at += 1 + noise.randrange(REACH)
                heapq.heappush(waiting, (at, plan.number, step, plan, resource))
        while waiting:
            at, _, step, earlier, resource = heapq.heappop(waiting)
            yield self._record(earlier, resource, step, at, noise)

    def expected(self) -> Mapping[Member, int]:
        """Every order earns by its amount after the edit: edits come before the points are due."""
        balances: Counter[Member] = Counter()
        for plan in self.drawn():
            balances[plan.draft.merchant_id, plan.draft.member_id] += plan.final_base // UNIT
        return balances

    def settings(self) -> Mapping[str, dict[str, Any]]:
        """Points due after some days; zones differ, so the merchants' midnights do too."""
        return {
            merchant: settings_document(
                unit_price=UNIT,
                pending_days=PENDING_DAYS,
                timezone=ZONES[rank % len(ZONES)],
                final_at_arrival=("custom",),
            )
            for rank, merchant in enumerate(self.merchants)
        }

    def _record(
        self, plan: Plan, resource: Json, step: int, tick: int, noise: random.Random
    ) -> Record:
        at = self.start + timedelta(milliseconds=tick * TICK_MS)
        if step:
            _advance(resource, plan, step, at)
        envelope = {
            "event": "Order",
            "merchant_id": plan.draft.merchant_id,
            "resource": resource,
            "topic": "order/update" if step else "order/create",
            "trace_id": trace_id(noise),
            "ts": upstream_ts(
                (int(self.start.timestamp()) * 1_000 + tick * TICK_MS) * 1_000_000, noise
            ),
        }
        return Record(plan.draft.order_id, orjson.dumps(envelope))


def _advance(resource: Json, plan: Plan, step: int, at: datetime) -> None:
    """Change the resource to what it is after `step`: 1 shipped, 2 final, 3 edited."""
    instant = iso(at)
    delivery: Json = resource["order_delivery"]
    resource["updated_at"] = instant
    if step == 1:
        resource |= {"status": "confirmed", "confirmed_at": instant}
        delivery |= {"status": "shipped", "shipped_at": instant, "updated_at": instant}
    elif step == 2:
        final = OPTIONS[plan.draft.option]
        resource["status"] = "completed"
        delivery |= {"status": final, f"{final}_at": instant, "updated_at": instant}
    elif plan.edited_subtotal is not None:
        edited = replace(plan.draft, subtotal=plan.edited_subtotal)
        total = money(edited.base + 60)
        resource |= {"subtotal": money(edited.subtotal), "total": total, "edited_at": instant}
        resource["order_payment"]["total"] = total
