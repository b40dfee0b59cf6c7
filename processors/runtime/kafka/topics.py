"""What a topic really is: its uuid (I6), whatever its name. A recreated topic has another."""

from collections.abc import Sequence
from typing import NamedTuple

from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient, ClusterMetadata

_MOCK_CLUSTERS = "mockCluster"
"""How the ids of librdkafka's mock clusters begin. They have no administration, so they tell no
uuids. A mock cluster forgets its topics when it ends and is another one next time, so that cluster
and name say which topic it is.
"""


class Described(NamedTuple):
    """A topic as the cluster describes it."""

    uuid: str
    partitions: int
    replication: int


def is_mock(cluster: str | None) -> bool:
    """Whether this is the local stack's last rung, which does without administration of topics."""
    return str(cluster).startswith(_MOCK_CLUSTERS)


def describe(
    admin: AdminClient,
    metadata: ClusterMetadata,
    topics: Sequence[str],
    timeout: float,
    *,
    lenient: bool = False,
) -> dict[str, Described]:
    """The topics by name.

    Raises KafkaException, also for one that does not exist; if lenient, that one is left out.
    """
    if not topics:
        return {}
    if is_mock(metadata.cluster_id):
        return {
            t: Described(f"mock:{t}", len(metadata.topics[t].partitions), 1)
            for t in topics
            if t in metadata.topics
        }
    found = {}
    for name, future in admin.describe_topics(
        TopicCollection(list(topics)), request_timeout=timeout
    ).items():
        try:
            one = future.result()
        except KafkaException:
            if lenient:
                continue
            raise
        replicas = min((len(p.replicas) for p in one.partitions), default=0)
        found[name] = Described(str(one.topic_id), len(one.partitions), replicas)
    return found
