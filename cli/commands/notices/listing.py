"""`points notices list | show`: notices and what became of each."""

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from cli.support.arguments import Merchant, one_of, typed_text
from cli.support.console import JsonOption, emit, out, print_table, safe
from cli.support.wiring import connect_notices, notices_configuration
from schemas.notices.words import State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.answers.notices import NoticeAnswer

MOST = 10_000
Limit = Annotated[int, typer.Option("--limit", help="How many at most.", min=1, max=MOST)]
_ENDS = {"sent": "green", "failed": "red", "unknown": "yellow", "expired": "red"}


def list_command(
    merchant: Merchant,
    member: Annotated[
        str | None, typer.Argument(help="Only this member's.", callback=typed_text)
    ] = None,
    state: Annotated[
        State | None,
        typer.Option("--state", metavar="STATE", help=f"Only those in it: {one_of(State)}."),
    ] = None,
    limit: Limit = 100,
    json_: JsonOption = False,
) -> None:
    """List a merchant's notices, or one member's, those about the newest events first."""
    from store.notices import reads

    with connect_notices(notices_configuration()) as connection:
        found = reads.listed(connection, merchant, member, state, limit)
    if json_:
        emit(found)
    else:
        print_notices(found, "no notices")


def show_command(
    notice: Annotated[UUID, typer.Argument(help="The notice's id.")], json_: JsonOption = False
) -> None:
    """Show a notice: what it says, what became of it and when."""
    from store.notices import reads

    with connect_notices(notices_configuration()) as connection:
        answer = reads.shown(connection, notice)
    if json_:
        emit(answer)
    else:
        _print(answer)


def print_notices(rows: "Sequence[NoticeAnswer]", none: str) -> None:
    """A table of notices; `none` is said where there is none."""
    from rich.table import Table

    from schemas.ids import iso

    if not rows:
        out().print(none)
        return
    table = Table(box=None, header_style="dim", padding=(0, 1, 0, 0))
    # Three lines each, so that 80 columns leave the ids whole: other commands are given them.
    for name in ("notice, merchant, member", "about"):
        table.add_column(name, no_wrap=True)
    table.add_column("state")
    table.add_column("points", justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            f"{row.notice_id}\n{safe(row.merchant_id)}\n{safe(row.member_id)}",
            f"{iso(row.recorded_at)[:16]}Z\n{safe(row.kind)} {row.channel}",
            state_shown(row.state, row.reason),
            f"{row.points:,}",
        )
    print_table(table)


def state_shown(state: str, reason: str | None) -> str:
    """A state with its reason, in a colour where an operator may have to look."""
    text = safe(f"{state}: {reason}" if reason is not None else state)
    colour = _ENDS.get(state)
    return f"[{colour}]{text}[/]" if colour else text


def _print(answer: "NoticeAnswer") -> None:
    said = {k: v for k, v in answer.model_dump(mode="json").items() if v is not None}
    widest = max(map(len, said))
    for name, value in said.items():
        shown = f"{value:,}" if name in {"points", "balance"} else safe(str(value))
        out().print(f"[dim]{name:<{widest}}[/]  {shown}", soft_wrap=True)
