"""Shops that are busy for a while: a little of everything, sent through Kafka second by second."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from tests.support.account.desk import settings
from tests.support.engine import Engine
from tests.support.upstream import (
    STORE,
    Json,
    Record,
    delivery,
    envelope,
    hex_id,
    order,
    poison,
    returned,
)

SHOPS = ("lantern", "harbour", "orchard")
LATE_SHOP = "meadow"
MEMBERS = 12
A_SECOND = 8
"""Orders each second; every one brings further records."""
_BOTH_WAYS: Json = {"email": True, "sms": True}


class BusyShops:
    """Three shops whose members order, return, spend and are given points."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        """Settings are applied; nothing is sent yet."""
        self._engine, self._folder = engine, folder
        self._seconds = self._commands = 0
        for shop in SHOPS:
            self._settle_in(shop)

    def go_on(self, seconds: float) -> None:
        """Sends what happens in so many seconds, as they pass."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            began = time.monotonic()
            self._engine.produce(self._second())
            time.sleep(max(0.0, 1.0 - (time.monotonic() - began)))

    def poison(self, records: int) -> None:
        """Records that nobody can read, enough of them in one partition to pause its pipeline."""
        flood = [Record("orders", "k", poison(SHOPS[n % 3], n).value) for n in range(records)]
        self._engine.produce(flood)

    def give_to_many(self) -> None:
        """A bulk job of the first shop, by the command line."""
        file = self._folder / "june.csv"
        lines = [f"{a_member(n)},5" for n in range(MEMBERS)]
        file.write_text("\n".join(["member_id,points", *lines]) + "\n")
        done = self._engine.command("bulk", "assign", SHOPS[0], str(file), "--reason", "June")
        assert done.returncode in {0, 5}, done.stderr

    def open_late(self) -> None:
        """Settings of a shop whose orders have come already: they are decided again."""
        self._settle_in(LATE_SHOP)

    def _settle_in(self, shop: str) -> None:
        file = self._folder / f"{shop}.json"
        file.write_bytes(orjson.dumps(settings()))
        done = self._engine.command("settings", "apply", shop, str(file))
        assert done.returncode == 0, done.stderr

    def _second(self) -> list[Record]:
        self._seconds += 1
        now = datetime.now(UTC)
        records = []
        for n in range(A_SECOND):
            shop, member = SHOPS[n % 3], a_member(self._seconds + n)
            order_id = hex_id("busy", self._seconds, n)
            # Final in some seconds, as a courier's clock may have it: so the grant waits till then.
            final = now + timedelta(seconds=4 if n % 2 else -4)
            extra: Json = {"created_by": "shop" if n else "else"}
            if n == 1:
                extra["member_point_summary"] = {"earned_points": 10, "pending_days": 3}
            records += [
                order(shop, order_id, member, 10_000, at=now, **extra),
                delivery(shop, order_id, "arrived", at=final),
                *([returned(shop, order_id, 2_000, at=final)] if n == 2 else []),
            ]
        records.append(order(LATE_SHOP, hex_id("late", self._seconds), a_member(1), 10_000, at=now))
        late = hex_id("store", self._seconds)
        records.append(order(SHOPS[0], late, a_member(1), 5_000, option=STORE, at=now))
        records.append(_report(now, "300", late))
        records.append(_report(now, "no-such-code", late))
        records.append(_report(now, "300", None, number=f"P{self._seconds}"))
        records.append(Record("customers", "c", orjson.dumps(_customer(now, self._seconds))))
        records.append(Record("orders", "o", b'{"topic":"product/update","merchant_id":"lantern"}'))
        return records + self._spending(now)

    def _spending(self, now: datetime) -> list[Record]:
        member, number = a_member(self._seconds), self._seconds
        hold: Json = {"hold_id": f"h{number}", "points": 10, "purpose": "cash", "ttl_seconds": 60}
        sent: list[tuple[str, Json]] = [
            ("assign", {"points": 20, "reason": "Thank you", "notify": _BOTH_WAYS}),
            ("hold", hold),
            ("assign", {"points": 0, "reason": "Nothing"}),
        ]
        if number > 1 and number % 2:
            earlier = {"hold_id": f"h{number - 1}"}
            taken = {**earlier, "points": 10, "order_id": hex_id("cart", number)}
            sent.append(("capture", taken) if number % 4 == 1 else ("release", earlier))
        return [self._command(now, type_, member, fields) for type_, fields in sent]

    def _command(self, now: datetime, type_: str, member: str, fields: Json) -> Record:
        self._commands += 1
        of_hold = type_ in {"capture", "release"}
        content: Json = {
            "command_id": f"busy-{self._commands}",
            "type": type_,
            "merchant_id": SHOPS[0],
            "member_id": a_member(self._seconds - 1) if of_hold else member,
            "performer": {"kind": "staff", "id": "sue"},
            "issued_at": now.isoformat(),
            **fields,
        }
        key = f"{SHOPS[0]}:{content['member_id']}"
        return Record("commands", key, orjson.dumps(content))


def a_member(number: int) -> str:
    """One of the members, who are the same in every shop."""
    return hex_id("busy member", number % MEMBERS)


def _report(now: datetime, code: str, order_id: str | None, number: str | None = None) -> Record:
    report: dict[str, Any] = {
        "carrier": "ecpay",
        "service": "tcat",
        "code": code,
        "tracking_number": number,
        "order_id": order_id,
        "merchant_id": SHOPS[0],
        "occurred_at": now.isoformat(),
    }
    kept = {name: value for name, value in report.items() if value is not None}
    return Record("deliveries", order_id or number, orjson.dumps(kept))


def _customer(now: datetime, second: int) -> Json:
    resource = {
        "id": a_member(second),
        "status": "active",
        "created_at": "2024-01-01T00:00:00Z",
        "updated_at": now.isoformat(),
    }
    return envelope("user/update", SHOPS[0], resource, now)
