"""Carriers' reports find their orders by tracking number, whatever comes first.

They are taken back when they may be of other orders.
"""

import random
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from tests.support.in_process import InProcessEngine, report
from tests.support.parcels import (
    ANNA,
    BEN,
    DELIVERED,
    IN_TRANSIT,
    NUMBER,
    OTHER,
    PLAIN,
    RETURN_REVERSED,
    REVERSED,
    A,
    B,
    M,
    day,
    sold,
)
from tests.support.upstream import CREATED, HOME, STORE, Record, delivery, hex_id, order


def test_a_report_of_a_delivery_earns_the_points_of_its_order(in_process: InProcessEngine) -> None:
    in_process.consume(sold())
    in_process.consume(report("d40617352918", DELIVERED, day(2)))
    assert in_process.points(M, ANNA) == 100
    in_process.consume(report(NUMBER, REVERSED, day(2.5)))
    assert in_process.points(M, ANNA) == 0
    assert in_process.counts() == {
        "applied": 3,
        "duplicate": 0,
        "ignored": 0,
        "parked": 0,
        "dead": 0,
    }
    in_process.check_counts(3)


@pytest.mark.parametrize("in_one_batch", [True, False])
@pytest.mark.parametrize("turn", list(permutations(range(4))))
def test_orders_and_reports_in_any_order_and_twice_come_to_the_same(
    in_process: InProcessEngine, turn: tuple[int, ...], in_one_batch: bool
) -> None:
    told = [
        order(M, A, ANNA, 1000, topic="order/create"),
        sold(at=day(1)),
        report(NUMBER, IN_TRANSIT, day(1.5)),
        report(NUMBER, DELIVERED, day(2)),
    ]
    mixed = [told[i] for i in turn]
    if in_one_batch:
        in_process.consume(*mixed, *mixed)
    else:
        for record in mixed:
            in_process.consume(record)
            in_process.consume(record)
    assert in_process.points(M, ANNA) == 100
    assert in_process.rows("SELECT * FROM recheck") == []
    counts = in_process.counts()
    assert counts["dead"] == 0
    assert counts["duplicate"] >= 2
    in_process.check_counts(8)


def test_a_report_waits_for_its_order(in_process: InProcessEngine) -> None:
    in_process.consume(report(NUMBER, DELIVERED, day(2)))
    assert in_process.counts()["parked"] == 1
    in_process.consume(report(NUMBER, DELIVERED, day(2)))
    assert in_process.counts()["duplicate"] == 1
    in_process.consume(order(M, A, ANNA, 1000))
    assert in_process.points(M, ANNA) == 0
    in_process.consume(sold(at=day(1)))
    assert in_process.points(M, ANNA) == 100


def test_in_transit_reports_are_kept_with_the_number_and_touch_no_order(
    in_process: InProcessEngine,
) -> None:
    in_process.consume(sold())
    before = in_process.rows("SELECT xmin, * FROM orders")
    in_process.consume(report(NUMBER, IN_TRANSIT, day(1)))
    in_process.consume(report(NUMBER, IN_TRANSIT, day(1.2)))
    assert in_process.rows("SELECT xmin, * FROM orders") == before
    assert (
        in_process.value("SELECT octet_length(reports) FROM tracking WHERE merchant_no = 0")
        == 2 * 18
    )
    assert in_process.counts()["applied"] == 3


def test_a_collected_option_is_final_only_when_the_parcel_is_fetched(
    in_process: InProcessEngine,
) -> None:
    in_process.consume(sold(option=STORE))
    in_process.consume(report(NUMBER, "2073", day(2), service="unimartc2c"))
    assert in_process.points(M, ANNA) == 0
    in_process.consume(report(NUMBER, "2067", day(3), service="unimartc2c"))
    assert in_process.points(M, ANNA) == 100
    in_process.consume(report(NUMBER, "2053", day(3.1), service="unimartc2c"))
    assert in_process.points(M, ANNA) == 0


def test_a_second_order_with_the_number_makes_it_ambiguous_and_takes_the_points_back(
    in_process: InProcessEngine,
) -> None:
    in_process.consume(sold(A))
    in_process.consume(report(NUMBER, DELIVERED, day(2)))
    assert in_process.points(M, ANNA) == 100
    in_process.consume(sold(B, BEN))
    assert (in_process.points(M, ANNA), in_process.points(M, BEN)) == (0, 0)
    assert in_process.ambiguous() == [PLAIN]
    in_process.consume(report(NUMBER, IN_TRANSIT, day(1)))
    assert in_process.counts()["parked"] == 1


