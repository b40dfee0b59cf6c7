"""Versions of records: ties, and what cannot be read (rules.md 7)."""

import hashlib
import json
from itertools import permutations
from typing import Any

import pytest

from rules.order.versions import version_of
from schemas.ids import micros
from schemas.upstream.envelope import Unreadable, read
from tests.support.customers import customer
from tests.support.in_memory import InMemoryEngine, at
from tests.support.order_facts import (
    Event,
    bytes_of,
    day,
    delivery,
    order,
    parcel,
    removed,
    returned,
    settings,
)

FINE_TS = 1_733_000_000_123_456_789
COARSE_TS = 1_733_000_000_123_000_000


def version(event: Event, received: int = 0, content: bytes | None = None) -> tuple[int, int, int]:
    value = content or bytes_of(event)
    got = read(value, "order")
    assert not isinstance(got, str)
    updated = got[1].resource.get("updated_at")
    return version_of(got[1], micros(updated) if updated else None, received, value)


def test_a_records_own_time_decides_then_ts_then_the_digest() -> None:
    told = order(updated=day("12-01"), ts=COARSE_TS)
    canonical = json.dumps(
        told["resource"], sort_keys=True, separators=(",", ":"), ensure_ascii=False
    ).encode()
    digest = int.from_bytes(hashlib.sha256(canonical).digest()[:8], "big") >> 1
    assert version(told) == (at(day("12-01")), COARSE_TS, digest)


def test_without_a_ts_the_digest_decides_alone() -> None:
    assert version(order(updated=day("12-01")))[1] == 0
    assert (
        version(order(updated=day("12-01")))[2]
        != version(order(subtotal=5, updated=day("12-01")))[2]
    )


def test_a_removal_of_nothing_but_an_id_takes_its_version_from_ts_else_from_the_record() -> None:
    told = removed(day("12-06"))
    assert version(told, received=77)[0] == at(day("12-06"))
    del told["ts"]
    assert version(told, received=77)[0] == 77


def test_the_same_resource_written_differently_is_the_same_version() -> None:
    told = order(updated=day("12-01"), title="低溫宅配")
    spelt = json.dumps(told, ensure_ascii=True, indent=1).encode()
    shuffled = told | {"resource": dict(reversed(told["resource"].items()))}
    assert version(told) == version(told, content=spelt) == version(shuffled)


def thin(event: Event, *left_out: str) -> Event:
    """The event without some keys, of which it says nothing (D19)."""
    resource = {name: value for name, value in event["resource"].items() if name not in left_out}
    return event | {"resource": resource}


@pytest.mark.parametrize("collide", [False, True])
@pytest.mark.parametrize("ts", [None, COARSE_TS, FINE_TS])
@pytest.mark.parametrize(
    "tied",
    [
        [order(subtotal=n, updated=day("12-02")) for n in (300, 700, 500)],
        [
            order(updated=day("12-02"), membership_tier_data={"_id": tier})
            for tier in ("gold", "silver")
        ],
        [
            order(status=status, updated=day("12-02"))
            for status in ("cancelled", "confirmed", "completed")
        ],
        [delivery(status, day("12-02")) for status in ("arrived", "shipped", "returned")],
        [delivery("arrived", day("12-02"), arrived_at=day(f"12-0{n}")) for n in (1, 2)],
        [
            order(updated=day("12-02"), order_delivery=parcel(status))
            for status in ("arrived", "shipped")
        ],
        [returned(n, day("12-02")) for n in (100, 300, 200)],
        [returned(100, day("12-02"), status=status) for status in ("completed", "cancelled")],
        [
            thin(order(subtotal=300, updated=day("12-02")), "status"),
            thin(order(subtotal=700, updated=day("12-02")), "created_by"),
        ],
        [
            thin(returned(100, day("12-02")), "total"),
            thin(returned(300, day("12-02")), "status"),
        ],
        [customer(day("12-02"), registered_at=day(f"{month}-01")) for month in ("10", "12")],
        [customer(day("12-02"), is_member=is_member) for is_member in (True, False)],
    ],
)
def test_ties_fall_the_same_way_whatever_comes_first(
    tied: list[Event], ts: int | None, collide: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where two records have one checksum, as four bytes of them can be made to."""
    if collide:
        monkeypatch.setattr("rules.order.versions.zlib.crc32", lambda _: 7)
    tiers = [
        {"unit_price": 10, "points_per_unit": n, "membership_tier_id": t}
        for n, t in ((1, None), (2, "gold"), (3, "silver"))
    ]
    tied = [event | ({"ts": str(ts)} if ts else {}) for event in tied]
    ends = set()
    for heard in permutations(tied):
        engine = InMemoryEngine()
        engine.apply(settings(earn={"rules": tiers, "pending_days": 0}))
        engine.consume(delivery("arrived", day("12-01")), *heard, *tied, order(), when=day("12-20"))
        ends.add((engine.points(), engine.explain().state, engine.explain().final_at))
    assert len(ends) == 1


@pytest.mark.parametrize("ts", [COARSE_TS, FINE_TS])
def test_a_tie_that_changes_something_is_applied_and_its_loser_changes_nothing(ts: int) -> None:
    told = [order(subtotal=n, updated=day("12-02"), ts=ts) for n in (300, 700)]
    for first, second in (told, told[::-1]):
        engine = InMemoryEngine()
        engine.consume(first)
        before = engine.merchant().orders
        kept = {key: (facts.record, facts.trail) for key, facts in before.items()}
        outcome = engine.consume(second)
        changed = kept != {
            key: (facts.record, facts.trail) for key, facts in engine.merchant().orders.items()
        }
        assert (outcome == ["applied"]) is changed


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "1" + "0" * 400])
@pytest.mark.parametrize("inside", [True, False])
def test_json_that_is_none_is_poison_wherever_it_stands(number: str, *, inside: bool) -> None:
    told: dict[str, Any] = order(note="HERE") if inside else order() | {"note": "HERE"}
    value = bytes_of(told).replace(b'"HERE"', number.encode())
    with pytest.raises(Unreadable) as refused:
        version(told, content=value)
    assert refused.value.reason == "not_json"
    assert refused.value.merchant_id == told["merchant_id"]
