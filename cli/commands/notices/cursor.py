"""`points notices cursor`: where the lane is in its topics, and how to go on from elsewhere."""

import typer

from cli.commands import cursor as engine
from cli.support.console import JsonOption
from cli.support.wiring import configuration, connect_notices, notices_configuration

app = typer.Typer(no_args_is_help=True, help="Positions of the notices lane in its topics.")


@app.command("show")
def show_command(json_: JsonOption = False) -> None:
    """Show every cursor of the lane and what became of its records, also of former topics."""
    from store.streams import adoption

    with connect_notices(notices_configuration()) as connection:
        engine.show_all(adoption.known(connection), json_=json_)


@app.command("adopt")
def adopt_command(
    start: engine.Start = "earliest",
    topic: engine.OnlyTopic = None,
    partition: engine.OnlyPartition = None,
    yes: engine.Yes = False,
    json_: JsonOption = False,
) -> None:
    """Go on after a topic was recreated, moved to another cluster, or lost records not yet read.

    What was recorded more than a day ago (POINTS_NOTICES__TOO_OLD_HOURS) is told to nobody.
    So reading an old log again wakes no one.
    """
    from store.streams import adoption

    configured = configuration()
    engine.check_start(start, partition)
    with connect_notices(notices_configuration()) as connection:
        rows = [r for r in adoption.known(connection) if topic in (None, r.topic)]
        engine.adopt_planned(
            rows,
            configured,
            (start, partition),
            lambda cluster, plans: adoption.adopt(connection, cluster, plans, published=False),
            yes=yes,
            json_=json_,
        )
