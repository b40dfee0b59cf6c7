"""`points carriers unknown | set | reset | log | show | parked`: what carriers' codes mean, and reports without an order."""

import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.commands.parked import parked_command
from cli.support.console import JsonOption, emit, out
from cli.support.errors import Exit, Failure
from cli.support.wiring import configuration, connect

if TYPE_CHECKING:
    from rich.table import Table

    from schemas.carriers import CarrierCode
    from schemas.carriers.meaning import Meaning
    from store.carriers.codes import Changed, Code, LoggedCode, UnknownCode

app = typer.Typer(
    no_args_is_help=True,
    help="What carriers' codes mean (SPEC 6), and their reports without an order.",
)
app.command("parked")(parked_command)

Carrier = Annotated[str, typer.Argument(help="The carrier, lower case: ecpay.")]
Service = Annotated[str, typer.Argument(help="The carrier's service: unimart.")]
CodeArgument = Annotated[
    str, typer.Argument(metavar="CODE", help="The code; the text where reports carry no code.")
]
Note = Annotated[str, typer.Option("--note", help="Why; it stays in the log.")]
By = Annotated[
    str | None, typer.Option("--by", help="Who changes it; by default the user of this machine.")
]

LONGEST_NOTE = 500


@app.command("unknown")
def unknown_command(json_: JsonOption = False) -> None:
    """Show the codes that came and stand in no table: how often, with which text, first and last."""
    from store.carriers import codes

    with connect(configuration()) as connection:
        rows = codes.unknown(connection)
    if json_:
        emit([unknown_json(row) for row in rows])
    else:
        _print_unknown(rows)


def unknown_json(row: "UnknownCode") -> dict[str, Any]:
    """A code that nobody knows, for programs.

    `shipped` is its word in a table that was shipped after it came.
    """
    from schemas.ids import iso

    by_now = _shipped_by_now(row)
    told = row._asdict() | {"first_at": iso(row.first_at), "last_at": iso(row.last_at)}
    return told | {"shipped": meaning_json(by_now) if by_now is not None else None}


def _shipped_by_now(row: "UnknownCode") -> "Meaning | None":
    """What the shipped table says of a code that came while it was not in it.

    Reports of then wait for `set`.
    """
    from schemas.carriers import CodeTable
    from schemas.carriers.meaning import Meaning

    meaning, _ = CodeTable().look_up(row.carrier, row.service, row.code, None)
    return meaning if meaning is not Meaning.UNKNOWN else None


def _print_unknown(rows: "list[UnknownCode]") -> None:
    from rich.markup import escape

    from schemas.ids import iso

    if not rows:
        out().print("no unknown codes: every code that came stands in a table")
        return
    table = _table("service", "code", "text", "reports", "first", "last")
    table.columns[3].justify = "right"
    for row in rows:
        first, last = (f"{iso(at)[:16]}Z" for at in (row.first_at, row.last_at))
        text, by_now = row.text if row.text != row.code else "", _shipped_by_now(row)
        if by_now is not None:
            text += f" (the shipped table has it by now: {shown_meaning(by_now)}; set it to look at these again)"
        table.add_row(
            f"{row.carrier} {row.service}",
            escape(row.code),
            escape(text),
            f"{row.reports:,}",
            first,
            last,
        )
    out().print(table)
    out().print(
        "[dim]their orders stay where they are → points carriers set CARRIER SERVICE CODE WORD --note WHY[/]"
    )


@app.command("set")
def set_command(
    carrier: Carrier,
    service: Service,
    code: CodeArgument,
    word: Annotated[str, typer.Argument(metavar="WORD", help="What it means: in-transit, at-the-pick-up-point, delivered, "
        "collected, returning, returned, lost or reversed.")],
    note: Note,
    effect: Annotated[str | None, typer.Option("--effect", help="Of reversed: returning (the parcel goes back as well), "
        "or return (it takes back a return).")] = None,
    by: By = None,
    json_: JsonOption = False,
) -> None:  # fmt: skip
    """Say what a code means from now on, over the shipped table.

    Reports that carried it while nobody knew it are looked at again. Reports with a code that was
    known keep what it meant when they came; those that come from now on have the new meaning.
    """
    from schemas.carriers.meaning import Meaning
    from store.carriers import codes

    meaning, key = meaning_of(word, effect), code_of(carrier, service, code)
    with connect(configuration()) as connection:
        if not (_is_known(carrier, service) or codes.has_come(connection, carrier, service)):
            raise _no_service(carrier, service)
        own = codes.own(connection).get(key)
        before = (
            own.meaning if own is not None and own.meaning is not None else shipped_meaning(key)
        )
        done = codes.set_code(connection, key, meaning, _note(note), by or _user())
    _tell(key, meaning, before or Meaning.UNKNOWN, done, json_=json_)


