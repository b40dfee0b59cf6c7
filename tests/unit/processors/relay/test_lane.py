"""A lane: what becomes of rows, however slowly or oddly a broker answers."""

from collections.abc import Callable
from typing import Any
from zlib import compress

import orjson
import pytest
from confluent_kafka import KafkaError

from processors.relay import lane as lanes
from processors.relay.lane import NO_PROGRESS_SECONDS, NOT_WAITED_FOR, Lane, any_lands
from processors.relay.worker import GATHER_SECONDS, lanes_of, next_look
from schemas.ids import iso
from store.streams import outbox
from store.streams.outbox import SHARD_OF_KIND, OutboxKind, Row

TOPICS = {kind: kind.name.lower() for kind in OutboxKind}
TIMED_OUT = KafkaError._MSG_TIMED_OUT
LETTERS = 4


class Message:
    """The part of a delivery report that a lane reads."""

    def __init__(self, value: bytes | None) -> None:
        self._value = value

    def value(self) -> bytes | None:
        return self._value


class Broker:
    """A producer and its broker: delivers `pace` records a look, and fails some by their value."""

    def __init__(self) -> None:
        self.pace = 1_000_000
        self.failing: dict[bytes | None, int] = {}
        self.delivered: list[bytes | None] = []
        self.purged = False
        self.beats: Broker | None = None
        self._queue: list[tuple[bytes | None, Callable[[Any, Any], None]]] = []

    def __call__(self, settings: dict[str, Any]) -> Any:
        return self.beats if settings == NOT_WAITED_FOR else self

    def produce(
        self,
        _: str,
        value: bytes | None,
        key: bytes | None = None,
        on_delivery: Callable[[Any, Any], None] = lambda *_: None,
        **more: object,
    ) -> None:
        del key, more
        self._queue.append((value, on_delivery))

    def poll(self, _: float) -> int:
        return len(self._queue)

    def flush(self, _: float) -> int:
        now, self._queue = self._queue[: self.pace], self._queue[self.pace :]
        for value, report in now:
            if value in self.failing:
                report(KafkaError(self.failing[value]), Message(value))
            else:
                self.delivered.append(value)
        return len(self._queue)

    def purge(self) -> None:
        self.purged = True

    def __len__(self) -> int:
        return len(self._queue)


