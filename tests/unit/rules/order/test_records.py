"""Records as facts: versions, ties, and what cannot be read (rules.md 7)."""

import hashlib
import json
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.order.numbers import LONGEST_NUMBER
from rules.order.records import LONGEST_TEXT, normalised, numbers_in, version_of
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
        monkeypatch.setattr("rules.order.records.zlib.crc32", lambda _: 7)
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


@pytest.mark.parametrize(
    "written",
    [
        "D40617352918",
        "d40617352918",
        " D4061 7352 918\n",
        "D4061-7352-918",
        "D4061\u20117352\u2013918",
        "D4061\u22127352\uff0d918",
        "\uff24\uff14\uff10\uff16\uff11\uff17\uff13\uff15\uff12\uff19\uff11\uff18",
        "D40617\u3000352\u00a0918",
        "\ufeffD40617\u200b352918\u00ad",
    ],
)
def test_a_tracking_number_is_the_same_however_it_is_written(written: str) -> None:
    assert normalised(written) == b"D40617352918"


@pytest.mark.parametrize(
    "number", ["", " ", "-", "- \u2013 \u3000", "9" * (LONGEST_NUMBER + 1), "\u53f7" * 22]
)
def test_nothing_and_what_is_too_long_are_no_tracking_number(number: str) -> None:
    assert normalised(number) == b""


@pytest.mark.parametrize("more", ["a", "\u0315\u0300", "1 ", " www.", " http://"])
def test_a_text_longer_than_any_address_names_no_number(more: str) -> None:
    """Nobody looks into it: some ways of looking take hours for a megabyte."""
    address = "https://example.com/track/" + "x" * 1_900 + "/9012345678"
    assert numbers_in(address) == b"9012345678"
    assert numbers_in(f"9012345678 {more * LONGEST_TEXT} ://") is None
    assert normalised(f"{more * LONGEST_TEXT}://9012345678") == b""


def test_what_else_stands_in_a_tracking_number_is_kept() -> None:
    assert normalised("ab/1_2.3#4") == b"AB/1_2.3#4"
    assert normalised("9" * LONGEST_NUMBER) == b"9" * LONGEST_NUMBER
    assert normalised("9 " * LONGEST_NUMBER) == b"9" * LONGEST_NUMBER


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=80))
def test_a_normalised_number_is_short_and_stays_what_it_is(number: str) -> None:
    once = normalised(number)
    assert len(once) <= LONGEST_NUMBER
    assert normalised(once.decode()) == once


@given(
    st.text(alphabet="0123456789abcXYZ", min_size=1, max_size=30),
    st.sampled_from(" -\t\u2010\u2212\u3000"),
)
def test_blanks_and_hyphens_anywhere_change_no_number(number: str, blank: str) -> None:
    assert (
        normalised(blank + blank.join(number) + blank)
        == normalised(number)
        == number.upper().encode()
    )


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("GN1/GN2", b"GN1/GN2 GN1 GN2"),
        ("gn-1, gn-2 ;", b"GN1,GN2 GN1 GN2"),
        ("GN1 GN2", b"GN1GN2 GN1 GN2"),
        ("GN1\n\tGN1", b"GN1GN1 GN1"),
        ("\uff27\uff2e1\uff0f\uff27\uff2e2", b"GN1/GN2 GN1 GN2"),
        ("GN3;", b"GN3"),
        ("#GN3.", b"GN3"),
        ("(GN3)", b"GN3"),
        ("9012345678 (2\u7bb1)", "9012345678(2\u7bb1 9012345678".encode()),
        ("GN3, 11/5 x2", b"GN3,11/5X2 GN3"),
        ("1/2", b"1/2 1 2"),
        ("\u9ed1\u8c93 9012345678", "\u9ed1\u8c939012345678 9012345678".encode()),
        ("https://t.example/track?no=gn3", b"GN3"),
        ("https://t.example/track/GN-3/", b"GN3"),
        ("https://t.example/track?no=GN3&lang=zh", b"GN3"),
        ("www.t.example/GN3", b"GN3"),
        ("https://t.example/GN1 https://t.example/GN2", b"GN1GN2 GN1 GN2"),
        (";", None),
        (" / ", None),
        ("9" * 40 + "/" + "8" * 40, b" " + b"9" * 40 + b" " + b"8" * 40),
        ("/".join(["9" * 40 + str(n) for n in range(9)]), None),
    ],
)
def test_a_field_names_its_whole_and_each_number_in_it(text: str, field: bytes | None) -> None:
    assert numbers_in(text) == field
