"""What every workload offers: a stream of records, and the balances that must come of it."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

Member = tuple[str, str]
"""(merchant id, member id): an account."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record; `order_id` is its key.

    `topic` is the kind of topic it goes to: orders, deliveries or customers.
    """

    order_id: str
    value: bytes
    topic: str = "orders"


class Workload(Protocol):
    """A deterministic stream of order events. Two instances with equal arguments are equal."""

    @property
    def name(self) -> str:
        """The letter in the result table."""

    @property
    def orders(self) -> int:
        """How many orders it has."""

    @property
    def events(self) -> int:
        """How many records it has."""

    @property
    def planned(self) -> bool:
        """Whether points are planned first and granted after the clock was moved."""

    def records(self) -> Iterator[Record]:
        """All records in log order."""

    def expected(self) -> Mapping[Member, int]:
        """The balance of every member, reckoned from the orders alone, never from the records."""

    def settings(self) -> Mapping[str, dict[str, Any]]:
        """The settings document of every merchant."""


def start_of_stream(now: datetime | None = None) -> datetime:
    """Midnight UTC two days ago: recent enough to earn, and never a future version (rules.md 7)."""
    today = (now or datetime.now(UTC)).replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=2)


def upstream_ts(instant_ns: int, noise: random.Random) -> str:
    """Upstream's `ts`: nanoseconds as a string, with digits below the millisecond (rules.md 7)."""
    return str(instant_ns + noise.randrange(1_000_000))


def trace_id(noise: random.Random) -> str:
    """A uuid of random bits."""
    bits = f"{noise.getrandbits(128):032x}"
    return f"{bits[:8]}-{bits[8:12]}-{bits[12:16]}-{bits[16:20]}-{bits[20:]}"


def settings_document(
    *, unit_price: int, pending_days: int, timezone: str, final_at_arrival: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Settings that bind every order of a workload.

    `final_at_arrival` are options forced to be final at `arrived`.
    """
    return {
        "timezone": timezone,
        "currency": "TWD",
        "languages": ["en", "zh-hant"],
        "enabled": True,
        "entitlement": {"plan": "enterprise", "app_installed": True, "modules": []},
        "earn": {
            "rules": [{"unit_price": unit_price, "points_per_unit": 1, "membership_tier_id": None}],
            "channels": ["ec", "retail"],
            "pending_days": pending_days,
            "grant_on": "delivery_final",
            "expiry": {"kind": "fixed_date", "month": 12, "day": 31},
            "deduct_store_credit": False,
            "on_return": "claw_back",
        },
        "delivery_overrides": dict.fromkeys(final_at_arrival, "arrived"),
        "effective_at": "2024-01-01T00:00:00Z",
    }
