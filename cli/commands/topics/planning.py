"""What `points topics apply` would do: the table of topics against the topics as they are."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from schemas.topics import TOPICS, Topic

if TYPE_CHECKING:
    from cli.support.broker import Broker, TopicInfo
    from processors.runtime.configuration import Configuration


@dataclass(frozen=True, slots=True)
class Wanted:
    """A topic as the table and the configuration want it."""

    name: str
    topic: Topic
    partitions: int
    replication: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done about a topic.

    `have`: None where it is missing. `settings` are to be set, `partitions` to be reached (None:
    enough). `changes` says all of that in words, `warnings` what it does to those who read the
    topic, and `differs` what stays different, since only people can decide about it.
    """

    wanted: Wanted
    have: "TopicInfo | None"
    settings: Mapping[str, str]
    partitions: int | None
    changes: tuple[str, ...]
    warnings: tuple[str, ...]
    differs: tuple[str, ...]


def wanted_topics(configured: "Configuration") -> list[Wanted]:
    """All topics of the product by their names here."""
    kafka = configured.kafka
    return [
        Wanted(
            getattr(configured.topics, setting),
            topic,
            topic.partitions or kafka.partitions,
            kafka.replication_factor,
        )
        for setting, topic in TOPICS.items()
    ]


def plans(broker: "Broker", configured: "Configuration", *, sources: bool) -> list[Plan]:
    """The plan of every topic; with `sources` also for the partitions of topics of others."""
    wanted = wanted_topics(configured)
    existing = broker.topics(each.name for each in wanted)
    settings = broker.settings(existing)
    return [
        _existing(each, existing[each.name], settings[each.name], broker, sources=sources)
        if each.name in existing
        else _missing(each)
        for each in wanted
    ]


def _missing(wanted: Wanted) -> Plan:
    size = f"created with partitions: {wanted.partitions}, replicas: {wanted.replication}"
    settings = [f"{name}: {value}" for name, value in wanted.topic.settings.items()]
    changes = (", ".join([size, *settings]),)
    return Plan(wanted, None, wanted.topic.settings, None, changes, (), ())


def _existing(
    wanted: Wanted,
    have: "TopicInfo",
    settings: Mapping[str, str],
    broker: "Broker",
    *,
    sources: bool,
) -> Plan:
    if broker.is_mock:  # It knows no settings, and makes topics as it pleases.
        return Plan(wanted, have, {}, None, (), (), ())
    to_set = {
        name: value for name, value in wanted.topic.settings.items() if settings.get(name) != value
    }
    changes = [f"{name}: {settings.get(name)} becomes {value}" for name, value in to_set.items()]
    partitions, warnings = None, []
    if have.partitions < wanted.partitions and (wanted.topic.ours or sources):
        partitions = wanted.partitions
        changes.append(f"partitions: {have.partitions} become {partitions}")
        warnings += _what_more_partitions_do(wanted.topic)
    return Plan(
        wanted,
        have,
        to_set,
        partitions,
        tuple(changes),
        tuple(warnings),
        tuple(_left(wanted, have, settings, partitions)),
    )


def _what_more_partitions_do(topic: Topic) -> list[str]:
    if topic.keeps_order is not None:
        meaning = (
            f"{topic.keeps_order} from now on may be read before earlier ones; "
            "to keep the order, stop the writers until all is read, then apply"
        )
    elif not topic.ours:
        meaning = "the engine takes records in any order, other readers of this topic may not"
    else:
        return []
    return [f"more partitions move keys: {meaning}"]


def _left(
    wanted: Wanted, have: "TopicInfo", settings: Mapping[str, str], partitions: int | None
) -> list[str]:
    lines = []
    if have.partitions != wanted.partitions and partitions is None:
        more = "partitions are never taken away" if have.partitions > wanted.partitions else ""
        why = more or "others write this topic: apply --sources adds them"
        lines.append(
            f"partitions: {have.partitions}, the configuration says {wanted.partitions}; {why}"
        )
    if have.replication != wanted.replication:
        lines.append(
            f"replicas: {have.replication}, the configuration says {wanted.replication}; "
            "kafka-reassign-partitions.sh moves them"
        )
    if not wanted.topic.ours and "compact" in settings.get("cleanup.policy", ""):
        lines.append("cleanup.policy: compact; records that are not read yet may vanish")
    return lines
