"""`points carriers unknown`: codes that came and are in no table."""

from typing import TYPE_CHECKING

from cli.commands.carriers.codes import shown, table_of
from cli.support.console import JsonOption, emit, out, print_table, safe
from cli.support.wiring import connect, database_configuration

if TYPE_CHECKING:
    from schemas.answers.carriers import CodeMeaning, UnknownCodeAnswer
    from store.carriers.codes import UnknownCode


def unknown_command(json_: JsonOption = False) -> None:
    """Show codes that are in no table: how often they came, with which text, first and last."""
    from store.carriers import codes

    with connect(database_configuration()) as connection:
        answers = [_answer(code) for code in codes.unknown(connection)]
    if json_:
        emit(answers)
    else:
        _print(answers)


def _answer(code: "UnknownCode") -> "UnknownCodeAnswer":
    from schemas.answers.carriers import UnknownCodeAnswer

    return UnknownCodeAnswer(**code._asdict(), shipped=_shipped_since(code))


def _shipped_since(code: "UnknownCode") -> "CodeMeaning | None":
    """Its meaning in a table that was shipped after it came; its reports wait for `set`."""
    from schemas.answers.carriers import CodeMeaning
    from schemas.carriers import CodeTable
    from schemas.carriers.meaning import Meaning

    meaning, _ = CodeTable().look_up(code.carrier, code.service, code.code, None)
    return CodeMeaning.of(meaning) if meaning is not Meaning.UNKNOWN else None


def _print(answers: "list[UnknownCodeAnswer]") -> None:
    from schemas.ids import iso

    if not answers:
        out().print("No unknown codes: every code received is in a table")
        return
    table = table_of("service", "code", "text", "reports", "first", "last")
    table.columns[3].justify = "right"
    for answer in answers:
        text = answer.text if answer.text != answer.code else ""
        if answer.shipped is not None:
            word = shown(answer.shipped)
            text += f" (now in the shipped table: {word}; set it to look at these again)"
        table.add_row(
            safe(f"{answer.carrier} {answer.service}"),
            safe(answer.code),
            safe(text),
            f"{answer.reports:,}",
            f"{iso(answer.first_at)[:16]}Z",
            f"{iso(answer.last_at)[:16]}Z",
        )
    print_table(table)
    how = "points carriers set CARRIER SERVICE CODE WORD --note WHY"
    out().print(f"[dim]reports with these codes change nothing yet → {how}[/]")
