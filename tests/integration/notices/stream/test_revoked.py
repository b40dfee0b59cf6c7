"""Partitions that the group takes away while the database's thread works on their records."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from processors.notices.stream.batches import Batch, TopicBatches
from processors.notices.stream.faust_types import TP
from processors.notices.stream.places import AssignedPlaces
from processors.pipeline.pipeline import NOTICES, CountsByPartition, Pipeline, PoisonRecord
from processors.runtime.kafka.feed import Record
from store.postgres.session import Cursor, raw
from store.streams import cursors
from store.streams.cursors import Opening
from tests.support.notices.lane import PLACE, Lane
from tests.support.notices.stream_child import WritesRows
from tests.support.servers import Databases

CLUSTER = "a cluster"


class LosesThem(WritesRows):
    """While it decides, the partition goes; and then it fails over the records."""

    def __init__(self, places: AssignedPlaces) -> None:
        self._places = places

    def process(
        self,
        cursor: Cursor,
        records: Sequence[Record],
        opening: Opening,
        counts: CountsByPartition,
    ) -> list[PoisonRecord]:
        """Decides nothing."""
        del cursor, records, opening, counts
        self._places.revoke([(PLACE.topic, PLACE.partition)])
        raise ValueError("over the records")


@pytest.fixture
def lane(postgres: Databases, tmp_path: Path) -> Iterator[Lane]:
    """A database without Kafka, unlike this folder's other tests."""
    url = postgres.migrated()
    made = Lane(url, tmp_path)
    try:
        yield made
    finally:
        made.close()
        postgres.drop(url)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_records_of_a_partition_that_is_gone_are_left_to_whoever_has_it(
    lane: Lane, count: int
) -> None:
    tp = TP(PLACE.topic, PLACE.partition)
    places = AssignedPlaces(CLUSTER, {PLACE.topic: PLACE.topic_uuid})
    cursors.start(raw(lane.connection), NOTICES, CLUSTER, PLACE, 0)
    places.start({tp: 0}, 1)
    pipeline = Pipeline(NOTICES, lane.configuration(), places, {})
    batches = TopicBatches(pipeline, places, LosesThem(places), gapless=True, personal=False)
    batch = Batch(lane.records([b"v"] * count), places.generation)
    assert batches.work_off(lane.connection, batch, lambda: False) is None
    ((moved,),) = lane.rows("SELECT next_offset FROM notices.cursor")
    assert moved == 0
    assert lane.rows("SELECT count(*) FROM notices.quarantine") == [(0,)]
