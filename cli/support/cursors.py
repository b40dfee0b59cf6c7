"""Where pipelines stand in their topics: the cursors, each with the records that are behind it."""

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from cli.support.console import out, print_table, safe, widest

if TYPE_CHECKING:
    from cli.support.broker import Broker
    from schemas.answers.operations import CursorLag
    from schemas.answers.streams import CursorAnswer
    from store.postgres.session import Database


def lags(connection: "Database", broker: "Broker | None") -> "list[CursorLag]":
    """The cursors that are no history, each with the records behind it where Kafka answers."""
    from schemas.answers.operations import CursorLag
    from store.streams import adoption

    rows = [row for row in adoption.known(connection) if not row.retired]
    ends = _ends(broker, rows) if broker is not None else {}
    # Rows of a former topic are history once the topic that is there now has rows of its own.
    present = {(row.pipeline, row.topic) for row in rows if row.place_in_cluster in ends}
    cursors = []
    for row in rows:
        end = ends.get(row.place_in_cluster)
        if end is not None or (row.pipeline, row.topic) not in present:
            lag = max(0, end - row.next_offset) if end is not None else None
            cursors.append(CursorLag(**dict(row), lag=lag))
    return cursors


def _ends(broker: "Broker", rows: "list[CursorAnswer]") -> dict[tuple[str, str, int], int]:
    topics = broker.topics(row.topic for row in rows)
    here = [
        row
        for row in rows
        if row.topic in topics
        and topics[row.topic].uuid == row.topic_uuid
        and row.cluster == broker.cluster
    ]
    ends = broker.ends({(row.topic, row.partition) for row in here})
    return {row.place_in_cluster: ends[row.topic, row.partition].next for row in here}


def print_cursors(cursors: "Sequence[CursorLag]") -> None:
    """The cursors, topic by topic, or the sentence that there are none.

    A topic's name has a line of its own, so that 80 columns leave it and the figures whole.
    """
    from rich.table import Table

    from store.streams.cursors import OUTCOMES

    if not cursors:
        out().print("[dim]no cursors yet: no worker has read a topic[/]")
        return
    names = ("partition", "lag", "next", *OUTCOMES)
    rows = [
        (
            str(cursor.partition),
            shown_lag(cursor.lag),
            str(cursor.next_offset),
            *(f"{getattr(cursor, name):,}" for name in OUTCOMES),
        )
        for cursor in cursors
    ]
    widths = [widest(column) for column in zip(names, *rows, strict=True)]
    logs = [(cursor.pipeline, cursor.topic) for cursor in cursors]
    grouped = groupby(zip(logs, rows, strict=True), key=itemgetter(0))
    for number, ((pipeline, topic), of_log) in enumerate(grouped):
        table = Table(
            box=None,
            header_style="dim",
            padding=(0, 1, 0, 0),
            pad_edge=False,
            show_header=number == 0,
        )
        for name, width in zip(names, widths, strict=True):
            table.add_column(name, justify="right", no_wrap=True, min_width=width)
        for _, row in of_log:
            table.add_row(*row)
        out().print(f"[bold]{safe(pipeline)}[/] {safe(topic)}", soft_wrap=True)
        print_table(table)


def shown_lag(lag: int | None) -> str:
    """Records or changes that are behind; `?` where it is not known."""
    if lag is None:
        return "?"
    return f"[yellow]{lag:,}[/]" if lag else "0"
