"""The outbox's rows: events of a transaction share one a shard, and leave as they came."""

from collections import defaultdict
from collections.abc import Iterator
from zlib import compress

import pytest

from schemas.ids import record_key
from store.postgres import session
from store.postgres.session import Database, transaction
from store.streams import outbox
from store.streams.outbox import PACK, Event, OutboxKind
from tests.support.servers import Databases

TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def connection(postgres: Databases) -> Iterator[Database]:
    """A connection to a migrated database of the test's own."""
    url = postgres.migrated()
    with session.connect(url) as made:
        yield made
    postgres.drop(url)


def test_events_leave_in_their_order_however_many_they_are(connection: Database) -> None:
    events = [Event(n % 3, b'{"n":%d}' % n) for n in range(PACK * 3 + 5)]
    with transaction(connection) as cursor:
        outbox.add_events(cursor, events)
        rows = outbox.head(cursor, [0, 1, 2, 3], len(events))
    sent: defaultdict[int, list[bytes]] = defaultdict(list)
    for shard, _, kind, key, value, headers in rows:
        assert (kind, key, headers) == (OutboxKind.CHANGED, None, None)
        sent[shard] += [event for event, _ in outbox.events_of(value or b"", headers)]
    assert sent == {shard: [e.value for e in events if e.shard == shard] for shard in range(3)}


def test_each_event_keeps_its_own_trace(connection: Database) -> None:
    with transaction(connection) as cursor:
        outbox.add_events(cursor, [Event(1, b"{}"), Event(1, b"[]", TRACE), Event(1, b"1", b"")])
        ((_, _, _, _, value, headers),) = outbox.head(cursor, [1], 1)
    traced = [(event, list(more)) for event, more in outbox.events_of(value or b"", headers)]
    assert traced == [
        (b"{}", []),
        (b"[]", [("traceparent", TRACE)]),
        (b"1", [("traceparent", b"")]),
    ]
    assert outbox.first_event(value or b"") == b"{}"


def test_a_head_holds_a_row_at_least_and_no_more_than_asked_for(connection: Database) -> None:
    with transaction(connection) as cursor:
        for size in (30, 5, 10):
            outbox.add_events(cursor, [Event(0, b"{}")] * size)
        sizes = [len(outbox.head(cursor, [0], limit)) for limit in (1, 30, 31, 36, 45, 1000)]
    assert sizes == [1, 1, 2, 3, 3, 3]


def test_a_head_holds_no_more_bytes_than_asked_for_and_a_large_row_alone(
    connection: Database,
) -> None:
    letters = [(OutboxKind.DEAD_ORDERS, b"k", b"x" * size, None) for size in (40, 40, 500, 10)]
    shard = outbox.SHARD_OF_KIND[OutboxKind.DEAD_ORDERS]
    with transaction(connection) as cursor:
        outbox.add(cursor, letters)
        heads = [outbox.head(cursor, [shard], 1000, size) for size in (1, 79, 80, 579, 580, 590)]
        outbox.sent(cursor, heads[2])
        large = outbox.head(cursor, [shard], 1000, 80)
    assert [len(rows) for rows in heads] == [1, 1, 2, 2, 3, 4]
    assert [len(row.value or b"") for row in large] == [500]


def test_every_kind_has_a_shard_apart_from_the_members_events() -> None:
    kinds = set(OutboxKind) - {OutboxKind.CHANGED, OutboxKind.HEARTBEAT}
    assert outbox.SHARD_OF_KIND.keys() == kinds
    assert min(outbox.SHARD_OF_KIND.values()) == outbox.EVENT_SHARDS
    of = outbox.SHARD_OF_KIND
    apart = (OutboxKind.REDRIVE, OutboxKind.SETTINGS, OutboxKind.COMMAND_RESULT)
    assert len({of[OutboxKind.DEAD_ORDERS], *(of[kind] for kind in apart)}) == 4


def test_answers_lie_many_in_a_row_each_with_its_key_and_in_their_order(
    connection: Database,
) -> None:
    answers = [(f"shop:member-{n}".encode(), b'{"n":%d}' % n) for n in range(outbox.PACK + 3)]
    with transaction(connection) as cursor:
        outbox.add_packed(cursor, OutboxKind.COMMAND_RESULT, answers)
        outbox.add_packed(cursor, OutboxKind.COMMAND_RESULT, [])
        shard = outbox.SHARD_OF_KIND[OutboxKind.COMMAND_RESULT]
        rows = outbox.head(cursor, [shard], 10_000)
    assert len(rows) == 2
    assert [record for row in rows for record in outbox.records_of(row.value or b"")] == answers


def test_what_is_in_a_key_parts_no_records(connection: Database) -> None:
    ids = ["ben", "ann\n", "\n\n", "茶\nÿ", "{}\n{}", "\r\n", "\\n"]
    told = [(record_key("shop", member), b"{}") for member in ids]
    with transaction(connection) as cursor:
        outbox.add_packed(cursor, OutboxKind.NOTICE, told)
        rows = outbox.head(cursor, [outbox.SHARD_OF_KIND[OutboxKind.NOTICE]], 10_000)
    assert [record for row in rows for record in outbox.records_of(row.value or b"")] == told


def test_rows_from_before_keep_the_line_feeds_of_their_keys() -> None:
    """They lay between line feeds as well; two of them made keys of values, and ended nothing."""
    told = [(b"shop:ann\n", b'{"n":1}'), (b"shop:\n\nben", b'{"n":2}'), (b"shop:cy", b"{}")]
    row = compress(b"\n".join(part for record in told for part in record))
    assert [*outbox.records_of(row)] == told


def test_what_was_sent_is_gone_and_nothing_else(connection: Database) -> None:
    with transaction(connection) as cursor:
        outbox.add_events(cursor, [Event(0, b"1"), Event(1, b"2")])
        outbox.add_events(cursor, [Event(0, b"3")])
        outbox.sent(cursor, outbox.head(cursor, [0, 1], 1))
        left = outbox.head(cursor, [0, 1], 100)
    assert [outbox.first_event(row.value or b"") for row in left] == [b"3"]


def test_rows_of_a_layout_that_is_not_known_are_refused(connection: Database) -> None:
    with transaction(connection) as cursor:
        outbox.add_events(cursor, [Event(2, b"{}")])
        cursor.execute("RESET ROLE")
        cursor.execute("UPDATE outbox SET layout = 2")
        cursor.execute("SET ROLE points_app")
        with pytest.raises(outbox.UnknownRowLayout, match="shard 2 is packed in layout 2"):
            outbox.head(cursor, [2], 1)
