"""Reports that name orders, unknown codes, what is parked or forgotten; all are counted (I7)."""

from datetime import UTC, datetime, timedelta

import orjson
import pytest

from schemas.carriers import Meaning
from store.carriers import codes, unknown_codes
from store.carriers.unknown_codes import CodeSighting
from store.postgres import session
from store.postgres.session import raw
from store.streams.recheck import RecheckKind
from tests.support.in_process import Gate, InProcessEngine, report
from tests.support.pages import pages_of
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
from tests.support.upstream import Record, delivery, envelope, hex_id, order

PARCEL = {"tracking_number": PLAIN}


@pytest.mark.parametrize("merchant", [{"merchant_id": M}, {}])
@pytest.mark.parametrize("number", [None, "another number"])
def test_a_report_that_names_its_order_joins_by_itself(
    in_process: InProcessEngine, merchant: dict[str, str], number: str | None
) -> None:
    in_process.consume(order(M, A, ANNA, 1000))
    in_process.consume(report(number, DELIVERED, day(400), order_id=A, **merchant))
    assert in_process.points(M, ANNA) == 100
    assert in_process.rows("SELECT * FROM tracking") == []
    in_process.consume(report(number, DELIVERED, day(400), order_id=A, **merchant))
    assert in_process.counts() == {
        "applied": 2,
        "duplicate": 1,
        "ignored": 0,
        "parked": 0,
        "dead": 0,
    }


def test_a_report_that_names_order_and_merchant_may_come_before_the_order(
    in_process: InProcessEngine,
) -> None:
    in_process.consume(report(None, DELIVERED, day(2), order_id=A, merchant_id=M))
    assert in_process.counts()["applied"] == 1
    in_process.consume(order(M, A, ANNA, 1000))
    assert in_process.points(M, ANNA) == 100


def test_a_report_that_names_an_order_only_waits_for_it(in_process: InProcessEngine) -> None:
    early = report(None, DELIVERED, day(2), order_id=A)
    in_process.consume(early, early)
    in_process.consume(early)
    assert in_process.counts() == {
        "applied": 0,
        "duplicate": 2,
        "ignored": 0,
        "parked": 1,
        "dead": 0,
    }
    in_process.consume(order(M, B, BEN, 1000))
    assert in_process.value("SELECT count(*) FROM awaiting_order") == 1
    in_process.consume(order(M, A, ANNA, 1000))
    assert (in_process.points(M, ANNA), in_process.points(M, BEN)) == (100, 0)
    assert in_process.value("SELECT count(*) FROM awaiting_order WHERE NOT taken") == 0
    in_process.consume(early)
    assert in_process.counts()["duplicate"] == 3


@pytest.mark.parametrize("turn", [0, 1])
def test_a_report_that_names_an_order_only_may_come_in_its_batch(
    in_process: InProcessEngine, turn: int
) -> None:
    both = [report(None, DELIVERED, day(2), order_id=A), order(M, A, ANNA, 1000)]
    in_process.consume(*(both if turn else both[::-1]))
    assert in_process.points(M, ANNA) == 100
    assert in_process.counts()["applied"] == 2


@pytest.mark.parametrize("report_at", [0, 1, 2])
def test_a_report_that_names_an_order_id_of_two_merchants_counts_for_both(
    in_process: InProcessEngine, report_at: int
) -> None:
    records = [order(M, A, ANNA, 1000), order(OTHER, A, BEN, 1000)]
    records.insert(report_at, report(None, DELIVERED, day(2), order_id=A))
    for record in records:
        in_process.consume(record)
    assert (in_process.points(M, ANNA), in_process.points(OTHER, BEN)) == (100, 100)
    assert in_process.rows("SELECT * FROM parked_record") == []
    in_process.check_counts(3)


def test_a_report_that_names_an_order_id_with_its_merchant_counts_there_alone(
    in_process: InProcessEngine,
) -> None:
    in_process.consume(order(M, A, ANNA, 1000), order(OTHER, A, BEN, 1000))
    in_process.consume(report(None, DELIVERED, day(2), order_id=A, merchant_id=OTHER))
    assert (in_process.points(M, ANNA), in_process.points(OTHER, BEN)) == (0, 100)


def test_of_several_parcels_only_the_one_with_the_reports_number_is_delivered(
    in_process: InProcessEngine,
) -> None:
    in_process.consume(sold(A))
    second = delivery(M, A, "pending")
    value = (second.value or b"").replace(hex_id("delivery", A).encode(), hex_id("second").encode())
    second = second._replace(
        value=value.replace(b'"order_id"', b'"tracking_number":"SECOND","order_id"')
    )
    in_process.consume(second, report(NUMBER, DELIVERED, day(2)))
    assert in_process.points(M, ANNA) == 0
    in_process.consume(report("second", DELIVERED, day(3)))
    assert in_process.points(M, ANNA) == 100


