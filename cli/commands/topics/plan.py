"""`points topics plan`: what `points topics apply` would do, and what it leaves."""

from typing import TYPE_CHECKING, Annotated

import typer

from cli.support.console import JsonOption, emit, out, print_line, safe
from cli.support.wiring import configuration

if TYPE_CHECKING:
    from rich.console import Console

    from cli.commands.topics.planning import Plan

SourcesOption = Annotated[
    bool,
    typer.Option(
        "--sources", help="Also add partitions to the topics that others write: orders and so on."
    ),
]


def plan_command(sources: SourcesOption = False, json_: JsonOption = False) -> None:
    """Show what `apply` would do, what that does to readers, and what it leaves to people.

    Changes nothing.
    """
    from cli.commands.topics.planning import plans
    from cli.support.broker import Broker
    from schemas.answers.operations import TopicPlan

    configured = configuration()
    planned = plans(Broker(configured), configured, sources=sources)
    if json_:
        emit(
            [
                TopicPlan(
                    topic=plan.wanted.name,
                    exists=plan.have is not None,
                    changes=plan.changes,
                    warnings=plan.warnings,
                    differs=plan.differs,
                )
                for plan in planned
            ]
        )
        return
    console = out()
    for plan in planned:
        console.print(f"{_mark(plan)}  {safe(plan.wanted.name)}")
        print_lines(console, plan.changes, plan.warnings, plan.differs)


def _mark(plan: "Plan") -> str:
    if plan.have is None:
        return "[green]create[/]"
    if plan.changes:
        return "[green]change[/]"
    return "[yellow]differs[/]" if plan.differs else "[dim]as is[/]  "


def print_lines(
    console: "Console",
    changes: tuple[str, ...],
    warnings: tuple[str, ...],
    differs: tuple[str, ...],
) -> None:
    """What is or was changed of a topic, what that means, and what stays different."""
    for line in changes:
        print_line(console, f"         {safe(line)}")
    for line in (*warnings, *differs):
        print_line(console, f"         [yellow]{safe(line)}[/]")
