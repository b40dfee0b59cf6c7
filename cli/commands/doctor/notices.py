"""Whether the notices lane works: its workers, providers, what waits and what is unknown."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cli.commands.doctor import documents, progress
from cli.commands.doctor.finding import Finding
from cli.support.console import counted
from cli.support.errors import Exit, Failure
from cli.support.wiring import connect_notices, notices_configuration
from schemas import remedies

if TYPE_CHECKING:
    from cli.support.broker import Broker
    from schemas.answers.notices import (
        NoticesStatusAnswer,
        OpenNotices,
        ProviderState,
        RefusedShop,
    )
    from store.postgres.session import Database

_SENDER_IN = {"email": "from", "sms": "sender"}
LATE_SECONDS = 900.0
"""Beyond its `not_before`; a full rate may take some minutes after quiet hours."""
MOST_NAMED = 3
"""Of shops in a line; each has a line of its own as well."""


def notices(broker: "Broker | None") -> Iterator[Finding]:
    """All of the lane, asked as its own role; nothing where this login may not take it."""
    from processors.registry import ENGINE, WORKERS
    from processors.runtime.configuration import ConfigurationRefused
    from store.postgres import worker_beats
    from store.streams import adoption

    try:
        configured = notices_configuration()
    except ConfigurationRefused:
        return  # its variables are told where the others are
    try:
        connection = connect_notices(configured, name="points-doctor")
    except Failure as failure:
        if failure.exit_code == Exit.REFUSED and not configured.notices.enabled:
            return
        raise
    with connection:
        used = worker_beats.known(connection) or adoption.known(connection)
        if not configured.notices.enabled and not used:
            yield Finding("ok", "notices: off, as POINTS_NOTICES__ENABLED says")
            return
        yield from progress.workers(connection, [kind for kind in WORKERS if kind not in ENGINE])
        yield from documents.notice_settings(connection, configured)
        yield from _state(connection, broker)
        if broker is not None:
            yield from progress.lag(connection, broker, of="notices: ")


def _state(connection: "Database", broker: "Broker | None") -> Iterator[Finding]:
    from cli.commands.notices.status import read

    answer = read(connection, broker)
    if answer.paused is not None:
        yield Finding(
            "wrong",
            f"notices: paused: {answer.paused.reason}",
            remedies.resume("notices"),
        )
    stopped = [found for p in answer.providers if (found := _provider(p, answer.now)) is not None]
    yield from stopped
    if not stopped:
        yield Finding("ok", "notices: no provider is paused or left alone")
    yield from (_refused(shop) for shop in answer.refused_merchants)
    yield from (
        _waiting(row, answer.now, _left_alone(answer, row.channel)) for row in answer.notices
    )
    yield from _left(answer)


def _provider(state: "ProviderState", now: int) -> Finding | None:
    from schemas.ids import iso

    if state.paused_at is not None:
        return Finding(
            "warning",
            f"notices: provider {state.provider} is paused since {iso(state.paused_at)[:19]}Z",
            f"`points notices resume {state.provider}` goes on",
        )
    if state.is_stopped(now) and state.open_until is not None:
        return Finding(
            "wrong",
            f"notices: provider {state.provider} is left alone until "
            f"{iso(state.open_until)[:19]}Z: {state.why}",
            "see whether it works and lets us in; what waits goes when it does",
            Exit.UNREACHABLE,
        )
    return None


def _refused(shop: "RefusedShop") -> Finding:
    is_gateway = shop.provider == "webhook"
    what = "own gateway" if is_gateway else "sender"
    where = "sms.webhook_url" if is_gateway else f"{shop.channel}.{_SENDER_IN[shop.channel]}"
    return Finding(
        "warning",
        f"notices: {shop.provider or shop.channel} refuses the {what} of merchant "
        f"{shop.merchant_id}: its notices wait",
        f"mend {where} with `points notices settings apply`, or let the provider take it",
    )


def _left_alone(answer: "NoticesStatusAnswer", channel: str) -> str:
    """What is to be said of notices that could go but for their shops, if there are such."""
    shops = sorted({s.merchant_id for s in answer.refused_merchants if s.channel == channel})
    if not shops:
        return ""
    more = f" and {len(shops) - MOST_NAMED:,} more" if len(shops) > MOST_NAMED else ""
    return f"; those of {', '.join(shops[:MOST_NAMED])}{more} are left alone, as said above"


def _waiting(row: "OpenNotices", now: int, left_alone: str) -> Finding:
    from schemas.ids import SECOND, iso

    if row.oldest_due is not None and now - row.oldest_due > LATE_SECONDS * SECOND:
        return Finding(
            "wrong",
            f"notices by {row.channel}: {row.due:,} could go, the oldest since "
            f"{iso(row.oldest_due)[:19]}Z{left_alone}",
            "see whether a worker notices-send runs and is ready, and its provider works",
        )
    return Finding("ok", f"notices by {row.channel}: {row.waiting:,} wait, {row.due:,} could go")


def _left(answer: "NoticesStatusAnswer") -> Iterator[Finding]:
    """What nobody but an operator settles."""
    unknown = sum(row.unknown for row in answer.notices)
    if unknown:
        yield Finding(
            "warning",
            f"notices: of {unknown:,} nobody knows whether they arrived",
            "`points notices unknown list`, then `points notices unknown resolve`",
        )
    if answer.open_dead_letters:
        yield Finding(
            "warning",
            f"notices: {answer.open_dead_letters:,} dead letters are open",
            remedies.open_letters("notices"),
        )
    if answer.refused_rows:
        yield Finding(
            "wrong",
            f"notices: {counted(answer.refused_rows, 'row')} of the lane's outbox refused by Kafka",
            "`points notices outbox list`, mend the topic, then `points notices outbox retry`",
            Exit.CURSOR,
        )
    if answer.parked_events:
        yield Finding(
            "warning",
            f"notices: {answer.parked_events:,} changes of "
            f"{counted(answer.parked_merchants, 'merchant')} wait for settings",
            "see whether the settings topic is read: `points notices cursor show`",
        )
