"""`points topics apply`: create and mend topics, as `points topics plan` shows it."""

from typing import TYPE_CHECKING, Any

from cli.commands.topics.plan import SourcesOption, print_lines
from cli.support.console import JsonOption, counted, emit, out, safe
from cli.support.errors import Exit, Failure
from cli.support.wiring import configuration

if TYPE_CHECKING:
    from cli.commands.topics.planning import Plan
    from cli.support.broker import Broker
    from processors.runtime.configuration import Configuration
    from schemas.answers.operations import TopicResult


def apply_command(sources: SourcesOption = False, json_: JsonOption = False) -> None:
    """Create missing topics, and bring the others to what is wanted; `plan` shows it before.

    Settings are changed on topics that only this product writes, and partitions only added.
    Nothing is ever deleted.
    """
    from cli.support.broker import Broker

    configured = configuration()
    rows = _applied(Broker(configured), configured, sources=sources)
    if json_:
        emit(rows)
        return
    console = out()
    for row in rows:
        size = f"{counted(row.partitions, 'partition')}, {counted(row.replication, 'replica')}"
        console.print(f"{_mark(row)}  {safe(row.topic)}  [dim]{size}[/]")
        print_lines(console, () if row.created else row.changes, row.warnings, row.differs)


def _mark(row: "TopicResult") -> str:
    if row.created:
        return "[green]created[/]"
    if row.changes:
        return "[green]changed[/]"
    return "[yellow]differs[/]" if row.differs else "[dim]exists[/] "


def _applied(
    broker: "Broker", configured: "Configuration", *, sources: bool
) -> "list[TopicResult]":
    from cli.commands.topics.planning import plans
    from schemas.answers.operations import TopicResult

    planned = plans(broker, configured, sources=sources)
    created = {plan.wanted.name for plan in planned if _carried_out(plan, broker)}
    broker.refresh({plan.wanted.name: plan.partitions or 1 for plan in planned})
    existing = broker.topics(plan.wanted.name for plan in planned)
    return [
        TopicResult(
            topic=plan.wanted.name,
            created=plan.wanted.name in created,
            partitions=existing[plan.wanted.name].partitions,
            replication=existing[plan.wanted.name].replication,
            changes=plan.changes,
            warnings=plan.warnings,
            differs=plan.differs,
        )
        for plan in planned
        if plan.wanted.name in existing
    ]


def _carried_out(plan: "Plan", broker: "Broker") -> bool:
    """Does what the plan says; whether it made the topic."""
    from confluent_kafka import KafkaException

    wanted = plan.wanted
    try:
        if plan.have is None:
            return broker.create(
                wanted.name, wanted.partitions, wanted.replication, dict(plan.settings)
            )
        if plan.settings:
            broker.set(wanted.name, plan.settings)
        if plan.partitions is not None:
            broker.add_partitions(wanted.name, plan.partitions)
    except KafkaException as error:
        raise _refused(plan, error, broker) from None
    return False


def _refused(plan: "Plan", error: Any, broker: "Broker") -> Failure:
    text, wanted = error.args[0].str(), plan.wanted
    if plan.have is not None:
        return Failure(
            Exit.CURSOR,
            f"topic {wanted.name} could not be changed: {text}",
            "change it by other means, or give this user the right to alter topics",
        )
    if wanted.replication > broker.brokers:
        remedy = (
            f"the cluster has {broker.brokers} brokers: "
            "set POINTS_KAFKA__REPLICATION_FACTOR to that or less"
        )
    else:
        remedy = "create it by other means, or give this user the right to create topics"
    return Failure(Exit.CURSOR, f"topic {wanted.name} could not be created: {text}", remedy)
