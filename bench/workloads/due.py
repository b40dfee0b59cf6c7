"""Orders whose points fall due at chosen instants: one record each, final at a moment to come.

With `pending_days` 0 points are due at the final moment itself (rules.md 2.1), so a final moment
some seconds ahead plans them for an exact instant, without touching any clock.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from bench.workloads.workload import Record, settings_document, trace_id, upstream_ts

BIG_MERCHANT = "61b1f00dc0de4a0012ab0001"
SMALL_MERCHANT = "61b1f00dc0de4a0012ab0002"
OPTION = "tw_tcat_roomtemp"
CENTS = 5_000
UNIT = 100
POINTS = CENTS // UNIT
MEMBERS_SHARE = 4
"""Orders a member, as in workload A."""


@dataclass(frozen=True)
class DueOrders:
    """So many orders of one merchant.

    `due_at` gives the instant (UTC) at which the points of the n-th are due.
    """

    merchant: str
    orders: int
    due_at: Callable[[int], datetime]
    seed: int = 23

    def records(self) -> Iterator[Record]:
        """One record an order, in the order of their numbers."""
        draw = random.Random(f"{self.seed}/{self.merchant}")
        members = [
            f"{draw.getrandbits(96):024x}" for _ in range(max(1, self.orders // MEMBERS_SHARE))
        ]
        created = datetime.now(UTC) - timedelta(hours=1)
        for number in range(self.orders):
            yield final_order(
                f"{draw.getrandbits(96):024x}",
                self.merchant,
                draw.choice(members),
                created,
                self.due_at(number),
                draw,
            )


def final_order(
    order_id: str,
    merchant: str,
    member: str,
    created: datetime,
    final: datetime,
    draw: random.Random,
) -> Record:
    """The one record of an order that is final at an instant, also one to come."""
    at, arrived = (moment.isoformat(timespec="milliseconds") for moment in (created, final))
    money = f'{{"cents":{CENTS},"currency_iso":"TWD"}}'
    trace, ts = trace_id(draw), upstream_ts(int(created.timestamp()) * 1_000_000_000, draw)
    value = (
        f'{{"event":"Order","topic":"order/update","merchant_id":"{merchant}",'
        f'"trace_id":"{trace}","ts":"{ts}","resource":{{"id":"{order_id}",'
        f'"customer_id":"{member}","status":"completed","created_by":"shop","subtotal":{money},'
        f'"order_delivery":{{"id":"{order_id[::-1]}","status":"arrived","platform":"{OPTION}",'
        f'"delivery_type":"{OPTION}","arrived_at":"{arrived}","updated_at":"{at}"}},'
        f'"created_at":"{at}","updated_at":"{at}"}}}}'
    )
    return Record(order_id, value.encode())


def settings_for_dues() -> Mapping[str, dict[str, Any]]:
    """The settings of both merchants: due at the final moment."""
    document = settings_document(unit_price=UNIT, pending_days=0, timezone="Asia/Taipei")
    return {BIG_MERCHANT: document, SMALL_MERCHANT: document}
