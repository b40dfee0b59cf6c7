"""Orders of many merchants, each order of the next one: final at once, one record an order."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from bench.workloads.due import POINTS, UNIT, final_order
from bench.workloads.workload import Member, Record, settings_document


def merchant_id(number: int) -> str:
    """The id of the n-th merchant, from 1; `sql/merchants.sql` gives the same ones."""
    return f"{number:024x}"


@dataclass(frozen=True)
class ManyMerchants:
    """So many orders, each of the merchant after the one before, of so many merchants."""

    orders: int
    merchants: int
    seed: int = 41
    name: str = "merchants"
    planned: bool = False

    @property
    def events(self) -> int:
        """One record an order."""
        return self.orders

    def records(self) -> Iterator[Record]:
        """In the order of their numbers."""
        draw = random.Random(self.seed)
        created = datetime.now(UTC) - timedelta(hours=1)
        for number in range(self.orders):
            order_id = f"{draw.getrandbits(96):024x}"
            merchant, member = self._buyer(number)
            yield final_order(order_id, merchant, member, created, created, draw)

    def expected(self) -> Mapping[Member, int]:
        """Every order earns the same."""
        return {self._buyer(number): POINTS for number in range(self.orders)}

    def _buyer(self, number: int) -> Member:
        """A member of its own for each order: none waits for another's account."""
        return merchant_id(1 + number % self.merchants), f"6b{number:022x}"

    def settings(self) -> Mapping[str, dict[str, Any]]:
        """Those of the first merchant; `sql/merchants.sql` gives them to all."""
        document = settings_document(unit_price=UNIT, pending_days=0, timezone="Asia/Taipei")
        return {merchant_id(1): document}