def test_an_unknown_code_is_kept_counted_and_shown_and_speaks_when_an_operator_says_what_it_means(
    in_process: InProcessEngine,
) -> None:
    strange = {"text": "簽收: Chen 0912345678"}
    in_process.consume(
        sold(),
        report(NUMBER, "9977", day(2), **strange),
        report("parked", "9977", day(2), **strange),
    )
    in_process.consume(report(NUMBER, "9977", day(2), **strange))
    assert in_process.points(M, ANNA) == 0
    assert in_process.counts() == {
        "applied": 2,
        "duplicate": 1,
        "ignored": 0,
        "parked": 1,
        "dead": 0,
    }
    [unknown] = codes.unknown(in_process.first.connection)
    assert unknown[:5] == ("ecpay", "tcat", "9977", "簽收", 2)
    codes.set_code(
        in_process.first.connection,
        ("ecpay", "tcat", "9977"),
        Meaning.DELIVERED,
        "seen in the portal",
        "operator",
    )
    in_process.first.settle()
    assert in_process.points(M, ANNA) == 100
    assert codes.unknown(in_process.first.connection) == []
    in_process.consume(report(NUMBER, "9977", day(2), **strange))
    assert in_process.counts()["duplicate"] == 2
    in_process.consume(sold(B, BEN, number="PARKED"))
    assert in_process.points(M, BEN) == 100


@pytest.mark.parametrize("how", ["named", "waiting", "taken up", "contested"])
def test_an_unknown_code_speaks_later_however_its_report_was_joined(
    in_process: InProcessEngine, how: str
) -> None:
    merchant = {"merchant_id": M} if how == "named" else {}
    if how == "contested":
        in_process.consume(sold(A), sold(B, BEN), report(NUMBER, "9977", day(2), return_leg=False))
    else:
        in_process.consume(report(None, "9977", day(2), order_id=A, **merchant))
    if how == "taken up":
        in_process.consume(order(M, A, ANNA, 1000))
    codes.set_code(
        in_process.first.connection, ("ecpay", "tcat", "9977"), Meaning.DELIVERED, "", "operator"
    )
    in_process.first.settle()
    if how == "contested":
        in_process.consume(sold(B, BEN, number="OTHER", at=day(3)))
    else:
        in_process.consume(order(M, A, ANNA, 1000))
    assert in_process.points(M, ANNA) == 100


def test_an_unknown_code_of_the_return_leg_never_tells_of_a_delivery(
    in_process: InProcessEngine,
) -> None:
    in_process.consume(sold(), report(NUMBER, "9977", day(2), return_leg=True))
    codes.set_code(
        in_process.first.connection, ("ecpay", "tcat", "9977"), Meaning.DELIVERED, "", "operator"
    )
    in_process.first.settle()
    assert in_process.points(M, ANNA) == 0


def test_a_code_that_a_release_has_learnt_is_looked_at_again(in_process: InProcessEngine) -> None:
    in_process.consume(sold(), report(NUMBER, "9977", day(2)))
    connection = in_process.first.connection
    connection.execute("RESET ROLE")  # what the application itself may not do
    connection.execute("UPDATE unknown_code SET code = '3003'")
    connection.execute("UPDATE unknown_report SET code = '3003'")
    connection.execute("UPDATE word SET word = '3003' WHERE word = '9977'")
    connection.execute("SET ROLE points_app")
    reader = in_process.worker("after the release")
    reader.cleanup.ask_for_codes()
    reader.settle()
    assert in_process.points(M, ANNA) == 100


def test_more_than_a_thousand_unknown_codes_of_a_service_are_counted_under_one_label(
    in_process: InProcessEngine,
) -> None:
    in_process.consume(*[report(f"N{n}", f"X{n}", day(2)) for n in range(1100)])
    in_process.consume(*[report(f"N{n}", f"X{n}", day(3)) for n in range(1100)])
    counts = {row.code: row.reports for row in codes.unknown(in_process.first.connection)}
    assert len(counts) == 1001
    assert counts["(others)"] == 200
    assert counts["X0"] == 2
    assert in_process.counts()["parked"] == 2200


def test_unknown_codes_of_all_services_of_a_merchant_are_bounded_too(
    in_process: InProcessEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unknown_codes, "MOST_IN_ALL", 6)
    told = [
        report(f"N{n}", f"X{n}", day(2), merchant_id=M, service=f"line-{n % 3}") for n in range(10)
    ]
    in_process.consume(*told[:5])
    in_process.first.intake.forget()  # as after a start: what is kept is read again
    in_process.consume(*told[5:])
    found = codes.unknown(in_process.first.connection)
    assert sum(row.code != unknown_codes.OTHERS for row in found) == 6
    assert sum(row.reports for row in found) == 10