def test_an_edited_number_settles_whose_the_reports_are_and_edited_back_it_is_ambiguous_again(
    in_process: InProcessEngine,
) -> None:
    in_process.consume(sold(A), sold(B, BEN), report(NUMBER, DELIVERED, day(2)))
    assert (in_process.points(M, ANNA), in_process.points(M, BEN)) == (0, 0)
    in_process.consume(sold(B, BEN, number="OTHER-1", at=day(3)))
    assert (in_process.points(M, ANNA), in_process.points(M, BEN)) == (100, 0)
    assert in_process.ambiguous() == []
    in_process.consume(sold(B, BEN, at=day(4)))
    assert (in_process.points(M, ANNA), in_process.points(M, BEN)) == (0, 0)
    assert in_process.ambiguous() == [PLAIN]
    in_process.consume(sold(A, number="OTHER-2", at=day(5)))
    assert (in_process.points(M, ANNA), in_process.points(M, BEN)) == (0, 100)
    in_process.consume(report("OTHER 2", DELIVERED, day(6)))
    assert (in_process.points(M, ANNA), in_process.points(M, BEN)) == (100, 100)


def test_a_number_edited_away_takes_its_reports_along_and_edited_back_brings_them_again(
    in_process: InProcessEngine,
) -> None:
    in_process.consume(sold(), report(NUMBER, DELIVERED, day(2)))
    in_process.consume(sold(number="OTHER", at=day(3)))
    assert in_process.points(M, ANNA) == 0
    in_process.consume(sold(at=day(4)))
    assert in_process.points(M, ANNA) == 100


def test_a_number_taken_off_an_order_settles_it_for_the_other(in_process: InProcessEngine) -> None:
    in_process.consume(sold(A), sold(B, BEN), report(NUMBER, DELIVERED, day(2)))
    none: dict[str, Any] = {"delivery_data": {"tracking_number": None}}
    in_process.consume(order(M, B, BEN, 1000, at=day(3), **none))
    assert (in_process.points(M, ANNA), in_process.points(M, BEN)) == (100, 0)


def test_a_report_that_names_its_merchant_means_that_merchants_order(
    in_process: InProcessEngine,
) -> None:
    in_process.consume(sold(A), sold(B, BEN, merchant=OTHER))
    in_process.consume(report(NUMBER, DELIVERED, day(2), merchant_id=OTHER))
    assert (in_process.points(M, ANNA), in_process.points(OTHER, BEN)) == (0, 100)
    assert in_process.ambiguous() == []


def test_a_report_of_another_merchant_is_not_for_the_only_order_of_the_number(
    in_process: InProcessEngine,
) -> None:
    in_process.consume(report(NUMBER, DELIVERED, day(2), merchant_id=OTHER), sold(A))
    assert in_process.points(M, ANNA) == 0
    assert in_process.counts()["parked"] == 1
    in_process.consume(sold(B, BEN, merchant=OTHER))
    assert (in_process.points(M, ANNA), in_process.points(OTHER, BEN)) == (0, 100)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("report_first", [True, False])
def test_reports_reach_180_days_from_the_record_that_first_named_their_number_on_both_sides(
    in_process: InProcessEngine, sign: int, report_first: bool
) -> None:
    near, far = (
        report(n, DELIVERED, CREATED + sign * timedelta(days=180, microseconds=d))
        for n, d in (("NEAR", 0), ("FAR", 1))
    )
    imported = {"created_by": "import"}
    orders = [sold(A, number="NEAR", extra=imported), sold(B, BEN, number="FAR", extra=imported)]
    for records in ([near, far], orders) if report_first else (orders, [near, far]):
        in_process.consume(*records)
    assert (in_process.points(M, ANNA), in_process.points(M, BEN)) == (100, 0)


def test_a_number_that_a_carrier_uses_again_is_told_apart_by_time(
    in_process: InProcessEngine,
) -> None:
    old = day(-400)
    in_process.consume(sold(B, BEN, at=old, extra={"created_at": old.isoformat()}))
    in_process.consume(report(NUMBER, DELIVERED, old + timedelta(days=2)))
    assert in_process.points(M, BEN) == 100
    in_process.consume(sold(A), report(NUMBER, DELIVERED, day(2)))
    assert (in_process.points(M, ANNA), in_process.points(M, BEN)) == (100, 100)
    assert in_process.ambiguous() == []


