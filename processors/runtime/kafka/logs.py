"""Where topics' logs begin and end, and how far a group has come, for whoever looks from outside.

A place is a topic and the number of a partition.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

Place = tuple[str, int]


class LogEnds(NamedTuple):
    """The first offset in a partition's log, and the next one to be written."""

    first: int
    next: int


def ends(
    admin: AdminClient, places: Iterable[Place], timeout: float
) -> tuple[dict[Place, LogEnds], dict[str, KafkaException]]:
    """The ends of logs, and why they are not known of some topics; `timeout` in seconds.

    A topic without a leader hides no other, and a part of its partitions would say too little.
    """
    asked = [TopicPartition(topic, number) for topic, number in places]
    if not asked:
        return {}, {}
    earliest: Any = OffsetSpec.earliest()  # type: ignore[no-untyped-call]
    latest: Any = OffsetSpec.latest()  # type: ignore[no-untyped-call]
    firsts, nexts = (
        admin.list_offsets(dict.fromkeys(asked, spec), request_timeout=timeout)
        for spec in (earliest, latest)
    )
    found: dict[Place, LogEnds] = {}
    failed: dict[str, KafkaException] = {}
    for part in asked:
        try:
            offsets = LogEnds(firsts[part].result().offset, nexts[part].result().offset)
        except KafkaException as error:
            failed[part.topic] = error
        else:
            found[part.topic, part.partition] = offsets
    return {place: ends for place, ends in found.items() if place[0] not in failed}, failed


def committed(reader: Consumer, places: Iterable[Place], timeout: float) -> dict[Place, int]:
    """The offsets that the group of `reader` has committed; none where it has not.

    A consumer asks, which joins no group for that. An admin client would end the process when the
    group's coordinator is just starting, as on a new cluster (librdkafka's issue 5040). `timeout`
    in seconds. Raises KafkaException.
    """
    asked = [TopicPartition(topic, number) for topic, number in places]
    parts = reader.committed(asked, timeout=timeout) if asked else ()
    return {
        (part.topic, part.partition): part.offset
        for part in parts
        if part.error is None and part.offset >= 0
    }
