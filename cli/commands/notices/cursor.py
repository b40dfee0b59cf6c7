"""`points notices cursor`: where the lane is in its topics, and how to go on from elsewhere."""

from typing import Annotated

import typer

from cli.commands import cursor as engine
from cli.support.console import JsonOption, emit, out
from cli.support.wiring import configuration, connect_notices, notices_configuration

app = typer.Typer(no_args_is_help=True, help="Positions of the notices lane in its topics.")


@app.command("show")
def show_command(json_: JsonOption = False) -> None:
    """Show every cursor of the lane and what became of its records, also of former topics."""
    from store.streams import adoption

    with connect_notices(notices_configuration()) as connection:
        rows = adoption.known(connection)
    if json_:
        emit(rows)
    else:
        engine.print_cursors(rows)


@app.command("adopt")
def adopt_command(
    start: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="earliest|latest|OFFSET",
            help="Where to start in the new log; an OFFSET needs --partition.",
        ),
    ] = "earliest",
    topic: Annotated[str | None, typer.Option("--topic", help="Only this topic.")] = None,
    partition: Annotated[
        int | None, typer.Option("--partition", help="Only this partition.", min=0)
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json_: JsonOption = False,
) -> None:
    """Go on after a topic was recreated, moved to another cluster, or lost records not yet read.

    What was recorded more than a day ago (POINTS_NOTICES__TOO_OLD_HOURS) is told to nobody, so
    reading an old log again wakes no one.
    """
    from cli.support.broker import Broker
    from store.postgres.session import transaction
    from store.streams import adoption

    configured = configuration()
    engine.check_start(start, partition)
    with connect_notices(configured) as connection:
        broker = Broker(configured)
        rows = [r for r in adoption.known(connection) if topic in (None, r.topic)]
        plans = engine.plan_adoptions(rows, broker, start, partition)
        if plans and not json_:
            engine.print_plans(plans)
        if plans and not yes:
            engine.ask()
        with transaction(connection) as cursor:
            for plan in plans:
                adoption.begin(cursor, broker.cluster, plan)
    if json_:
        emit([engine.adopted(each) for each in plans])
    elif plans:
        out().print("adopted; workers `notices` that stopped over it can be started again")
    else:
        out().print("nothing to adopt: every cursor lies in the log of its topic")
