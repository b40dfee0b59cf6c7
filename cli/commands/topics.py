"""`points topics apply`: create the topics that are missing, and report differences."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from cli.support.console import JsonOption, counted, emit, out, safe
from cli.support.errors import Exit, Failure
from cli.support.wiring import configuration

if TYPE_CHECKING:
    from cli.support.broker import Broker, TopicInfo
    from processors.runtime.configuration import Configuration
    from schemas.answers.operations import TopicResult

app = typer.Typer(no_args_is_help=True, help="The topics that the product reads and writes.")

FOURTEEN_DAYS_MS = 14 * 86_400_000
"""How long dead letters are kept (rules.md 7): only they and the quarantine hold raw bytes."""
HOUR_MS = 3_600_000
"""How long heartbeats are kept: a minute after, none is of use."""
LARGEST_LETTER = 8 << 20
"""A dead letter is a record that its topic took, with our headers on top: the usual limit of 1 MB
would refuse the largest.
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A topic as the configuration wants it.

    `source`: others write it, so its settings are theirs.
    """

    name: str
    settings: dict[str, str]
    source: bool = False


def wanted_topics(configured: "Configuration") -> list[Wanted]:
    """All topics of the product."""
    topics = configured.topics
    dead = {
        "cleanup.policy": "delete",
        "retention.ms": str(FOURTEEN_DAYS_MS),
        "max.message.bytes": str(LARGEST_LETTER),
    }
    return [
        *(
            Wanted(name, {}, source=True)
            for name in (topics.orders, topics.deliveries, topics.customers, topics.commands)
        ),
        Wanted(topics.points_changed, {"cleanup.policy": "delete"}),
        Wanted(topics.command_results, {"cleanup.policy": "delete"}),
        Wanted(topics.settings, {"cleanup.policy": "compact"}),
        Wanted(topics.heartbeat, {"cleanup.policy": "delete", "retention.ms": str(HOUR_MS)}),
        *(
            Wanted(name, dead)
            for name in (
                topics.dlq_orders,
                topics.dlq_deliveries,
                topics.dlq_customers,
                topics.dlq_commands,
            )
        ),
    ]


@app.command("apply")
def apply_command(json_: JsonOption = False) -> None:
    """Create missing topics, and report existing ones that differ from the configuration.

    Existing topics are never changed.
    They may be shared, and more partitions would move keys.
    """
    from cli.support.broker import Broker

    configured = configuration()
    broker = Broker(configured)
    rows = _applied(broker, configured)
    if json_:
        emit(rows)
        return
    console = out()
    for row in rows:
        size = f"{counted(row.partitions, 'partition')}, {counted(row.replication, 'replica')}"
        console.print(f"{_mark(row)}  {safe(row.topic)}  [dim]{size}[/]")
        for line in row.differs:
            console.print(f"         [yellow]{safe(line)}[/]")


def _mark(row: "TopicResult") -> str:
    if row.created:
        return "[green]created[/]"
    return "[yellow]differs[/]" if row.differs else "[dim]exists[/] "


def _applied(broker: "Broker", configured: "Configuration") -> "list[TopicResult]":
    from confluent_kafka import KafkaException

    from schemas.answers.operations import TopicResult

    kafka, wanted = configured.kafka, wanted_topics(configured)
    existing = broker.topics(topic.name for topic in wanted)
    created = set()
    for topic in wanted:
        if topic.name in existing:
            continue
        try:
            if broker.create(
                topic.name, kafka.partitions, kafka.replication_factor, topic.settings
            ):
                created.add(topic.name)
        except KafkaException as error:
            raise _not_created(topic.name, error, broker, kafka.replication_factor) from None
    broker.refresh(topic.name for topic in wanted)
    existing = broker.topics(topic.name for topic in wanted)
    settings = broker.settings(existing)
    return [
        TopicResult(
            topic=topic.name,
            created=topic.name in created,
            partitions=existing[topic.name].partitions,
            replication=existing[topic.name].replication,
            differs=tuple(
                topic_differences(
                    topic, existing[topic.name], settings[topic.name], configured, broker
                )
            ),
        )
        for topic in wanted
        if topic.name in existing
    ]


def _not_created(name: str, error: Any, broker: "Broker", replication: int) -> Failure:
    text = error.args[0].str()
    if replication > broker.brokers:
        remedy = (
            f"the cluster has {broker.brokers} brokers: "
            "set POINTS_KAFKA__REPLICATION_FACTOR to that or less"
        )
    else:
        remedy = "create it by other means, or give this user the right to create topics"
    return Failure(Exit.CURSOR, f"topic {name} could not be created: {text}", remedy)


def topic_differences(
    wanted: Wanted,
    have: "TopicInfo",
    settings: dict[str, str],
    configured: "Configuration",
    broker: "Broker",
) -> list[str]:
    """How an existing topic differs from the configuration, a line each.

    A mock broker has no settings.
    """
    if broker.is_mock:
        return []
    lines, partitions, replication = [], have.partitions, have.replication
    if partitions != configured.kafka.partitions:
        lines.append(
            f"partitions: {partitions}, the configuration says {configured.kafka.partitions}"
        )
    if replication != configured.kafka.replication_factor:
        lines.append(
            f"replicas: {replication}, the configuration says {configured.kafka.replication_factor}"
        )
    if wanted.source and "compact" in settings.get("cleanup.policy", ""):
        lines.append("cleanup.policy: compact; records that are not read yet may vanish")
    for name, value in wanted.settings.items():
        if settings.get(name) != value:
            lines.append(f"{name}: {settings.get(name)}, wanted is {value}")
    return lines
