"""What each kind of worker may do in Kafka, and nothing more: made from the table of topics.

`points topics acls` prints and gives these rights, workers look whether they have theirs.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from processors.registry import WORKERS
from processors.runtime.configuration import Configuration, KafkaConfiguration
from schemas.topics import TOPICS

Resource = Literal["topic", "group"]
Operation = Literal[
    "read", "write", "describe", "describe_configs", "create", "alter", "alter_configs"
]

OPERATOR: Final = "operator"
"""Who runs `points` by hand: creates topics, and looks at all of it."""
OPERATOR_GROUP: Final = "points-cli"
"""The command line reads single records without joining a group, and names one nevertheless."""
WATCH: Final = "watch"
"""Looks at every topic that another kind reads, without joining a group."""
READMODEL: Final = "readmodel"
"""Where it is stands in Kafka alone; of the others the database knows."""


_CREATES: Final[tuple[Operation, ...]] = ("create", "describe", "describe_configs")
_MENDS: Final[tuple[Operation, ...]] = ("alter", "alter_configs")
"""What `points topics apply` does to topics of ours that differ from what is wanted."""


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """An operation on a topic or a group, by its whole name."""

    resource: Resource
    name: str
    operation: Operation

    def __str__(self) -> str:
        return f"{self.operation.upper()} on {self.resource} {self.name}"


def principals() -> list[str]:
    """Who has rights of their own: the kinds of workers that use Kafka, and the operator."""
    return [*(name for name, kind in WORKERS.items() if kind.needs_kafka), OPERATOR]


def rights_of(who: str, configured: Configuration) -> list[Right]:
    """The rights of a kind of worker, or of the operator, in the order of topics and groups.

    READ of a topic or group and WRITE of a topic include that it can be seen (DESCRIBE).
    """
    return sorted({*_of_topics(who, configured), *_of_groups(who, configured.kafka)})


def readers() -> set[str]:
    """The kinds of workers that join a group."""
    return {kind for topic in TOPICS.values() for kind in topic.read_by}


def _of_topics(who: str, configured: Configuration) -> Iterator[Right]:
    for setting, topic in TOPICS.items():
        name = getattr(configured.topics, setting)
        if who in topic.read_by or (who in {WATCH, OPERATOR} and topic.read_by):
            yield Right("topic", name, "read")
        if who in topic.written_by:
            yield Right("topic", name, "write")
        if who == OPERATOR:
            yield from (Right("topic", name, each) for each in _CREATES)
            yield from (Right("topic", name, each) for each in _MENDS if topic.ours)


def _of_groups(who: str, kafka: KafkaConfiguration) -> Iterator[Right]:
    groups = readers() - {WATCH}
    if who in groups:
        yield Right("group", kafka.group_of(who), "read")
    elif who == WATCH:
        yield from _described(kafka, (READMODEL, WATCH))
    elif who == OPERATOR:
        yield from _described(kafka, groups)
        yield Right("group", OPERATOR_GROUP, "describe")


def _described(kafka: KafkaConfiguration, groups: Iterable[str]) -> Iterator[Right]:
    for each in groups:
        yield Right("group", kafka.group_of(each), "describe")
