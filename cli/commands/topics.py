"""`points topics apply`: the topics, created where they are missing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from cli.support.console import JsonOption, emit, out
from cli.support.errors import Exit, Failure
from cli.support.wiring import configuration

if TYPE_CHECKING:
    from cli.support.broker import Broker, Topic
    from processors.runtime.configuration import Configuration
    from schemas.answers.operations import TopicResult

app = typer.Typer(no_args_is_help=True, help="The topics that the product reads and writes.")

FOURTEEN_DAYS_MS = 14 * 86_400_000
"""How long dead letters are kept (SPEC 7): only they and the quarantine hold raw bytes."""
LARGEST_LETTER = 8 << 20
"""A dead letter is a record that its own topic took, with our headers on top: the usual 1 MB
refuses the largest.
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A topic as the configuration wants it.

    `source`: others write it, so its settings are theirs.
    """

    name: str
    settings: dict[str, str]
    source: bool = False


def wanted_topics(found: "Configuration") -> list[Wanted]:
    """All topics of the product."""
    topics = found.topics
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
        *(
            Wanted(n, dead)
            for n in (
                topics.dlq_orders,
                topics.dlq_deliveries,
                topics.dlq_customers,
                topics.dlq_commands,
            )
        ),
    ]


@app.command("apply")
def apply_command(json_: JsonOption = False) -> None:
    """Create missing topics. Existing topics are never changed; differences are reported.

    They may be shared, and more partitions would move keys.
    """
    from cli.support.broker import Broker

    found = configuration()
    broker = Broker(found)
    rows = _applied(broker, found)
    if json_:
        emit(rows)
        return
    _print(rows)


def _print(rows: "Sequence[TopicResult]") -> None:
    console = out()
    for row in rows:
        mark = "[dim]exists[/] "
        if row.created:
            mark = "[green]created[/]"
        elif row.differs:
            mark = "[yellow]differs[/]"
        size = f"{row.partitions} partitions, {row.replication} replicas"
        console.print(f"{mark}  {row.topic}  [dim]{size}[/]")
        for line in row.differs:
            console.print(f"         [yellow]{line}[/]")


def _applied(broker: "Broker", found: "Configuration") -> "list[TopicResult]":
    from confluent_kafka import KafkaException

    from schemas.answers.operations import TopicResult

    kafka, wanted = found.kafka, wanted_topics(found)
    there = broker.topics(w.name for w in wanted)
    created = set()
    for w in wanted:
        if w.name in there:
            continue
        try:
            if broker.create(w.name, kafka.partitions, kafka.replication_factor, w.settings):
                created.add(w.name)
        except KafkaException as error:
            raise _not_created(w.name, error, broker, kafka.replication_factor) from None
    broker.refresh(w.name for w in wanted)
    there = broker.topics(w.name for w in wanted)
    settings = broker.settings(there)
    return [
        TopicResult(
            topic=w.name,
            created=w.name in created,
            partitions=there[w.name].partitions,
            replication=there[w.name].replication,
            differs=tuple(differences(w, there[w.name], settings[w.name], found, broker)),
        )
        for w in wanted
        if w.name in there
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


def differences(
    wanted: Wanted,
    have: "Topic",
    settings: dict[str, str],
    found: "Configuration",
    broker: "Broker",
) -> list[str]:
    """In which ways an existing topic is not as the configuration wants it, in words.

    A mock broker has no settings.
    """
    if broker.is_mock:
        return []
    lines, partitions, replication = [], have.partitions, have.replication
    if partitions != found.kafka.partitions:
        lines.append(f"partitions: {partitions}, the configuration says {found.kafka.partitions}")
    if replication != found.kafka.replication_factor:
        lines.append(
            f"replicas: {replication}, the configuration says {found.kafka.replication_factor}"
        )
    if wanted.source and "compact" in settings.get("cleanup.policy", ""):
        lines.append("cleanup.policy: compact; records that are not read yet may vanish")
    for name, value in wanted.settings.items():
        if settings.get(name) != value:
            lines.append(f"{name}: {settings.get(name)}, wanted is {value}")
    return lines