@app.command("reset")
def reset_command(
    carrier: Carrier,
    service: Service,
    code: CodeArgument,
    note: Note,
    by: By = None,
    json_: JsonOption = False,
) -> None:
    """Let the shipped table speak for a code again; for reports that come from now on."""
    from store.carriers import codes

    key = code_of(carrier, service, code)
    with connect(configuration()) as connection:
        own = codes.own(connection).get(key)
        if own is None or own.meaning is None:
            raise Failure(
                Exit.NOT_FOUND,
                f"nothing was set for {_shown(key)}",
                "`points carriers log` shows what was set",
            )
        done = codes.set_code(connection, key, None, _note(note), by or _user())
    _tell(key, shipped_meaning(key), own.meaning, done, json_=json_)


def _tell(
    key: "Code", meaning: "Meaning", before: "Meaning", done: "Changed", *, json_: bool
) -> None:
    if json_:
        emit({
            **_key_json(key), **meaning_json(meaning), "before": meaning_json(before), "version": done.version,
            "changed": done.changed, "rechecked": done.rechecked,
        })  # fmt: skip
        return
    from rich.markup import escape

    if not done.changed:
        out().print(
            f"nothing changed: {escape(_shown(key))} is {shown_meaning(meaning)} since version {done.version}"
        )
        return
    was = f" [dim](was {shown_meaning(before)})[/]"
    out().print(
        f"[bold]version {done.version}[/]: {escape(_shown(key))} is {shown_meaning(meaning)}{was}"
    )
    if done.rechecked:
        many = (
            "1 order or tracking number"
            if done.rechecked == 1
            else f"{done.rechecked:,} orders and tracking numbers"
        )
        out().print(
            f"{many} that had it while it was unknown will be looked at again; the recheck worker does it"
        )


@app.command("log")
def log_command(json_: JsonOption = False) -> None:
    """Show who changed the meaning of codes, when, why, and what it was before."""
    from store.carriers import codes

    with connect(configuration()) as connection:
        rows = codes.log(connection)
    if json_:
        emit([logged_json(row) for row in rows])
    else:
        _print_log(rows)


def logged_json(row: "LoggedCode") -> dict[str, Any]:
    """A change, for programs.

    `word` is null where it was reset, `before` where the shipped table spoke.
    """
    from schemas.ids import iso

    return {
        "version": row.version,
        **_key_json(row.code),
        **(
            meaning_json(row.meaning) if row.meaning is not None else {"word": None, "effect": None}
        ),
        "before": meaning_json(row.before) if row.before is not None else None,
        "note": row.note,
        "applied_at": iso(row.applied_at),
        "applied_by": row.applied_by,
    }


def _print_log(rows: "list[LoggedCode]") -> None:
    from rich.markup import escape

    from schemas.ids import iso

    if not rows:
        out().print("nothing was changed: the shipped tables speak")
    for row in rows:
        was = (
            shown_meaning(row.before)
            if row.before is not None
            else f"shipped: {shown_meaning(shipped_meaning(row.code))}"
        )
        now = shown_meaning(row.meaning) if row.meaning is not None else "back to the shipped table"
        head = f"[bold]version {row.version}[/]  {iso(row.applied_at)}  by {escape(row.applied_by)}"
        out().print(
            f"{head}\n  {escape(_shown(row.code))}  [red]{was}[/] → [green]{now}[/]  [dim]{escape(row.note)}[/]"
        )


@app.command("show")
def show_command(
    carrier: Carrier,
    service: Annotated[str | None, typer.Argument(help="Only this service.")] = None,
    json_: JsonOption = False,
) -> None:
    """Show a carrier's codes and what they mean: the shipped ones and, marked, those that were set over them."""
    from schemas.carriers import shipped_codes
    from store.carriers import codes

    with connect(configuration()) as connection:
        own = codes.own(connection)
    shipped = {
        key: row
        for key, row in shipped_codes().items()
        if key[0] == carrier and service in (None, key[1])
    }
    mine = {key: row for key, row in own.items() if key[0] == carrier and service in (None, key[1])}
    if not shipped and not mine:
        raise _no_service(carrier, service)
    rows = [code_json(key, shipped.get(key), mine.get(key)) for key in sorted({*shipped, *mine})]
    if json_:
        emit(rows)
    else:
        _print_codes(rows)


def code_json(
    key: "Code", shipped: "CarrierCode | None", own: "LoggedCode | None"
) -> dict[str, Any]:
    """A code with what it means now.

    `shipped` is what the shipped table says, null for codes that it has not.
    """
    told = meaning_json(shipped.meaning) if shipped is not None else None
    mine = own.meaning if own is not None else None
    now = meaning_json(mine) if mine is not None else told or {}
    return {
        **_key_json(key),
        "text": shipped.text if shipped is not None else "",
        **now,
        "shipped": told,
        "set_by": own.applied_by if own is not None else None,
        "version": own.version if own is not None else None,
        "note": own.note if own is not None else shipped.note if shipped is not None else "",
    }


