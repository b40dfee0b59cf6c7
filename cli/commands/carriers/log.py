"""`points carriers log`: who changed the meaning of codes."""

from typing import TYPE_CHECKING

from cli.commands.carriers.codes import in_words, shipped_meaning
from cli.support.console import JsonOption, emit, out, safe
from cli.support.wiring import connect, database_configuration

if TYPE_CHECKING:
    from schemas.answers.carriers import CarrierCodeChange
    from store.carriers.codes import LoggedCode


def log_command(json_: JsonOption = False) -> None:
    """Show who changed the meaning of codes, when, why, and what it was before."""
    from store.carriers import codes

    with connect(database_configuration()) as connection:
        logged = codes.log(connection)
    if json_:
        emit([_answer(change) for change in logged])
    else:
        _print(logged)


def _answer(change: "LoggedCode") -> "CarrierCodeChange":
    from schemas.answers.carriers import CarrierCodeChange, CodeMeaning

    carrier, service, code = change.code
    meaning = CodeMeaning.of(change.meaning) if change.meaning is not None else None
    return CarrierCodeChange(
        version=change.version,
        carrier=carrier,
        service=service,
        code=code,
        word=meaning.word if meaning is not None else None,
        effect=meaning.effect if meaning is not None else None,
        before=CodeMeaning.of(change.before) if change.before is not None else None,
        note=change.note,
        applied_at=change.applied_at,
        applied_by=change.applied_by,
    )


def _print(logged: "list[LoggedCode]") -> None:
    from schemas.ids import iso

    if not logged:
        out().print("nothing was changed: the shipped tables apply")
    for change in logged:
        was = f"shipped: {in_words(shipped_meaning(change.code))}"
        if change.before is not None:
            was = in_words(change.before)
        now = (
            in_words(change.meaning) if change.meaning is not None else "back to the shipped table"
        )
        who = f"{iso(change.applied_at)}  by {safe(change.applied_by)}"
        code, note = safe(" ".join(change.code)), safe(change.note)
        out().print(
            f"[bold]version {change.version}[/]  {who}\n"
            f"  {code}  [red]{was}[/] → [green]{now}[/]  [dim]{note}[/]"
        )
