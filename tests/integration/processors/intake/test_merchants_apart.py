"""Merchants are apart, and one box is one box (rules.md 6, D18).

A report counts in each merchant by itself, and nothing that another merchant says changes a
member's points.
"""

from datetime import timedelta

import pytest

from store.reads import parked
from tests.support.in_process import InProcessEngine, report
from tests.support.parcels import (
    ANNA,
    BEN,
    DELIVERED,
    IN_TRANSIT,
    NUMBER,
    OTHER,
    PLAIN,
    A,
    B,
    M,
    day,
    sold,
)
from tests.support.upstream import Record, hex_id, order


@pytest.mark.parametrize("orders", [1, 60])
def test_orders_of_another_merchant_with_the_number_take_nothing_away(
    in_process: InProcessEngine, orders: int
) -> None:
    in_process.consume(sold())
    in_process.consume(report(NUMBER, DELIVERED, day(2)))
    assert in_process.points(M, ANNA) == 100
    foreign = [
        sold(hex_id("foreign", n), hex_id("stranger", n), merchant=OTHER) for n in range(orders)
    ]
    in_process.consume(*foreign)
    assert in_process.points(M, ANNA) == 100
    in_process.consume(sold(hex_id("late"), BEN, number=PLAIN + "X"))
    in_process.consume(report(NUMBER, "3016", day(3)))
    assert in_process.points(M, ANNA) == 0


@pytest.mark.parametrize("report_at", [0, 1, 2])
def test_a_report_without_a_merchant_counts_in_each(
    in_process: InProcessEngine, report_at: int
) -> None:
    records = [sold(A), sold(B, BEN, merchant=OTHER)]
    records.insert(report_at, report(NUMBER, DELIVERED, day(2)))
    for record in records:
        in_process.consume(record)
    assert (in_process.points(M, ANNA), in_process.points(OTHER, BEN)) == (100, 100)
    assert in_process.ambiguous() == []
    assert in_process.rows("SELECT * FROM parked_record") == []
    in_process.check_counts(3)


def test_a_number_is_contested_in_one_merchant_and_not_in_another(
    in_process: InProcessEngine,
) -> None:
    in_process.consume(
        sold(A), sold(B, BEN), sold(A, BEN, merchant=OTHER), report(NUMBER, DELIVERED, day(2))
    )
    assert (in_process.points(M, ANNA), in_process.points(M, BEN)) == (0, 0)
    assert in_process.points(OTHER, BEN) == 100
    [number] = parked.ambiguous(in_process.first.connection, 10)
    assert {claimant.merchant_id for claimant in number.orders} == {M}


@pytest.mark.parametrize("report_first", [True, False])
def test_a_report_reaches_more_merchants_than_are_read_at_once(
    in_process: InProcessEngine, report_first: bool
) -> None:
    merchants = [hex_id("shop", n) for n in range(30)]
    for merchant in merchants:
        in_process.merchant(merchant)
    orders = [sold(merchant=merchant) for merchant in merchants]
    delivered = report(NUMBER, DELIVERED, day(2))
    for records in ([delivered], orders) if report_first else (orders, [delivered]):
        in_process.consume(*records)
    assert [in_process.points(merchant, ANNA) for merchant in merchants] == [100] * 30


@pytest.mark.parametrize("creator", ["shop", "import"])
@pytest.mark.parametrize("report_first", [True, False])
def test_an_order_younger_than_the_report_is_not_meant_unless_it_was_imported(
    in_process: InProcessEngine, creator: str, report_first: bool
) -> None:
    records: list[Record] = [
        sold(extra={"created_by": creator}),
        report(NUMBER, DELIVERED, day(-1)),
    ]
    for record in reversed(records) if report_first else records:
        in_process.consume(record)
    assert in_process.points(M, ANNA) == (100 if creator == "import" else 0)
    if creator == "shop":
        [waiting] = parked.records(in_process.first.connection, 10)
        assert waiting.reason == "out_of_reach"
        assert waiting.waits_for == PLAIN