def test_unknown_codes_of_one_merchant_use_up_no_others(in_process: InProcessEngine) -> None:
    flood = [report(f"N{n}", f"X{n}", day(2), merchant_id=M) for n in range(1100)]
    in_process.consume(*flood)
    in_process.consume(*[report(f"N{n}", f"Y{n}", day(2), merchant_id=OTHER) for n in range(10)])
    in_process.consume(*[report(f"N{n}", f"Z{n}", day(2)) for n in range(10)])
    counts = {row.code: row.reports for row in codes.unknown(in_process.first.connection)}
    assert counts["(others)"] == 100
    assert {f"Y{n}" for n in range(10)} | {f"Z{n}" for n in range(10)} <= counts.keys()


def test_what_is_remembered_of_unknown_codes_is_the_merchants_own(
    in_process: InProcessEngine,
) -> None:
    in_process.consume(report("N1", "X1", day(2), merchant_id=M))
    in_process.consume(report("N2", "X2", day(2), merchant_id=OTHER))
    connection = in_process.first.connection
    cursor = raw(connection)
    cursor.execute("SELECT merchant_no FROM merchant WHERE merchant_id = $1", [M])
    ((merchant_no,),) = cursor.fetchall()
    raw(connection).execute(
        "INSERT INTO unknown_code SELECT 'ecpay', 'tcat', 'C' || n, 1000 + n, 'C', 1, 1, 1"
        " FROM generate_series(1, 5000) n"
    )
    spelled = []

    def look_up() -> None:
        known = unknown_codes.UnknownCodes(connection)
        spelled.append(known.spelled(merchant_no, "ecpay", "tcat", "X9"))

    assert pages_of(connection, look_up, times=1) < 10
    assert spelled[-1] == ("ecpay", "tcat", "X9")


def test_noting_a_code_and_asking_for_it_do_not_block_each_other(
    in_process: InProcessEngine,
) -> None:
    """An old release notes a code as unknown while a new one, which knows it, asks for it."""
    code = ("ecpay", "tcat", "3003")
    sighting = CodeSighting(code, "3003", 0, RecheckKind.NUMBER, 0, b"N1")
    first, second = in_process.first, in_process.second

    def note() -> None:
        with session.transaction(first.connection) as cursor:
            epoch = in_process.value("SELECT epoch FROM settings_epoch")
            unknown_codes.note(cursor, [sighting], epoch, 1)

    def ask() -> None:
        with session.transaction(second.connection) as cursor:
            unknown_codes.ask(cursor, [code])

    note()
    with Gate(in_process, "unknown_code") as gate:
        noting = first.start(note)
        in_process.until_waiting(first)
        asking = second.start(ask)
        in_process.until_waiting(second)
        gate.open()
        noting.ended()
        asking.ended()
    deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    assert in_process.value(deadlocks) == 0
    assert in_process.value("SELECT count(*) FROM unknown_report") == 0
    asked = in_process.rows("SELECT key FROM recheck WHERE kind = %s", RecheckKind.NUMBER)
    assert [bytes(key) for (key,) in asked] == [b"N1"]


def test_carriers_that_nobody_knows_are_no_poison_and_make_no_endless_list(
    in_process: InProcessEngine,
) -> None:
    in_process.consume(
        *[report(f"N{n}", "1", day(2), carrier=f"carrier {n}", service="s") for n in range(1050)]
    )
    assert in_process.counts()["parked"] == 1050
    assert in_process.value("SELECT count(*) FROM unknown_code") == 1001
    assert in_process.value("SELECT reports FROM unknown_code WHERE carrier = '(others)'") == 50


def test_parked_reports_are_forgotten_after_180_days_and_counted(
    in_process: InProcessEngine,
) -> None:
    lonely = [
        report("LONELY", DELIVERED, day(2)),
        report("LONELY", "9977", day(3)),
        report(None, "9977", day(2), order_id=B),
    ]
    in_process.consume(sold(), report(NUMBER, DELIVERED, day(2)), *lonely)
    in_process.move_clock(179.9 * 86_400)
    assert in_process.first.cleanup.purge() == 0
    in_process.move_clock(180.1 * 86_400)
    assert in_process.first.cleanup.purge() == 3
    assert in_process.rows("SELECT kind, reports FROM purged_report ORDER BY kind") == [
        ("awaiting_order", 1),
        ("unmatched", 2),
    ]
    assert in_process.rows("SELECT DISTINCT number FROM tracking") == [(PLAIN.encode(),)]
    assert in_process.rows("SELECT * FROM parked_record") == []
    assert in_process.rows("SELECT * FROM unknown_report") == []
    assert in_process.first.cleanup.purge() == 0
    in_process.consume(sold(B, BEN, number="LONELY"))
    assert in_process.points(M, BEN) == 0


