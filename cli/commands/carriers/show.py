"""`points carriers show`: what a carrier's codes mean now."""

from typing import TYPE_CHECKING, Annotated

import typer

from cli.commands.carriers.codes import Carrier, no_service, shown, table_of, with_effect
from cli.support.console import JsonOption, emit, out, print_table, safe
from cli.support.wiring import connect, database_configuration

if TYPE_CHECKING:
    from schemas.answers.carriers import CarrierCodeAnswer
    from schemas.carriers import CarrierCode
    from store.carriers.codes import Code, LoggedCode


def show_command(
    carrier: Carrier,
    service: Annotated[str | None, typer.Argument(help="Only this service.")] = None,
    json_: JsonOption = False,
) -> None:
    """Show what a carrier's codes mean; those that were set over the shipped ones are marked."""
    from schemas.carriers import shipped_codes
    from store.carriers import codes

    def is_wanted(key: "Code") -> bool:
        return key[0] == carrier and service in (None, key[1])

    with connect(database_configuration()) as connection:
        own = {key: change for key, change in codes.own(connection).items() if is_wanted(key)}
    shipped = {key: row for key, row in shipped_codes().items() if is_wanted(key)}
    if not shipped and not own:
        raise no_service(carrier, service)
    answers = [_answer(key, shipped.get(key), own.get(key)) for key in sorted({*shipped, *own})]
    if json_:
        emit(answers)
    else:
        _print(answers)


def _answer(
    key: "Code", shipped: "CarrierCode | None", own: "LoggedCode | None"
) -> "CarrierCodeAnswer":
    """A code with what it means now; `own` is what was set over the shipped table, if anything."""
    from schemas.answers.carriers import CarrierCodeAnswer, CodeMeaning
    from schemas.carriers.meaning import Meaning

    by_table = CodeMeaning.of(shipped.meaning) if shipped is not None else None
    # One of the two is there: `own` holds no code that was reset.
    now = by_table or CodeMeaning.of(Meaning.UNKNOWN)
    if own is not None and own.meaning is not None:
        now = CodeMeaning.of(own.meaning)
    note = shipped.note if shipped is not None else ""
    carrier, service, code = key
    return CarrierCodeAnswer(
        carrier=carrier,
        service=service,
        code=code,
        text=shipped.text if shipped is not None else "",
        word=now.word,
        effect=now.effect,
        shipped=by_table,
        set_by=own.applied_by if own is not None else None,
        version=own.version if own is not None else None,
        note=own.note if own is not None else note,
    )


def _print(answers: "list[CarrierCodeAnswer]") -> None:
    table, service = table_of("", "code", "text", "meaning", "note"), ""
    for answer in answers:
        if answer.service != service:
            service = answer.service
            table.add_row(f"[bold]{safe(service)}[/]")
        text = answer.text if answer.text != answer.code else ""
        word, note, mark = with_effect(answer.word, answer.effect), safe(answer.note), ""
        if answer.version is not None:
            was = f"shipped: {shown(answer.shipped)}" if answer.shipped else "in no shipped table"
            word, mark = f"[yellow]{word}[/]", "[yellow]*[/]"
            by = safe(answer.set_by or "")
            note = f"set by {by}, version {answer.version} ({was}). {note}"
        table.add_row(mark, safe(answer.code), safe(text), word, f"[dim]{note}[/]")
    print_table(table)
    if any(answer.version is not None for answer in answers):
        out().print("[yellow]*[/] [dim]set here, over the shipped table[/]")