def _print_codes(rows: list[dict[str, Any]]) -> None:
    from rich.markup import escape

    table, service = _table("", "code", "text", "meaning", "note"), ""
    for row in rows:
        if row["service"] != service:
            service = row["service"]
            table.add_row(f"[bold]{escape(service)}[/]")
        word = _words(row["word"], row["effect"])
        note, mark = escape(row["note"]), ""
        if row["version"] is not None:
            told = row["shipped"]
            was = (
                f"shipped: {_words(told['word'], told['effect'])}"
                if told
                else "in no shipped table"
            )
            word, mark = f"[yellow]{word}[/]", "[yellow]*[/]"
            note = f"set by {escape(row['set_by'])}, version {row['version']} ({was}). {note}"
        text = row["text"] if row["text"] != row["code"] else ""
        table.add_row(mark, escape(row["code"]), escape(text), word, f"[dim]{note}[/]")
    out().print(table)
    if any(row["version"] is not None for row in rows):
        out().print("[yellow]*[/] [dim]set here, over the shipped table[/]")


def meaning_of(word: str, effect: str | None) -> "Meaning":
    """The meaning of a word as people type it, with blanks, hyphens or underscores.

    Raises Failure.
    """
    from schemas import carriers
    from schemas.carriers import WORDS

    typed = " ".join(re.split(r"[\s_-]+", word.strip().lower())).replace("pick up", "pick-up")
    if typed not in WORDS:
        raise Failure(
            Exit.USAGE, f"{word!r} is no word for a code", f"take one of {', '.join(WORDS)}"
        )
    meaning = carriers.meaning_of(typed, effect or "")
    if meaning is None:
        raise Failure(Exit.USAGE, "--effect is returning or return, and only for the word reversed")
    return meaning


def code_of(carrier: str, service: str, code: str) -> "Code":
    """The key of a code in the tables' spelling; a text as reports with it are counted.

    Raises Failure.
    """
    from schemas.carriers import CodeTable

    if not code.strip() or not carrier.strip() or not service.strip():
        raise Failure(Exit.USAGE, "CARRIER, SERVICE and CODE must not be empty")
    if carrier != carrier.lower() or service != service.lower():
        raise Failure(
            Exit.USAGE,
            "carrier and service are written in lower case",
            f"{carrier.lower()} {service.lower()}",
        )
    _, spelt = CodeTable().look_up(carrier, service, code, None)
    return carrier, service, spelt


def shipped_meaning(key: "Code") -> "Meaning":
    """What the shipped table says of a code."""
    from schemas.carriers import shipped_codes
    from schemas.carriers.meaning import Meaning

    row = shipped_codes().get(key)
    return row.meaning if row is not None else Meaning.UNKNOWN


def meaning_json(meaning: "Meaning") -> dict[str, Any]:
    """SPEC's word for a meaning and, where there is one, the effect of a reversal."""
    from schemas.carriers.meaning import Meaning

    effects = {Meaning.REVERSED_RETURNING: "returning", Meaning.RETURN_REVERSED: "return"}
    return {"word": meaning.word, "effect": effects.get(meaning)}


def shown_meaning(meaning: "Meaning") -> str:
    """The same for people."""
    told = meaning_json(meaning)
    return _words(told["word"], told["effect"])


def _words(word: str, effect: str | None) -> str:
    return word + {"returning": ", goes back", "return": " (its return)"}.get(effect or "", "")


def _key_json(key: "Code") -> dict[str, Any]:
    return dict(zip(("carrier", "service", "code"), key, strict=True))


def _shown(key: "Code") -> str:
    return " ".join(key)


def _is_known(carrier: str, service: str) -> bool:
    from schemas.carriers import is_known_service

    return is_known_service(carrier, service)


def _no_service(carrier: str, service: str | None) -> Failure:
    from schemas.carriers import shipped_codes

    services = sorted({key[:2] for key in shipped_codes()})
    here = [f"{c} {s}" for c, s in services if c == carrier]
    known = ", ".join(here or sorted({c for c, _ in services}))
    return Failure(
        Exit.NOT_FOUND,
        f"no table has {carrier}{f' {service}' if service else ''}, and no report of it came",
        f"there are {known}",
    )


def _note(text: str) -> str:
    if not text.strip():
        raise Failure(Exit.USAGE, "--note must say why")
    if len(text) > LONGEST_NOTE:
        raise Failure(Exit.USAGE, f"--note may have {LONGEST_NOTE} characters")
    return text.strip()


def _user() -> str:
    from cli.commands.settings import this_user

    return this_user()


def _table(*names: str) -> "Table":
    from rich.table import Table

    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    for name in names:
        table.add_column(name, no_wrap=name == "code")
    return table