def test_a_number_heard_of_again_keeps_its_younger_reports(in_process: InProcessEngine) -> None:
    now = datetime.now(UTC)
    in_process.consume(report("LONELY", IN_TRANSIT, now - timedelta(days=1)))
    in_process.move_clock(100 * 86_400)
    in_process.consume(report("LONELY", DELIVERED, now + timedelta(days=100)))
    in_process.move_clock(185 * 86_400)
    assert in_process.first.cleanup.purge() == 1
    assert in_process.first.cleanup.purge() == 0
    created = {"created_at": (now + timedelta(days=99)).isoformat()}
    in_process.consume(sold(number="LONELY", at=now + timedelta(days=101), extra=created))
    assert in_process.points(M, ANNA) == 100


def test_whatever_lies_a_day_ahead_is_poison_in_its_own_dead_letter_topic(
    in_process: InProcessEngine,
) -> None:
    soon, late = (datetime.now(UTC) + timedelta(hours=hours) for hours in (23, 25))
    customer = {"id": ANNA, "registered_at": day(-9).isoformat()}
    told = []
    for at in (soon, late):
        resource = customer | {"updated_at": at.isoformat()}
        told += [
            report(NUMBER, DELIVERED, at),
            report(None, DELIVERED, at, order_id=A, merchant_id=M),
            sold(at=at),
            Record("customers", None, orjson.dumps(envelope("customer/update", M, resource, at))),
        ]
    in_process.consume(*told)
    counts = in_process.counts()
    assert (counts["dead"], counts["ignored"]) == (4, 0)
    reasons = in_process.rows(
        "SELECT topic, reason, count(*)::int FROM quarantine GROUP BY 1, 2 ORDER BY 1"
    )
    assert reasons == [
        ("commerce.customers.v1", "future_version", 1),
        ("commerce.deliveries.v1", "future_version", 2),
        ("commerce.orders.v1", "future_version", 1),
    ]
    kinds = in_process.rows(
        "SELECT kind, count(*)::int FROM outbox WHERE kind BETWEEN 3 AND 6 GROUP BY 1 ORDER BY 1"
    )
    assert kinds == [(3, 1), (4, 2), (5, 1)]
    in_process.check_counts(8)


def test_customers_are_heard_and_poison_among_them_goes_to_their_dead_letters(
    in_process: InProcessEngine,
) -> None:
    in_process.consume(order(M, A, ANNA, 1000, delivery="arrived"))
    assert in_process.points(M, ANNA) == 100
    resource = {"id": ANNA, "registered_at": day(1).isoformat(), "updated_at": day(1).isoformat()}
    value = orjson.dumps(envelope("customer/update", M, resource, day(1)))
    in_process.consume(
        Record("customers", None, value),
        Record("customers", None, b"{}"),
        Record("customers", None, None),
    )
    assert in_process.points(M, ANNA) == 0
    assert in_process.counts() == {
        "applied": 2,
        "duplicate": 0,
        "ignored": 1,
        "parked": 0,
        "dead": 1,
    }
    assert in_process.value("SELECT count(*) FROM outbox WHERE kind = 5") == 1


def test_a_number_keeps_no_more_than_500_reports_and_counts_the_others(
    in_process: InProcessEngine,
) -> None:
    at = [day(n / 1000) for n in range(520)]
    in_process.consume(sold(), *[report(NUMBER, IN_TRANSIT, moment) for moment in at])
    assert in_process.value("SELECT max(octet_length(reports)) FROM tracking") == 500 * 18
    in_process.consume(report(NUMBER, DELIVERED, day(0.0001)))
    assert in_process.points(M, ANNA) == 100
    in_process.consume(report(NUMBER, IN_TRANSIT, day(0.00001)))
    assert in_process.rows("SELECT reason, records::int FROM ignored_reason") == [
        ("too_many_reports", 1)
    ]
    in_process.check_counts(523)


def test_the_view_shows_tracking_numbers(in_process: InProcessEngine) -> None:
    in_process.consume(sold(), report(NUMBER, DELIVERED, day(2)), sold(B, BEN, number=None))
    shown = (
        "SELECT order_id, tracking_number, delivery_tracking_number, has_carrier_reports "
        "FROM orders_shown ORDER BY 2"
    )
    assert in_process.rows(shown) == [(A, PLAIN, None, True), (B, None, None, False)]