def test_an_order_that_turns_out_to_be_younger_leaves_the_number_to_the_other(
    in_process: InProcessEngine,
) -> None:
    parcel = delivery(M, B, "pending", option=HOME)
    assert parcel.value is not None
    parcel = parcel._replace(
        value=parcel.value.replace(b'"order_id"', b'"tracking_number":"D40617352918","order_id"')
    )
    in_process.consume(sold(A), parcel, report(NUMBER, DELIVERED, day(2)))
    assert (in_process.points(M, ANNA), in_process.ambiguous()) == (0, [PLAIN])
    in_process.consume(order(M, B, BEN, 1000, delivery=None, created_at=day(2.5).isoformat()))
    assert (in_process.points(M, ANNA), in_process.points(M, BEN), in_process.ambiguous()) == (
        100,
        0,
        [],
    )


def test_a_number_of_very_many_orders_is_none(in_process: InProcessEngine) -> None:
    many = [sold(hex_id("many", n), hex_id("member", n), number="0000-0000") for n in range(60)]
    in_process.consume(many[0], report("00000000", DELIVERED, day(2)))
    assert in_process.points(M, hex_id("member", 0)) == 100
    for record in many[1:]:
        in_process.first.consume(record)
    in_process.first.settle()
    assert [points for points in in_process.balances().values() if points] == []
    assert in_process.ambiguous() == ["00000000"]
    size = in_process.value("SELECT octet_length(claims) FROM tracking WHERE merchant_no > 0")
    in_process.consume(*[sold(hex_id("more", n), ANNA, number="00000000") for n in range(10)])
    assert (
        in_process.value("SELECT octet_length(claims) FROM tracking WHERE merchant_no > 0") == size
    )
    assert in_process.rows("SELECT * FROM recheck") == []


def test_random_histories_come_to_the_same_however_they_are_cut_and_shuffled(
    in_process: InProcessEngine,
) -> None:
    """Orders of two merchants fight for three numbers.

    Each history is told in order to one merchant pair, then mixed.
    """
    draw = random.Random(11)
    for story in range(12):
        told = _story(draw, story, mark="straight")
        for mark in ("straight", "mixed"):
            in_process.merchant(f"{mark} {story} 0")
            in_process.merchant(f"{mark} {story} 1")
        for record in told:
            in_process.consume(record)
        straight = _balances(in_process, story, "straight")
        mixed = _story(random.Random(0), story, mark="mixed", like=told)
        twice = [record for record in mixed for _ in range(draw.choice((1, 2)))]
        draw.shuffle(twice)
        while twice:
            size = draw.randrange(1, 6)
            in_process.first.consume(*twice[:size])
            twice = twice[size:]
            if draw.random() < 0.5:
                in_process.first.settle()
        in_process.first.settle()
        assert _balances(in_process, story, "mixed") == straight, f"story {story}"


def _balances(in_process: InProcessEngine, story: int, mark: str) -> list[int]:
    return [
        in_process.points(m, hex_id("member", story, o))
        for m in (f"{mark} {story} 0", f"{mark} {story} 1")
        for o in range(4)
    ]


def _story(
    draw: random.Random, story: int, *, mark: str, like: list[Record] | None = None
) -> list[Record]:
    """A history; `like` another one, with names and numbers of its own."""
    if like is not None:
        straight, own = b"straight %d" % story, f"{mark} {story}".encode()
        numbered = [(b"S%dN" % story, f"{mark[0].upper()}X{story}N".encode())]
        ids = {
            hex_id("straight", story, n).encode(): hex_id(mark, story, n).encode() for n in range(4)
        }
        changed = []
        for record in like:
            value = (record.value or b"").replace(straight, own)
            for before, after in [*numbered, *ids.items()]:
                value = value.replace(before, after)
            changed.append(record._replace(value=value))
        return changed
    merchants = [f"{mark} {story} {n}" for n in range(2)]
    numbers = [f"S{story}N{n}" for n in range(3)]
    told = []
    for tick in range(16):
        at = day(1 + tick)
        which = draw.randrange(4)
        if draw.random() < 0.55:
            merchant, number = merchants[which % 2], draw.choice([*numbers, None])
            told.append(
                sold(
                    hex_id(mark, story, which),
                    hex_id("member", story, which),
                    merchant=merchant,
                    number=number,
                    at=at,
                )
            )
        else:
            named = {"merchant_id": draw.choice(merchants)} if draw.random() < 0.3 else {}
            told.append(
                report(
                    draw.choice(numbers),
                    draw.choice([DELIVERED, REVERSED, IN_TRANSIT, RETURN_REVERSED]),
                    at,
                    **named,
                )
            )
    return told
