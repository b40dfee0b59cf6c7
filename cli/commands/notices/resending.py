"""`points notices resend`, and what is common to commands that settle notices by hand."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from cli.support.console import JsonOption, emit, out
from cli.support.wiring import connect_notices, notices_configuration

if TYPE_CHECKING:
    from store.postgres.session import Cursor

Notices = Annotated[list[UUID], typer.Argument(metavar="NOTICE", help="Ids of notices.")]


def resend_command(notices: Notices, json_: JsonOption = False) -> None:
    """Send unknown, failed or expired notices once more.

    An unknown one may have arrived: its member may then get it twice.
    What happened more than a week ago is told to nobody any more.
    Nor is what was wholly taken back since.
    """
    from schemas.ids import SECOND
    from schemas.notices.words import Channel
    from store.notices.sending import breakers, resending
    from store.notices.sending.queue import RESENT_WITHIN, least_id
    from store.postgres.session import transaction

    configured = notices_configuration()
    hour = 3600 * SECOND
    within = {
        Channel.sms.value: configured.notices.sms_hours * hour,
        Channel.email.value: configured.notices.email_hours * hour,
    }
    with connect_notices(configured) as connection, transaction(connection) as cursor:
        check_known(cursor, notices)
        least = least_id(breakers.clock(cursor), RESENT_WITHIN)
        done = resending.resend(cursor, notices, within, least)
    print_settled(notices, done, "waits to be sent again", json_=json_)


def check_known(cursor: "Cursor", notices: Collection[UUID]) -> None:
    """Raises UnknownNotice for the first of them that there is not."""
    from store.notices.members import addressees
    from store.notices.reads import UnknownNotice

    there = addressees.addressees(cursor, notices)
    for each in notices:
        if each not in there:
            raise UnknownNotice(each)


def print_settled(asked: Sequence[UUID], done: Collection[UUID], what: str, *, json_: bool) -> None:
    """Says what was done with each of the notices that were asked for."""
    from schemas.answers.notices_acting import SettledNotices

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