@pytest.mark.parametrize("report_at", [0, 1, 2])
def test_several_orders_of_one_member_are_one_box(
    in_process: InProcessEngine, report_at: int
) -> None:
    records = [sold(A), sold(B)]
    records.insert(report_at, report(NUMBER, DELIVERED, day(2)))
    for record in records:
        in_process.consume(record)
    assert in_process.points(M, ANNA) == 200
    assert in_process.ambiguous() == []
    assert in_process.rows("SELECT * FROM parked_record") == []


def test_orders_become_one_box_when_their_members_are_merged(in_process: InProcessEngine) -> None:
    in_process.consume(sold(A), sold(B, BEN), report(NUMBER, DELIVERED, day(2)))
    assert (in_process.points(M, ANNA), in_process.ambiguous()) == (0, [PLAIN])
    [record] = parked.records(in_process.first.connection, 10)
    assert (record.reason, record.waits_for, record.merchant_id) == ("ambiguous", PLAIN, None)
    in_process.consume(sold(B, ANNA, at=day(3)))
    assert (in_process.points(M, ANNA), in_process.ambiguous()) == (200, [])
    assert in_process.rows("SELECT * FROM parked_record") == []


def test_two_guests_are_not_one_member(in_process: InProcessEngine) -> None:
    guests = [
        order(M, each, None, 1000, delivery_data={"tracking_number": NUMBER}) for each in (A, B)
    ]
    in_process.consume(*guests, report(NUMBER, DELIVERED, day(2)))
    assert in_process.ambiguous() == [PLAIN]


@pytest.mark.parametrize("heard", ["first", "last"])
def test_the_180_days_begin_with_the_first_record_that_named_the_number(
    in_process: InProcessEngine, heard: str
) -> None:
    early, late = sold(at=day(0)), sold(at=day(100))
    delivered = report(NUMBER, DELIVERED, day(200))
    records = [early, late, delivered] if heard == "first" else [late, delivered, early]
    for record in records:
        in_process.consume(record)
    assert in_process.points(M, ANNA) == 0
    in_process.consume(report(NUMBER, DELIVERED, day(180)))
    assert in_process.points(M, ANNA) == 100


@pytest.mark.parametrize("order_of", [(M, OTHER), (OTHER, M)])
def test_a_report_that_counts_in_one_merchant_is_not_parked_for_another_ones_younger_order(
    in_process: InProcessEngine, order_of: tuple[str, str]
) -> None:
    """Both orders come in one batch, after the report."""
    in_process.consume(report(NUMBER, DELIVERED, day(2)))
    older = sold(A, merchant=order_of[0])
    younger = sold(B, BEN, merchant=order_of[1], extra={"created_at": day(3).isoformat()})
    for records in ((older, younger), (younger, older)):
        in_process.consume(*records)
    assert in_process.points(order_of[0], ANNA) == 100
    assert parked.records(in_process.first.connection, 10) == []


@pytest.mark.parametrize("report_first", [True, False])
def test_each_number_of_a_field_is_a_parcel(
    in_process: InProcessEngine, report_first: bool
) -> None:
    fields = sold(A, number="GN1/GN2"), sold(B, BEN, number="GN3;")
    reports = [report(n, DELIVERED, day(2 + i)) for i, n in enumerate(["GN1", "gn-3", "GN2"])]
    if report_first:
        in_process.consume(*reports)
        in_process.consume(*fields)
    else:
        in_process.consume(*fields)
        in_process.consume(*reports[:2])
        assert (in_process.points(M, ANNA), in_process.points(M, BEN)) == (0, 100)
        in_process.consume(reports[2])
    assert (in_process.points(M, ANNA), in_process.points(M, BEN)) == (100, 100)
    assert in_process.rows("SELECT * FROM parked_record") == []


@pytest.mark.parametrize("report_first", [True, False])
@pytest.mark.parametrize("spelled", ["GN1/GN2", "GN1 GN2"])
def test_a_report_of_the_whole_field_makes_it_one_number(
    in_process: InProcessEngine, spelled: str, report_first: bool
) -> None:
    records = [sold(number=spelled), report(spelled, DELIVERED, day(2))]
    for record in reversed(records) if report_first else records:
        in_process.consume(record)
    assert in_process.points(M, ANNA) == 100


