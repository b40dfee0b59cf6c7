"""Poison is counted by partition, and one merchant's flood is counted beyond its daily share."""

import threading

import psycopg
import pytest
from structlog.testing import capture_logs

from store.postgres.session import connect, transaction
from store.streams import quarantine
from store.streams.quarantine import MustPause, Paused
from tests.support.engine import PATIENCE
from tests.support.in_process import InProcessEngine, InProcessWorker
from tests.support.parcels import M
from tests.support.upstream import Record, hex_id, order

SHOPS = tuple(f"shop-{n}" for n in range(4))
"""So that no two records of one kind follow each other by merchant alone."""


def poison(merchant: str, number: int, fill: int = 0) -> Record:
    """An order that has no time of creation."""
    text = f'"id": "{hex_id(merchant, number)}", "note": "{"x" * fill}"'
    value = f'{{"topic": "order/update", "merchant_id": "{merchant}", "resource": {{{text}}}}}'
    return Record("orders", None, value.encode())


def good(number: int) -> Record:
    """An order."""
    return order(M, hex_id("good", number), hex_id("m"), 100)


def both(first: InProcessWorker, second: InProcessWorker, records: list[list[Record]]) -> None:
    """Two workers consume at the same time, each batch held open until the other is as far."""
    errors: list[BaseException] = []
    barrier = threading.Barrier(2)

    def consume(worker: InProcessWorker, mine: list[Record]) -> None:
        barrier.wait()
        try:
            worker.consume(*mine)
        except BaseException as error:  # noqa: BLE001 - looked at below
            errors.append(error)

    threads = [
        threading.Thread(target=consume, args=[worker, mine])
        for worker, mine in zip((first, second), records, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    if errors:
        raise errors[0]


def test_two_intakes_do_not_count_the_same_positions(
    in_process: InProcessEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """12.5 % unreadable is not too much, however the batches of two intakes meet."""
    in_process.first.consume(*[good(n) for n in range(1000)])
    in_process.second.consume(*[good(n) for n in range(1000, 2000)])
    meeting = threading.Barrier(2)
    consumed = quarantine.consumed

    def held_open(*arguments: object) -> object:
        found = consumed(*arguments)  # type: ignore[arg-type]
        meeting.wait(PATIENCE)
        return found

    monkeypatch.setattr(quarantine, "consumed", held_open)
    for part in range(4):
        mine = [
            [
                poison(SHOPS[n // 8 % 4], n) if n % 8 == 0 else good(n)
                for n in range(who * 10_000 + part * 250, who * 10_000 + part * 250 + 250)
            ]
            for who in (1, 2)
        ]
        both(in_process.first, in_process.second, mine)
    places = in_process.rows("SELECT topic_uuid, partition, partition_position FROM quarantine")
    assert len(set(places)) == len(places) == in_process.counts()["dead"]
    in_process.check_counts(4000)


def test_fifty_in_a_row_are_seen_whatever_another_intake_does(in_process: InProcessEngine) -> None:
    """Small batches of one partition, with another's good ones between them."""
    for part in range(9):
        in_process.first.consume(*[poison(SHOPS[n % 4], part * 10 + n) for n in range(5)])
        in_process.second.consume(*[good(part * 10 + n) for n in range(5)])
    with pytest.raises(MustPause, match=r"50 unreadable records in a row in commerce.orders.v1/0"):
        in_process.first.consume(*[poison(SHOPS[n % 4], 900 + n) for n in range(5)])
    assert in_process.counts()["dead"] == 45


def test_a_good_record_between_ends_a_row(in_process: InProcessEngine) -> None:
    for part in range(4):
        in_process.consume(*[poison(SHOPS[n % 4], part * 40 + n) for n in range(40)], good(part))
    assert in_process.counts()["dead"] == 160


def test_resume_forgives_the_window_in_each_partition(in_process: InProcessEngine) -> None:
    flood = [poison(SHOPS[n % 4], n) for n in range(60)]
    for worker in (in_process.first, in_process.second):
        with pytest.raises(MustPause):
            worker.consume(*flood)
    with connect(in_process.database_url) as connection:
        with transaction(connection) as cursor:
            quarantine.pause(cursor, "intake", "too much")
        with pytest.raises(Paused):
            in_process.first.consume(good(1))
        with transaction(connection) as cursor:
            assert quarantine.resume(cursor, "intake", 60)
            assert not quarantine.resume(cursor, "intake", 60)
    for worker in (in_process.first, in_process.second):
        worker.consume(*flood)
        with pytest.raises(MustPause):
            worker.consume(*flood)
    assert in_process.counts()["dead"] == 120


def test_one_merchants_flood_is_counted_and_not_kept_in_full(in_process: InProcessEngine) -> None:
    in_process.configuration = {"poison": {"kept_bytes": 100_000}}
    flood = [poison(M, n, fill=3000) for n in range(200)]
    for part in range(4):
        in_process.consume(*flood[part * 50 : part * 50 + 50])
    in_process.consume(poison("another", 1), poison("another", 2))
    assert in_process.counts()["dead"] == 202
    in_process.check_counts(202)
    kept = dict(in_process.rows("SELECT merchant_id, count(*)::int FROM quarantine GROUP BY 1"))
    assert kept == {M: 25, "another": 2}
    letters = in_process.value("SELECT count(*) FROM outbox WHERE kind = 3")
    assert letters == 27
    with psycopg.connect(in_process.database_url) as connection:
        row = connection.execute(
            "SELECT kept, counted, counted_bytes FROM merchant_poison WHERE merchant_id = %s", [M]
        ).fetchone()
    assert row is not None
    assert row[:2] == (25, 175)
    assert row[2] > 175 * 3000


def test_a_flood_beyond_the_share_still_counts_for_the_pause(in_process: InProcessEngine) -> None:
    in_process.configuration = {"poison": {"kept_bytes": 1}}
    with pytest.raises(MustPause, match="60 unreadable records in a row"):
        in_process.consume(*[poison(SHOPS[n % 4], n) for n in range(60)])


def test_fifty_in_a_row_beyond_the_shares_are_seen_across_batches_and_restarts(
    in_process: InProcessEngine,
) -> None:
    in_process.configuration = {"poison": {"kept_bytes": 1}}
    for part in range(9):
        worker = InProcessWorker(in_process, f"restarted-{part}", 0)
        worker.consume(*[poison(SHOPS[n % 4], part * 10 + n) for n in range(5)])
        worker.close()
    with pytest.raises(MustPause, match=r"50 unreadable records in a row in commerce.orders.v1/0"):
        in_process.first.consume(*[poison(SHOPS[n % 4], 900 + n) for n in range(5)])
    assert in_process.counts()["dead"] == 45
    assert in_process.value("SELECT count(*) FROM quarantine") == 4


@pytest.mark.parametrize("every", [5, 8])
def test_a_fifth_of_the_last_thousand_beyond_the_shares_is_too_much_and_an_eighth_is_not(
    in_process: InProcessEngine, every: int
) -> None:
    """Two intakes with a partition each: 20 % of one is too much, and none counts the other's."""
    in_process.configuration = {"poison": {"kept_bytes": 1}}
    in_process.first.consume(*[good(n) for n in range(1000)])

    def part(number: int) -> list[Record]:
        numbers = range(1000 + number * 100, 1100 + number * 100)
        return [poison(SHOPS[n // every % 4], n) if n % every == 0 else good(n) for n in numbers]

    for number in range(9):
        in_process.first.consume(*part(number))
        in_process.second.consume(*[poison(SHOPS[n % 4], number * 10 + n) for n in range(4)])
        in_process.second.consume(good(5000 + number))
    if every == 5:
        with pytest.raises(MustPause, match="200 of 1000 records are unreadable"):
            in_process.first.consume(*part(9))
    else:
        in_process.first.consume(*part(9))


def test_only_what_the_pause_looks_at_is_remembered_of_a_flood(
    in_process: InProcessEngine,
) -> None:
    in_process.configuration = {"poison": {"kept_bytes": 1}}
    for part in range(5):
        in_process.first.consume(*[poison(M, part * 1000 + n) for n in range(700)], good(part))
    in_process.second.consume(*[poison(M, n) for n in range(1200)])
    rows = in_process.rows(
        "SELECT partition, cardinality(positions), cardinality(merchants), positions[1],"
        " positions[1000] FROM counted_poison ORDER BY 1"
    )
    assert rows == [(0, 1000, 1000, 2504, 3504), (1, 1000, 1000, 201, 1200)]


@pytest.mark.parametrize("name", ["zero \\u0000 in it", "x" * 300])
def test_a_merchants_id_that_no_text_column_takes_is_poison_like_any_other(
    in_process: InProcessEngine, name: str
) -> None:
    in_process.consume(poison(name, 1), good(1))
    assert in_process.counts()["dead"] == 1
    assert in_process.counts()["applied"] == 1
    whole = order("zero \0 in it", hex_id("o"), hex_id("m"), 100)
    in_process.consume(whole, good(2))
    assert in_process.counts()["dead"] == 2
    assert in_process.counts()["applied"] == 2


def test_offsets_that_bring_no_record_are_counted(in_process: InProcessEngine) -> None:
    """I7: markers, aborted records and what compaction took."""
    worker = in_process.first
    worker.consume(good(1))
    worker.skip_offsets(3)
    worker.consume(good(2), good(3))
    worker.skip_offsets(1)
    worker.consume(poison(M, 1))
    rows = in_process.rows(
        "SELECT next_offset, applied, dead, control FROM cursor WHERE next_offset > 0"
    )
    assert rows == [(8, 3, 1, 4)]
    positions = in_process.rows("SELECT partition_position FROM quarantine")
    assert positions == [(4,)]
    in_process.check_counts(4)


def test_a_dead_letter_is_logged_with_its_place_and_its_trace(in_process: InProcessEngine) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    header = ("traceparent", f"00-{trace}-b7ad6b7169203331-01".encode())
    with capture_logs() as lines:
        in_process.consume(good(1), poison(M, 1)._replace(headers=(header,)))
    (line,) = [each for each in lines if each["event"] == "dead_letter"]
    assert (line["topic"], line["partition"], line["offset"]) == ("commerce.orders.v1", 0, 1)
    assert line["trace_id"] == trace
    assert line["reason"]


def test_of_a_flood_only_the_first_are_logged_one_by_one(in_process: InProcessEngine) -> None:
    with capture_logs() as lines:
        in_process.consume(*[poison(M, n) for n in range(30)])
    events = [each["event"] for each in lines]
    assert (events.count("dead_letter"), events.count("dead_letters")) == (20, 1)
    assert lines[-1]["more"] == 10
