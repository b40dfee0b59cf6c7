"""`points notices dlq`: records that the lane could not read."""

from typing import Annotated

import typer

from cli.commands import dlq
from cli.support.console import JsonOption, emit, out, safe
from cli.support.wiring import configuration, connect_notices, notices_configuration

app = typer.Typer(
    no_args_is_help=True, help="Records that the notices lane could not read, byte for byte."
)


@app.command("list")
def list_command(json_: JsonOption = False) -> None:
    """List all dead letters of the lane, oldest first."""
    with connect_notices(notices_configuration()) as connection:
        dlq.list_all(connection, json_=json_)


@app.command("show")
def show_command(
    number: Annotated[int, typer.Argument(metavar="ID")], json_: JsonOption = False
) -> None:
    """Show one dead letter, with everything masked that may be personal."""
    with connect_notices(notices_configuration()) as connection:
        dlq.show_one(connection, number, json_=json_)


@app.command("discard")
def discard_command(ids: dlq.Ids = None, json_: JsonOption = False) -> None:
    """Give records up: they stay in the list, and `redrive --all` leaves them out."""
    with connect_notices(notices_configuration()) as connection:
        dlq.discard_some(connection, ids, json_=json_)


@app.command("redrive")
def redrive_command(
    ids: dlq.Ids = None,
    all_: dlq.All = False,
    again: dlq.Again = False,
    json_: JsonOption = False,
) -> None:
    """Read from these records on again, once their cause is fixed.

    Nothing is sent: the topics are others' too.
    What lies behind them is read once more as well, which changes nothing.
    Workers `notices` begin there by themselves.
    """
    from cli.support.broker import Broker
    from schemas.answers.notices import RereadPartition, RereadResult
    from store.notices.deciding import rereading
    from store.postgres.session import transaction
    from store.streams.cursors import PartitionId

    configured = configuration()
    moved: list[RereadPartition] = []
    with connect_notices(notices_configuration()) as connection:
        chosen = dlq.chosen_of(connection, ids, all_=all_)
        with transaction(connection) as cursor:
            if chosen:
                places = rereading.partitions(cursor, chosen, again=again)
                broker = Broker(configured)
                topics = broker.topics(place.topic for place in places)
                ends = broker.ends(
                    (place.topic, place.partition)
                    for place in places
                    if place.topic in topics and topics[place.topic].uuid == place.topic_uuid
                )
                firsts = {
                    PartitionId(topic, topics[topic].uuid, number): end.first
                    for (topic, number), end in ends.items()
                }
                moved = rereading.reread(cursor, chosen, firsts)
    if json_:
        emit(RereadResult(letters=tuple(chosen), partitions=tuple(moved)))
        return
    dlq.print_done(chosen, "read again")
    for each in moved:
        place = safe(f"{each.topic}/{each.partition}")
        out().print(f"  {place}: from {each.start} on, it was at {each.before}")
