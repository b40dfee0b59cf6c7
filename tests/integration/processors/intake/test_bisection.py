"""What a record does wrong stays with it: the batch is halved until it fails alone."""

import struct
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from processors.pipeline.bisection import described, is_of_the_records
from processors.settlement import settle
from schemas.packing import pack_id
from store.streams.quarantine import MustPause
from tests.support.in_process import InProcessEngine
from tests.support.parcels import M
from tests.support.upstream import Record, hex_id, order

MEMBER = hex_id("member")


def _orders(count: int, merchant: str = M) -> list[Record]:
    return [
        order(merchant, hex_id(merchant, n), MEMBER, 100, delivery="arrived") for n in range(count)
    ]


def _fail_over(
    monkeypatch: pytest.MonkeyPatch, bad: Callable[[bytes], bool], error: Exception
) -> list[int]:
    """Settling raises where an order is bad; answers the sizes of the batches that were tried."""
    tried: list[int] = []

    def failing(cursor: Any, changed: Any, *more: Any) -> Any:
        tried.append(len(changed))
        if any(bad(row.order_id) for row, _ in changed):
            raise error
        return settle(cursor, changed, *more)

    monkeypatch.setattr("processors.intake.batch.settle", failing)
    return tried


def test_a_number_that_a_sequence_gives_twice_is_no_records_fault(
    in_process: InProcessEngine,
) -> None:
    """A copy by logical replication brings no sequences along."""
    in_process.consume(*_orders(1))
    in_process.rows(
        "SELECT setval('account_no', account_no & (2^40)::bigint - 1, false) FROM account"
    )
    other = order(M, hex_id("another order"), hex_id("another"), 100, delivery="arrived")
    with pytest.raises(psycopg.errors.UniqueViolation):
        in_process.consume(other)
    assert in_process.counts()["dead"] == 0
    in_process.consume(other)  # the number after it is free
    assert in_process.points(M, hex_id("another")) == 10


@pytest.mark.parametrize(
    "error",
    [
        struct.error("'q' format requires a number"),
        SystemError("returned a result with an exception set"),
        RecursionError(),
        psycopg.errors.ProgramLimitExceeded("index row size 2728 exceeds btree maximum"),
        psycopg.errors.NumericValueOutOfRange("secret"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_record_that_something_fails_over_is_set_aside_alone(
    in_process: InProcessEngine, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    bad = pack_id(hex_id(M, 37))
    tried = _fail_over(monkeypatch, lambda order_id: order_id == bad, error)
    in_process.consume(*_orders(64))
    assert in_process.counts() == {
        "applied": 63,
        "duplicate": 0,
        "ignored": 0,
        "parked": 0,
        "dead": 1,
    }
    in_process.check_counts(64)
    assert in_process.points(M, MEMBER) == 63 * 10
    rows = in_process.rows('SELECT reason, merchant_id, "offset", message FROM quarantine')
    assert [row[:3] for row in rows] == [("cannot_apply", M, 37)]
    assert type(error).__name__ in rows[0][3]
    assert "secret" not in rows[0][3], "values have no place in messages"
    # Halved six times, the other half each time in one go.
    assert len(tried) <= 1 + 2 * 6 + 2


def test_a_batch_that_fails_only_as_a_whole_loses_nothing(
    in_process: InProcessEngine, monkeypatch: pytest.MonkeyPatch
) -> None:

    def failing(cursor: Any, changed: Any, *more: Any) -> Any:
        if len(changed) > 8:
            raise OverflowError
        return settle(cursor, changed, *more)

    monkeypatch.setattr("processors.intake.batch.settle", failing)
    in_process.consume(*_orders(32))
    assert in_process.counts()["applied"] == 32
    assert in_process.points(M, MEMBER) == 320


def test_records_that_fail_count_for_the_pause(
    in_process: InProcessEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    shops = ["shop-1", "shop-2", "shop-3"]
    for shop in shops:
        in_process.merchant(shop)
    records = [order(shops[n % 3], hex_id("x", n), MEMBER, 100) for n in range(90)]
    _fail_over(monkeypatch, lambda _: True, ValueError())
    with pytest.raises(MustPause, match="50 unreadable records in a row"):
        in_process.consume(*records)
    assert in_process.counts()["dead"] == 49
    assert in_process.consumed() == 49


def test_a_server_in_trouble_is_no_records_fault(
    in_process: InProcessEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = _fail_over(monkeypatch, lambda _: True, psycopg.OperationalError("gone"))
    with pytest.raises(psycopg.OperationalError):
        in_process.consume(*_orders(8))
    assert len(tried) == 1
    assert in_process.consumed() == 0


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (psycopg.OperationalError(), False),
        (psycopg.InterfaceError(), False),
        (psycopg.errors.InsufficientPrivilege(), False),
        (psycopg.errors.UndefinedColumn(), False),
        (psycopg.errors.DeadlockDetected(), False),
        (psycopg.errors.UniqueViolation(), True),
        (MemoryError(), False),
        (OSError(), False),
        (KeyboardInterrupt(), False),
        (SystemExit(), False),
        (MustPause("too much"), False),
        (UnicodeDecodeError("utf-8", b"", 0, 1, ""), True),
        (BaseException("a panic in Rust"), True),
    ],
)
def test_which_errors_are_a_records_fault(error: BaseException, expected: bool) -> None:
    assert is_of_the_records(error) is expected


def test_an_error_is_named_by_its_kind_and_place_alone() -> None:
    with pytest.raises(TypeError) as raised:
        pack_id(None)  # type: ignore[arg-type]
    text = described(raised.value)
    assert "schemas/packing.py" in text
    assert str(raised.value) not in text
