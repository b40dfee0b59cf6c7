"""Three brokers, and an engine on them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import kafka_local
from deploy.local.kafka_local import LocalKafka
from tests.operate.scale.fleet import PARTITIONS
from tests.support.engine import Engine
from tests.support.servers import Databases

SMALL = {"log.cleaner.dedupe.buffer.size": str(8 << 20)}
"""Half of so small a heap, which it would take otherwise, is not always there in one piece."""


@pytest.fixture(scope="package")
def brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKafka]:
    """Three brokers of our own."""
    if (lack := kafka_local.missing()) is not None:
        pytest.skip(lack)
    folder = tmp_path_factory.mktemp("kafka")
    with LocalKafka(folder, brokers=3, heap_mb=256, settings=SMALL, brief=True) as started:
        yield started


@pytest.fixture
def engine(
    brokers: LocalKafka, postgres: Databases, valkey: str, topic_prefix: str, tmp_path: Path
) -> Iterator[Engine]:
    """An engine with every topic on all three brokers."""
    url = postgres.database()
    with Engine(
        brokers.bootstrap_servers, url, topic_prefix, tmp_path, PARTITIONS, replicas=3
    ) as made:
        made.environment["POINTS_REDIS__URL"] = valkey
        yield made.prepare()
    postgres.drop(url)
