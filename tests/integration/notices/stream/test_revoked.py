"""Partitions that the group takes away while the database's thread works on their records."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from processors.notices.stream.batches import Batch, TopicBatches
from processors.notices.stream.faust_types import TP
from processors.notices.stream.places import AssignedPlaces
from processors.pipeline.pipeline import NOTICES, CountsByPartition, Pipeline, PoisonRecord
from processors.runtime.configuration import LaneConfiguration
from processors.runtime.kafka.feed import Record
from store.postgres.session import Cursor, Database, raw
from store.streams import cursors
from store.streams.cursors import Opening
from tests.support.in_process import Message
from tests.support.notices.lane import as_lane
from tests.support.servers import Databases
from tests.support.upstream import Record as Produced

CLUSTER, TOPIC = "a cluster", "points.changed.v1"


class LosesThem:
    """While it decides, the partition goes; and then it fails over the records."""

    def __init__(self, places: AssignedPlaces) -> None:
        self._places = places

    def use(self, connection: Database) -> None:
        """Remembers nothing."""

    def committed(self) -> None:
        """Counts nothing."""

    def process(
        self,
        cursor: Cursor,
        records: Sequence[Record],
        opening: Opening,
        counts: CountsByPartition,
    ) -> list[PoisonRecord]:
        """Decides nothing."""
        del cursor, records, opening, counts
        self._places.revoke([(TOPIC, 0)])
        raise ValueError("over the records")


@pytest.fixture
def connection(postgres: Databases) -> Iterator[Database]:
    url = postgres.migrated()
    with as_lane(url) as made:
        yield made
    postgres.drop(url)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_records_of_a_partition_that_is_gone_are_left_to_whoever_has_it(
    connection: Database, count: int
) -> None:
    places = AssignedPlaces(CLUSTER, {TOPIC: "uuid"})
    place = places.place(TP(TOPIC, 0))
    cursors.start(raw(connection), NOTICES, CLUSTER, place, 0)
    places.start({TP(TOPIC, 0): 0}, 1)
    configuration = LaneConfiguration.model_validate({
        "environment": "development",
        "kafka": {"bootstrap_servers": "nowhere"},
        "database": {"url": "postgresql://nobody@127.0.0.1:1/none"},
    })  # fmt: skip
    pipeline = Pipeline(NOTICES, configuration, places, {})
    batches = TopicBatches(pipeline, places, LosesThem(places), gapless=True, personal=False)
    sent: list[Any] = [Message(Produced(TOPIC, "k", b"v"), place, n, 0) for n in range(count)]
    records = [Record(place, n, message) for n, message in enumerate(sent)]
    assert batches.work_off(connection, Batch(records, places.generation), lambda: False) is None
    ((moved,),) = connection.execute("SELECT next_offset FROM cursor").fetchall()
    assert moved == 0
    assert connection.execute("SELECT count(*) FROM quarantine").fetchone() == (0,)
