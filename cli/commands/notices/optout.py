"""`points notices optout add | remove | list`: what members do not want to hear."""

from typing import Annotated

import typer

from cli.support.arguments import Member, Merchant, NewMember, one_of
from cli.support.console import JsonOption, emit, out, print_table, safe
from cli.support.wiring import connect_notices, notices_configuration
from schemas.notices.words import ALL_KINDS, Channel, Kind

app = typer.Typer(no_args_is_help=True, help="What members do not want to hear, and on what.")
On = Annotated[Channel, typer.Option("--channel", help="On which channel.")]
Of = Annotated[
    Kind | None,
    typer.Option("--kind", metavar="KIND", help=f"Of which kind, all without it: {one_of(Kind)}."),
]


@app.command("add")
def add_command(
    merchant: Merchant, member: NewMember, channel: On, kind: Of = None, json_: JsonOption = False
) -> None:
    """Keep a member's wish not to hear; it counts also for what waits already."""
    _change(merchant, member, channel, kind, opted_out=True, json_=json_)


@app.command("remove")
def remove_command(
    merchant: Merchant, member: Member, channel: On, kind: Of = None, json_: JsonOption = False
) -> None:
    """Forget a wish of a member who asks for it; a wish of all kinds is one of its own."""
    _change(merchant, member, channel, kind, opted_out=False, json_=json_)


@app.command("list")
def list_command(merchant: Merchant, member: Member, json_: JsonOption = False) -> None:
    """List a member's wishes, with where each came from and since when."""
    from rich.table import Table

    from schemas.answers.notices_acting import OptOutAnswer
    from schemas.ids import iso
    from store.notices import reads
    from store.notices.members import optouts
    from store.postgres.session import raw

    with connect_notices(notices_configuration()) as connection:
        cursor = raw(connection)
        rows = optouts.of_member(cursor, reads.shop_number(cursor, merchant), member)
    answers = [
        OptOutAnswer(channel=row.channel, kind=row.kind, source=row.source, since=row.since)
        for row in rows
    ]
    if json_:
        emit(answers)
        return
    if not answers:
        out().print("none: the member hears of all that the shop tells")
        return
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    for each in answers:
        since = f"{iso(each.since)[:16]}Z"
        source = f"by {safe(each.source)} since {since}"
        table.add_row(each.channel, _kind_shown(each.kind), source)
    print_table(table)


def _change(
    merchant: str, member: str, channel: Channel, kind: Kind | None, *, opted_out: bool, json_: bool
) -> None:
    from schemas.answers.notices_acting import OptOutResult
    from store.notices import reads
    from store.notices.members import optouts
    from store.notices.sending import breakers
    from store.postgres.session import transaction

    of = kind.value if kind is not None else ALL_KINDS
    with connect_notices(notices_configuration()) as connection, transaction(connection) as cursor:
        number = reads.shop_number(cursor, merchant)
        if opted_out:
            now = breakers.clock(cursor)
            wish = optouts.OptOut(number, member, channel.value, of, "staff", now)
            changed = bool(optouts.add(cursor, [wish]))
        else:
            changed = optouts.remove(cursor, number, member, channel.value, of)
    if json_:
        emit(
            OptOutResult(
                merchant_id=merchant,
                member_id=member,
                channel=channel.value,
                kind=of,
                opted_out=opted_out,
                changed=changed,
            )
        )
        return
    what = "is kept" if opted_out else "is forgotten"
    was = "was kept before" if opted_out else "was not there"
    which = f"the wish not to hear by {channel.value} of {_kind_shown(of)}"
    out().print(f"{which} {what if changed else was}")


def _kind_shown(kind: str) -> str:
    return "anything" if kind == ALL_KINDS else safe(kind)