class Clock:
    """A clock that a test moves."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def time_ns(self) -> int:
        return int(self.now * 1e9)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(lanes, "time", made)
    return made


def letters(*values: bytes) -> list[Row]:
    return [
        Row(LETTERS, n, OutboxKind.DEAD_ORDERS, None, value, None)
        for n, value in enumerate(values, 1)
    ]


def a_lane(broker: Broker) -> Lane:
    return Lane("letters", [LETTERS], TOPICS, broker)


def test_a_head_that_takes_minutes_is_neither_purged_nor_trouble(clock: Clock) -> None:
    broker = Broker()
    broker.pace = 1
    lane = a_lane(broker)
    rows = letters(*[b"%d" % n for n in range(60)])
    lane.send(rows)
    while not lane.wait(0.25):
        assert lane.trouble() is None
        clock.now += NO_PROGRESS_SECONDS - 1
    landed = lane.landed()
    assert (list(landed.delivered), list(landed.refused)) == (rows, [])
    assert len(broker.delivered) == 60
    assert not broker.purged


def test_no_progress_is_trouble_and_nothing_is_sent_again(clock: Clock) -> None:
    broker = Broker()
    broker.pace = 0
    lane = a_lane(broker)
    lane.send(letters(b"1", b"2"))
    assert not lane.wait(0.25)
    assert lane.trouble() is None
    clock.now += NO_PROGRESS_SECONDS + 1
    assert "2 records for dead_orders wait" in (lane.trouble() or "")
    assert lane.open_shards() == []
    broker.pace = 10
    assert lane.wait(0.25)
    assert len(lane.landed().delivered) == 2
    lane.close_flight()
    assert lane.trouble() is None
    assert broker.delivered == [b"1", b"2"]


def test_what_was_delivered_is_done_with_when_another_row_failed(clock: Clock) -> None:
    broker = Broker()
    broker.failing = {b"2": TIMED_OUT}
    lane = a_lane(broker)
    rows = letters(b"1", b"2", b"3")
    lane.send(rows)
    assert lane.wait(0.25)
    landed = lane.landed()
    assert [row.value for row in landed.delivered] == [b"1", b"3"]
    assert not landed.refused
    lane.close_flight()
    assert "_MSG_TIMED_OUT" in (lane.trouble() or "")
    assert lane.open_shards() == []
    clock.now += 2
    assert lane.open_shards() == [LETTERS]


@pytest.mark.usefixtures("clock")
def test_a_record_is_refused_for_good_only_once_it_was_alone() -> None:
    broker = Broker()
    broker.failing = {b"1": KafkaError.MSG_SIZE_TOO_LARGE, b"2": KafkaError.MSG_SIZE_TOO_LARGE}
    lane = a_lane(broker)
    rows = letters(b"1", b"2", b"3")
    lane.send(rows)
    assert lane.wait(0)
    first = lane.landed()
    assert ([row.id for row in first.delivered], list(first.refused)) == ([3], [])
    lane.close_flight()
    del broker.failing[b"1"]
    lane.send(rows[:2])
    assert lane.wait(0)
    second = lane.landed()
    assert [row.id for row in second.delivered] == [1]
    assert [(r.id, r.topic, r.size) for r in second.refused] == [(2, "dead_orders", 1)]


@pytest.mark.usefixtures("clock")
def test_what_landed_is_the_same_until_the_database_knows_it() -> None:
    broker = Broker()
    broker.failing = {b"2": KafkaError.UNKNOWN_TOPIC_OR_PART}
    lane = a_lane(broker)
    lane.send(letters(b"1", b"2"))
    assert lane.wait(0)
    assert lane.landed() == lane.landed()
    assert [r.reason.partition(":")[0] for r in lane.landed().refused] == ["UNKNOWN_TOPIC_OR_PART"]
    assert lane.open_shards() == []
    lane.close_flight()
    assert lane.open_shards() == [LETTERS]


def an_event(number: int, shard: int = 0) -> Row:
    names = {"event_id": f"e-{number}", "merchant_id": "shop", "member_id": "m", "type": "granted"}
    times = dict.fromkeys(("occurred_at", "recorded_at"), iso(1_700_000_000_000_000))
    packed = compress(orjson.dumps(names | times))
    return Row(shard, number, OutboxKind.CHANGED, None, packed, None)


def a_heartbeat(number: int, shard: int = 0) -> Row:
    return Row(shard, number, OutboxKind.HEARTBEAT, b"0", b"beat", None)


@pytest.mark.usefixtures("clock")
def test_no_event_waits_for_a_heartbeat_whose_topic_takes_none() -> None:
    broker = Broker()
    broker.beats = Broker()
    broker.beats.pace = 0
    lane = Lane("events", [0], TOPICS, broker)
    rows = [an_event(1), a_heartbeat(2), an_event(3)]
    lane.send(rows)
    assert lane.wait(0)
    assert list(lane.landed().delivered) == rows
    lane.close_flight()
    assert (len(broker.delivered), len(broker.beats)) == (2, 1)
    assert lane.open_shards() == [0]
    assert lane.trouble() is None


@pytest.mark.usefixtures("clock")
def test_a_heartbeat_goes_only_once_what_was_before_it_has_arrived() -> None:
    broker = Broker()
    broker.beats = Broker()
    event, heartbeat = an_event(1), a_heartbeat(2)
    broker.failing = {outbox.first_event(event.value or b""): TIMED_OUT}
    lane = Lane("events", [0], TOPICS, broker)
    lane.send([event, heartbeat])
    assert lane.wait(0)
    assert list(lane.landed().delivered) == []
    lane.close_flight()
    assert len(broker.beats) == 0
    broker.failing.clear()
    lane.send([event, heartbeat])
    assert lane.wait(0)
    lane.close_flight()
    assert len(broker.beats) == 1


def test_after_a_few_records_a_lane_that_rests_lets_more_gather(clock: Clock) -> None:
    lane = Lane("commands", [LETTERS], TOPICS, Broker(), [(lanes.FULL_HEAD, 0.25)])
    lane.send(letters(b"1", b"2"))
    assert lane.wait(0)
    lane.close_flight()
    assert lane.open_shards() == []
    clock.now += 0.25
    assert lane.open_shards() == [LETTERS]


def test_a_lane_that_rests_goes_on_at_once_while_there_is_much(clock: Clock) -> None:
    lane = Lane("commands", [LETTERS], TOPICS, Broker(), [(lanes.FULL_HEAD, 0.25)])
    lane.send(letters(*[b"%d" % n for n in range(lanes.FULL_HEAD)]))
    assert lane.wait(0)
    lane.close_flight()
    assert lane.open_shards() == [LETTERS]
    assert clock.now == Clock.now


class Sleepy(Broker):
    """A producer that nothing wakes: it looks whether all has come after the whole of a wait."""

    def __init__(self, clock: Clock, arrives_after: float) -> None:
        super().__init__()
        self._clock, self._arrives_at = clock, clock.now + arrives_after
        self.looks = 0

    def flush(self, seconds: float) -> int:
        self._clock.now += seconds
        self.looks += 1
        return super().flush(seconds) if self._clock.now >= self._arrives_at else len(self)


def test_a_flight_is_seen_to_land_soon_although_nothing_wakes_who_waits(clock: Clock) -> None:
    lane = a_lane(Sleepy(clock, arrives_after=0.003))
    lane.send(letters(b"1"))
    assert any_lands([lane], 0.25)
    assert clock.now - Clock.now < 0.006


def test_who_waits_for_what_takes_long_looks_seldom(clock: Clock) -> None:
    broker = Sleepy(clock, arrives_after=1.0)
    lane = a_lane(broker)
    lane.send(letters(b"1"))
    assert not any_lands([lane], 0.25)
    assert broker.looks < 40


def answers_of(count: int, lane: Lane) -> Row:
    packed = compress(b"\n".join([b"key\n{}"] * count))
    return Row(lane.shards[0], 1, OutboxKind.COMMAND_RESULT, None, packed, None)


@pytest.fixture
def all_lanes(clock: Clock) -> list[Lane]:
    """The lanes of a relay."""
    del clock
    return lanes_of(TOPICS, Broker())


def flown(lanes_: list[Lane], kind: OutboxKind, records: int) -> Lane:
    """The lane of a kind, after a flight of so many records."""
    (lane,) = (lane for lane in lanes_ if SHARD_OF_KIND[kind] in lane.shards)
    packed = compress(b"\n".join([b"key\n{}"] * records))
    lane.send([Row(lane.shards[0], 1, kind, None, packed, None)])
    assert lane.wait(0)
    lane.close_flight()
    return lane


@pytest.mark.parametrize("records", [1, 100])
def test_answers_rest_for_a_while(all_lanes: list[Lane], clock: Clock, records: int) -> None:
    answers = flown(all_lanes, OutboxKind.COMMAND_RESULT, records)
    assert answers.open_shards() == []
    clock.now += answers.resting() + 1e-6
    assert answers.open_shards() == list(answers.shards)


def test_behind_the_answers_of_a_batch_the_next_ones_go_sooner(all_lanes: list[Lane]) -> None:
    one_by_one = flown(all_lanes, OutboxKind.COMMAND_RESULT, 1).resting()
    of_a_batch = flown(all_lanes, OutboxKind.COMMAND_RESULT, 100).resting()
    assert one_by_one > of_a_batch > 0
    assert next_look(all_lanes) == of_a_batch


def test_the_long_rest_of_commands_holds_up_no_event(all_lanes: list[Lane]) -> None:
    assert flown(all_lanes, OutboxKind.COMMAND, 1).resting() > GATHER_SECONDS
    assert next_look(all_lanes) == GATHER_SECONDS
