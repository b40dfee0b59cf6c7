"""`points member assign`: points given to a member, or taken (account.md 7)."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.commands.settings import this_user
from cli.support.arguments import Member, Merchant, Staff, typed_text
from cli.support.console import JsonOption, emit, out, safe
from cli.support.errors import Exit, Failure
from cli.support.wiring import connect, database_configuration

if TYPE_CHECKING:
    from schemas.answers.bulk import AssignAnswer


_MOST_DIGITS = 18


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

    with connect(database_configuration(), tuned=True) as connection:
        wanted: dict[str, Any] = {
            "command_id": command_id or f"cli-{token_hex(12)}",
            "member_id": member,
            "points": _number(points),
            "reason": reason,
            "performer": {"kind": "staff", "id": by or this_user()},
            "notify": {"email": email, "sms": sms},
        }
        result = assign_now(shop_of(connection, merchant), wanted)
    _report(AssignAnswer.model_validate(result), json_=json_)


def _number(text: str) -> int | str:
    """What was typed: `10.5` is no number of points, and is refused as such."""
    digits = text.removeprefix("-")
    if not digits.isascii() or not digits.isdigit():
        return text
    # Beyond the limits is beyond them, however far; JSON has 64 bits.
    number = int(digits[:_MOST_DIGITS])
    return -number if text.startswith("-") else number


def _report(answer: "AssignAnswer", *, json_: bool) -> None:
    refused = answer.outcome == "refused"
    if json_:
        emit(answer)
    elif not refused:
        _print(answer)
    if refused and json_:
        raise typer.Exit(Exit.REFUSED)
    if refused:
        failure = Failure(Exit.REFUSED, answer.message or "", where=answer.member_id)
        failure.code = answer.code
        raise failure


def _print(answer: "AssignAnswer") -> None:
    balance = answer.balance
    again = " [dim](applied before)[/]" if answer.repeated else ""
    out().print(
        f"[bold]{safe(answer.member_id)}[/] at {safe(answer.merchant_id)}: "
        f"[bold green]{balance.available:,}[/] available, {balance.held:,} held, "
        f"{balance.debt:,} debt{again}"
    )
    out().print(f"[dim]command {safe(answer.command_id)}[/]")