def test_a_carrier_that_is_polled_says_a_thousand_times_the_same(
    in_process: InProcessEngine,
) -> None:
    in_process.consume(sold())
    at = [day(2) + timedelta(minutes=5 * n) for n in range(1300)]
    for start in range(0, len(at), 100):
        in_process.consume(
            *[report(NUMBER, DELIVERED, moment) for moment in at[start : start + 100]]
        )
    assert in_process.points(M, ANNA) == 100
    entries = in_process.rows("SELECT type FROM ledger")
    assert len(entries) == 1
    in_process.consume(report(NUMBER, "3016", at[-1] + timedelta(minutes=1)))
    in_process.consume(report(NUMBER, DELIVERED, at[-1] + timedelta(minutes=2)))
    assert in_process.points(M, ANNA) == 100


def test_a_report_that_names_a_merchant_without_the_number_is_parked_and_shown(
    in_process: InProcessEngine,
) -> None:
    in_process.consume(sold(A))
    in_process.consume(report(NUMBER, DELIVERED, day(2), merchant_id=OTHER))
    assert in_process.points(M, ANNA) == 0
    connection = in_process.first.connection
    [record] = parked.records(connection, 10)
    assert (record.topic, record.offset, record.reason) == (
        "commerce.deliveries.v1",
        0,
        "unmatched",
    )
    assert (record.merchant_id, record.waits_for) == (OTHER, PLAIN)
    assert parked.parked(connection).unmatched == 1
    assert [(each.reason, each.records) for each in parked.reasons(connection)] == [
        ("unmatched", 1)
    ]
    in_process.consume(sold(B, BEN, merchant=OTHER))
    assert in_process.points(OTHER, BEN) == 100
    assert parked.records(connection, 10) == []
    assert parked.parked(connection).unmatched == 0


def test_every_parked_record_has_a_row_and_each_reason_is_counted(
    in_process: InProcessEngine,
) -> None:
    in_process.consume(
        sold(A, number="CONTESTED"),
        sold(B, BEN, number="CONTESTED"),
        sold(hex_id("C"), number="FAR"),
        report("CONTESTED", DELIVERED, day(2)),
        report("FAR", DELIVERED, day(181)),
        report("LONELY", IN_TRANSIT, day(2)),
        report(None, DELIVERED, day(2), order_id=hex_id("nowhere")),
    )
    reasons = parked.reasons(in_process.first.connection)
    assert {each.reason: each.records for each in reasons} == {
        "ambiguous": 1,
        "out_of_reach": 1,
        "unmatched": 1,
        "awaiting_order": 1,
    }
    assert in_process.counts()["parked"] == 4
    in_process.move_clock(181 * 86_400)
    in_process.first.cleanup.purge()
    assert parked.records(in_process.first.connection, 10) == []


def test_a_clawback_after_a_recheck_is_dated_by_the_record_that_caused_it(
    in_process: InProcessEngine,
) -> None:
    in_process.consume(sold(A))
    in_process.consume(report(NUMBER, DELIVERED, day(2)))
    in_process.consume(sold(B, BEN, at=day(3)))
    assert in_process.points(M, ANNA) == 0
    dates = in_process.rows("SELECT occurred_us FROM ledger ORDER BY sequence")
    assert dates[-1] == (round(day(3).timestamp() * 1_000_000),)


def test_a_look_up_by_order_id_reads_no_merchants(in_process: InProcessEngine) -> None:
    in_process.consume(order(M, A, ANNA, 1000))
    connection = in_process.first.connection
    with connection.transaction():
        connection.execute("SET LOCAL enable_seqscan = off")
        plan = connection.execute(
            "EXPLAIN SELECT o.merchant_no FROM orders o WHERE o.order_id = '\\x00'"
        ).fetchall()
    assert "orders_id" in str(plan)
