"""`points notices status`: how the lane is doing, on one screen."""

from typing import TYPE_CHECKING

from cli.support.broker import broker_of
from cli.support.console import JsonOption, complain, emit, out, print_table, safe
from cli.support.cursors import lags, print_cursors
from cli.support.wiring import configuration, connect_notices, notices_configuration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from cli.support.broker import Broker
    from schemas.answers.notices import NoticesStatusAnswer, OpenNotices, ProviderState
    from store.notices.reads import Open
    from store.postgres.session import Database


def status_command(json_: JsonOption = False) -> None:
    """Show what waits, is unknown or cannot go on, providers, pauses, cursors and lag."""
    configured = configuration()
    with connect_notices(notices_configuration()) as connection:
        broker, unreachable = broker_of(configured)
        answer = read(connection, broker)
    if json_:
        emit(answer)
    else:
        _print(answer)
    if unreachable is not None:
        complain(unreachable)
        raise SystemExit(unreachable.exit_code)


def read(connection: "Database", broker: "Broker | None") -> "NoticesStatusAnswer":
    """Asks the lane's tables for everything, and Kafka, where it answers, for the logs' ends."""
    from schemas.answers.notices import NoticesStatusAnswer
    from schemas.answers.operations import PausedPipeline
    from store.notices import reads
    from store.postgres.session import transaction
    from store.reads.status import ignored_by_reason
    from store.streams import quarantine

    figures = reads.figures(connection)
    with transaction(connection) as cursor:
        paused = quarantine.paused(cursor, reads.PIPELINE)
    return NoticesStatusAnswer(
        now=figures.now,
        merchants=figures.shops,
        notices=tuple(_by_channel(reads.open_notices(connection))),
        providers=tuple(reads.providers(connection)),
        refused_merchants=tuple(reads.refused_shops(connection)),
        parked_events=figures.parked_events,
        parked_merchants=figures.parked_merchants,
        outbox_rows=figures.outbox_rows,
        refused_rows=figures.refused_rows,
        open_dead_letters=figures.open_letters,
        paused=PausedPipeline(pipeline=reads.PIPELINE, since=paused[0], reason=paused[1])
        if paused is not None
        else None,
        cursors=tuple(lags(connection, broker)),
        ignored=ignored_by_reason(connection, reads.PIPELINE),
    )


def _by_channel(rows: "list[Open]") -> "list[OpenNotices]":
    from schemas.answers.notices import OpenNotices
    from schemas.notices.words import Channel

    found = {(row.channel, row.state): row for row in rows}

    def count(channel: str, state: str) -> int:
        row = found.get((channel, state))
        return row.notices if row is not None else 0

    answers = []
    for channel in Channel:
        waiting, unknown = found.get((channel, "waiting")), found.get((channel, "unknown"))
        answers.append(
            OpenNotices(
                channel=channel,
                waiting=count(channel, "waiting"),
                due=waiting.due if waiting is not None else 0,
                oldest_due=waiting.since if waiting is not None else None,
                claimed=count(channel, "claimed"),
                sending=count(channel, "sending"),
                unknown=count(channel, "unknown"),
                oldest_unknown=unknown.since if unknown is not None else None,
            )
        )
    return answers


def _print(answer: "NoticesStatusAnswer") -> None:
    console = out()
    if answer.paused is not None:
        what = f"[bold red]paused[/]: {safe(answer.paused.reason or '')}"
        console.print(f"{what} [dim]→ points notices dlq list, points notices resume[/]")
    print_table(_channels(answer.notices, answer.now))
    for provider in answer.providers:
        if (line := _provider(provider, answer.now)) is not None:
            console.print(line)
    for refused in answer.refused_merchants:
        who = f"[bold]{safe(refused.provider or refused.channel)}[/]"
        since = _since(refused.oldest_decided, answer.now)
        what = f"[red]refuses the sender or the gateway[/] of {safe(refused.merchant_id)}"
        console.print(f"{who} {what} [dim]whose oldest notice waits for {since}[/]")
    for count, what in (
        (
            answer.parked_events,
            f"changes of {answer.parked_merchants:,} merchants without settings",
        ),
        (answer.open_dead_letters, "dead letters are open → points notices dlq list"),
        (answer.refused_rows, "rows were refused by Kafka for good → points notices outbox list"),
        (answer.outbox_rows, "rows wait in the outbox"),
    ):
        if count:
            console.print(f"[yellow]{count:,}[/] [dim]{what}[/]")
    print_cursors(answer.cursors)
    if answer.ignored:
        counts = ", ".join(f"{reason} {count:,}" for reason, count in answer.ignored.items())
        console.print(f"[dim]ignored: {safe(counts)}[/]")


def _channels(rows: "Sequence[OpenNotices]", now: int) -> "Table":
    from rich.table import Table

    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("")
    for name in ("waiting", "due now", "longest", "in hand", "unknown"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        longest = _since(row.oldest_due, now) if row.oldest_due is not None else ""
        unknown = f"[yellow]{row.unknown:,}[/]" if row.unknown else "0"
        in_hand = f"{row.claimed + row.sending:,}"
        table.add_row(row.channel, f"{row.waiting:,}", f"{row.due:,}", longest, in_hand, unknown)
    return table


def _since(at: int, now: int) -> str:
    from schemas.ids import SECOND

    return f"{max(0, now - at) / SECOND:,.0f} s"


def _provider(state: "ProviderState", now: int) -> str | None:
    from schemas.ids import iso

    name = f"[bold]{safe(state.provider)}[/]"
    if state.paused_at is not None:
        by = safe(state.paused_by or "?")
        return f"{name} [red]paused[/] by {by} since {iso(state.paused_at)[:19]}Z"
    if state.is_stopped(now) and state.open_until is not None:
        why = safe(state.why or "no reason is known")
        return f"{name} [red]asked no more[/] until {iso(state.open_until)[:19]}Z: {why}"
    return None
