"""`points notices resend`, and what is common to commands that settle notices by hand."""

from collections.abc import Collection, Sequence
from typing import Annotated
from uuid import UUID

import typer

from cli.support.console import JsonOption, emit, out
from cli.support.wiring import connect_notices, notices_configuration

RESENT_WITHIN_DAYS = 7
"""What happened longer ago is told to nobody any more."""
Notices = Annotated[list[UUID], typer.Argument(metavar="NOTICE...", help="Ids of notices.")]


def resend_command(notices: Notices, json_: JsonOption = False) -> None:
    """Send unknown, failed or expired notices once more; a member may get one twice."""
    from schemas.ids import DAY, SECOND
    from schemas.notices.ids import first_id
    from store.notices import breakers, settling
    from store.postgres.session import transaction

    configured = notices_configuration()
    hour = 3600 * SECOND
    within = {
        "sms": configured.notices.sms_hours * hour,
        "email": configured.notices.email_hours * hour,
    }
    with connect_notices(configured) as connection, transaction(connection) as cursor:
        least = first_id(breakers.clock(cursor) - RESENT_WITHIN_DAYS * DAY)
        done = settling.resend(cursor, notices, within, least)
    print_settled(notices, done, "waits to be sent again", json_=json_)


def print_settled(asked: Sequence[UUID], done: Collection[UUID], what: str, *, json_: bool) -> None:
    """Says what was done with each of the notices that were asked for."""
    from schemas.answers.notices import SettledNotices

    answer = SettledNotices(
        notices=tuple(sorted(done)), unchanged=tuple(sorted(set(asked).difference(done)))
    )
    if json_:
        emit(answer)
        return
    for each in answer.notices:
        out().print(f"{each} {what}")
    for each in answer.unchanged:
        out().print(f"[yellow]{each} is left as it is[/] [dim]→ points notices show {each}[/]")
