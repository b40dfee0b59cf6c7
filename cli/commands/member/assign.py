"""`points member assign`: points given to a member, or taken (account.md 7)."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.support.arguments import Member, Merchant, Staff, this_user, typed_text
from cli.support.console import JsonOption, emit, out, safe
from cli.support.errors import Exit, Failure
from cli.support.wiring import connect, database_configuration

if TYPE_CHECKING:
    from schemas.answers.bulk import AssignAnswer


def assign_command(  # noqa: PLR0913, PLR0917 - what is typed
    merchant: Merchant,
    member: Member,
    points: Annotated[
        str, typer.Argument(help="How many; below 0 they are taken.", callback=typed_text)
    ],
    reason: Annotated[
        str, typer.Option("--reason", help="Why: 1 to 50 characters.", callback=typed_text)
    ],
    by: Staff = None,
    email: Annotated[bool, typer.Option("--email", help="Notify the member by e-mail.")] = False,
    sms: Annotated[bool, typer.Option("--sms", help="Notify the member by SMS.")] = False,
    command_id: Annotated[
        str | None,
        typer.Option(
            "--command-id",
            help="Makes it safe to repeat; by default a new one.",
            callback=typed_text,
        ),
    ] = None,
    json_: JsonOption = False,
) -> None:
    """Give points to a member, or take some, as the command `assign` does."""
    from secrets import token_hex

    from processors.bulk.assigning import assign_now
    from processors.bulk.shops import shop_of
    from schemas.answers.bulk import AssignAnswer
    from schemas.whole_numbers import as_typed

    with connect(database_configuration(), tuned=True) as connection:
        wanted: dict[str, Any] = {
            "command_id": f"cli-{token_hex(12)}" if command_id is None else command_id,
            "member_id": member,
            "points": as_typed(points),
            "reason": reason,
            "performer": {"kind": "staff", "id": this_user() if by is None else by},
            "notify": {"email": email, "sms": sms},
        }
        result = assign_now(shop_of(connection, merchant), wanted)
    _report(AssignAnswer.model_validate(result), json_=json_)


def _report(answer: "AssignAnswer", *, json_: bool) -> None:
    refused = answer.outcome == "refused"
    if json_:
        emit(answer)
    elif not refused:
        _print(answer)
    if refused and json_:
        raise typer.Exit(Exit.REFUSED)
    if refused:
        raise Failure(Exit.REFUSED, answer.message or "", where=answer.member_id, code=answer.code)


def _print(answer: "AssignAnswer") -> None:
    balance = answer.balance
    again = " [dim](applied before)[/]" if answer.repeated else ""
    out().print(
        f"[bold]{safe(answer.member_id)}[/] at {safe(answer.merchant_id)}: "
        f"[bold green]{balance.available:,}[/] available, {balance.held:,} held, "
        f"{balance.debt:,} debt{again}"
    )
    out().print(f"[dim]command {safe(answer.command_id)}[/]")
