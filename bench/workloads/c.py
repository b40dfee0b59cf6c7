"""Workload C: workload B, with carrier reports for every parcel and an event of every customer.

Each order names a tracking number from its first record on. Its carrier reports it four times on
the deliveries topic, without merchant or order: taken over, on the way or at the store, delivered
or fetched, and that last record a second time. The reports lie on another topic than the orders, so
some are read before the order that they belong to and some after. The carrier's final report falls
within seconds of upstream's own final status, so the points are those of B.
"""

import heapq
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson

from bench.workloads.b import REACH, TICK_MS, WorkloadB
from bench.workloads.upstream_order import iso, object_id
from bench.workloads.workload import Member, Record, start_of_stream, trace_id, upstream_ts

CODES: Mapping[str, tuple[str, str, tuple[str, str, str]]] = {
    "custom": ("ecpay", "tcat", ("3001", "3006", "3003")),
    "tw_fm_c2c_nopay": ("ecpay", "famic2c", ("3024", "3018", "3022")),
}
"""By delivery option: carrier, service, and the codes of a parcel's way. The last is final for the
option.
"""
REPORTS = 4
"""Reports of a parcel: three codes, and the last record once more."""


@dataclass(frozen=True)
class WorkloadC:
    """Workload C with so many orders."""

    orders: int
    seed: int = 11
    start: datetime = field(default_factory=start_of_stream)
    name: str = "C"
    planned: bool = True

    @property
    def base(self) -> WorkloadB:
        """The orders: those of workload B."""
        return WorkloadB(self.orders, self.seed, self.start)

    @property
    def events(self) -> int:
        """The records of B, four reports of every parcel and one record of every buying member."""
        return self.base.events + REPORTS * self.orders + len(self._members())

    def records(self) -> Iterator[Record]:
        """All topics' records, each topic's in the order of its log."""
        yield from self._customers()
        yield from self._reports()
        yield from self.base.records()

    def expected(self) -> Mapping[Member, int]:
        """As in B: carriers and upstream agree on the day, and everybody was a member before."""
        return self.base.expected()

    def settings(self) -> Mapping[str, dict[str, Any]]:
        """As in B."""
        return self.base.settings()

    def _members(self) -> list[Member]:
        return list(
            dict.fromkeys(
                (plan.draft.merchant_id, plan.draft.member_id) for plan in self.base.drawn()
            )
        )

    def _customers(self) -> Iterator[Record]:
        noise = random.Random(self.seed + 4)
        registered = self.start - timedelta(days=30)
        for number, (merchant, member) in enumerate(self._members()):
            at = self.start + timedelta(milliseconds=number * TICK_MS)
            envelope = {
                "event": "User",
                "merchant_id": merchant,
                "resource": {
                    "id": member,
                    "status": "active",
                    "is_member": True,
                    "registered_at": iso(registered),
                    "locale_code": "zh-hant",
                    "created_at": iso(registered),
                    "updated_at": iso(at),
                    "owner_id": merchant,
                    "name": f"Customer {noise.randrange(10_000)}",
                    "email": f"customer{noise.randrange(10_000)}@example.com",
                    "mobile_phone": "0900000000",
                    "birthday": None,
                },
                "topic": "user/update",
                "trace_id": trace_id(noise),
                "ts": upstream_ts(int(at.timestamp() * 1_000) * 1_000_000, noise),
            }
            yield Record(member, orjson.dumps(envelope), "customers")

    def _reports(self) -> Iterator[Record]:
        """Reports by their time, each parcel's within a few seconds after its order began."""
        noise = random.Random(self.seed + 5)
        numbers = tracking_numbers(self.base)
        waiting: list[tuple[int, int, int, str, str]] = []
        final: dict[str, Record] = {}
        for tick, plan in enumerate(self.base.drawn()):
            while waiting and waiting[0][0] <= tick:
                yield self._report(heapq.heappop(waiting), final, noise)
            at = tick
            for step in range(REPORTS):
                at += 1 + noise.randrange(REACH)
                heapq.heappush(
                    waiting,
                    (at, plan.number, step, plan.draft.option, numbers[plan.draft.order_id]),
                )
        while waiting:
            yield self._report(heapq.heappop(waiting), final, noise)

    def _report(
        self, turn: tuple[int, int, int, str, str], final: dict[str, Record], noise: random.Random
    ) -> Record:
        tick, _, step, option, number = turn
        carrier, service, codes = CODES[option]
        if step == len(codes):
            return final.pop(number)
        at = self.start + timedelta(milliseconds=tick * TICK_MS)
        report = {
            "carrier": carrier,
            "service": service,
            "code": codes[step],
            "text": "",
            "tracking_number": number,
            "occurred_at": iso(at),
            "report_id": object_id(noise, int(at.timestamp())),
        }
        record = Record(number, orjson.dumps(report), "deliveries")
        if step == len(codes) - 1:
            final[number] = record
        return record


def tracking_numbers(base: WorkloadB) -> Mapping[str, str]:
    """The tracking number of every order, as its records have it."""
    numbers: dict[str, str] = {}
    for record in base.records():
        if record.order_id not in numbers:
            resource = orjson.loads(record.value)["resource"]
            numbers[record.order_id] = resource["delivery_data"]["tracking_number"]
    return numbers
