"""`points carriers set | reset`: what a code means from now on, over the shipped table."""

from typing import TYPE_CHECKING, Annotated

import typer

from cli.commands.carriers.codes import (
    Carrier,
    CodeArgument,
    Service,
    code_of,
    in_words,
    meaning_of,
    no_service,
    shipped_meaning,
)
from cli.support.arguments import By, this_user, typed_text
from cli.support.console import JsonOption, emit, out, safe
from cli.support.errors import Exit, Failure
from cli.support.wiring import connect, database_configuration

if TYPE_CHECKING:
    from schemas.carriers.meaning import Meaning
    from store.carriers.codes import Changed, Code

Note = Annotated[str, typer.Option("--note", help="Why; it stays in the log.", callback=typed_text)]
Word = Annotated[
    str,
    typer.Argument(
        metavar="WORD",
        help="What it means: in-transit, at-the-pick-up-point, delivered, collected, returning, "
        "returned, lost or reversed.",
    ),
]
Effect = Annotated[
    str | None,
    typer.Option(
        "--effect",
        help="Of reversed: returning (the parcel goes back as well), or return (it takes back a "
        "return).",
    ),
]

LONGEST_NOTE = 500


def set_command(
    carrier: Carrier,
    service: Service,
    code: CodeArgument,
    word: Word,
    note: Note,
    effect: Effect = None,
    by: By = None,
    json_: JsonOption = False,
) -> None:
    """Set what a code means from now on, over the shipped table.

    Reports that carried it while it was unknown are looked at again.
    Reports with a code that was known keep what it meant when they came.
    Those that come from now on have the new meaning.
    """
    from schemas.carriers import is_known_service
    from store.carriers import codes

    meaning, key = meaning_of(word, effect), code_of(carrier, service, code)
    with connect(database_configuration()) as connection:
        if not (is_known_service(carrier, service) or codes.has_come(connection, carrier, service)):
            raise no_service(carrier, service)
        own = codes.own(connection).get(key)
        before = own.meaning if own is not None else None
        changed = codes.set_code(connection, key, meaning, _note(note), by or this_user())
    if before is None:
        before = shipped_meaning(key)
    _report(key, meaning, before, changed, json_=json_)


def reset_command(
    carrier: Carrier,
    service: Service,
    code: CodeArgument,
    note: Note,
    by: By = None,
    json_: JsonOption = False,
) -> None:
    """Let the shipped table apply to a code again, for reports that come from now on."""
    from store.carriers import codes

    key = code_of(carrier, service, code)
    with connect(database_configuration()) as connection:
        own = codes.own(connection).get(key)
        if own is None or own.meaning is None:
            raise Failure(
                Exit.NOT_FOUND,
                f"nothing was set for {' '.join(key)}",
                "`points carriers log` shows what was set",
                code="not_set",
            )
        changed = codes.set_code(connection, key, None, _note(note), by or this_user())
    _report(key, shipped_meaning(key), own.meaning, changed, json_=json_)


def _note(text: str) -> str:
    if not text.strip():
        raise Failure(Exit.USAGE, "--note must say why")
    if len(text) > LONGEST_NOTE:
        raise Failure(Exit.USAGE, f"--note may have {LONGEST_NOTE} characters")
    return text.strip()


def _report(
    key: "Code", meaning: "Meaning", before: "Meaning", changed: "Changed", *, json_: bool
) -> None:
    from schemas.answers.carriers import CodeChangeResult, CodeMeaning

    if not json_:
        _print(key, meaning, before, changed)
        return
    carrier, service, code = key
    emit(
        CodeChangeResult(
            carrier=carrier,
            service=service,
            code=code,
            **dict(CodeMeaning.of(meaning)),
            before=CodeMeaning.of(before),
            version=changed.version,
            changed=changed.changed,
            rechecked=changed.rechecked,
        )
    )


def _print(key: "Code", meaning: "Meaning", before: "Meaning", changed: "Changed") -> None:
    is_now = f"{safe(' '.join(key))} is {in_words(meaning)}"
    if not changed.changed:
        out().print(f"nothing changed: {is_now} since version {changed.version}")
        return
    was = f"[dim](was {in_words(before)})[/]"
    out().print(f"[bold]version {changed.version}[/]: {is_now} {was}")
    if changed.rechecked:
        many = f"{changed.rechecked:,} orders and tracking numbers"
        if changed.rechecked == 1:
            many = "1 order or tracking number"
        will = "will be looked at again by the recheck worker"
        out().print(f"{many} that had it while it was unknown {will}")
