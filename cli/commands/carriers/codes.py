"""Codes and their meanings as people type and read them."""

import re
from typing import TYPE_CHECKING, Annotated

import typer

from cli.support.arguments import typed_name
from cli.support.errors import Exit, Failure

if TYPE_CHECKING:
    from rich.table import Table

    from schemas.answers.carriers import CodeMeaning
    from schemas.carriers.meaning import Meaning
    from store.carriers.codes import Code

Carrier = Annotated[
    str, typer.Argument(help="The carrier, lower case: ecpay.", callback=typed_name)
]
Service = Annotated[
    str, typer.Argument(help="The carrier's service: unimart.", callback=typed_name)
]
CodeArgument = Annotated[
    str,
    typer.Argument(
        metavar="CODE", help="The code; the text where reports carry no code.", callback=typed_name
    ),
]

_SHOWN_EFFECTS = {"returning": ", goes back", "return": " (its return)"}


def meaning_of(word: str, effect: str | None) -> "Meaning":
    """The meaning of a word as people type it, with blanks, hyphens or underscores.

    Raises Failure.
    """
    from schemas import carriers
    from schemas.carriers import WORDS

    typed = " ".join(re.split(r"[\s_-]+", word.strip().lower())).replace("pick up", "pick-up")
    if typed not in WORDS:
        words = ", ".join(known.replace(" ", "-") for known in WORDS)
        raise Failure(Exit.USAGE, f"{word!r} is no word for a code", f"take one of {words}")
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
    """The meaning of a code in the shipped table."""
    from schemas.carriers import shipped_codes
    from schemas.carriers.meaning import Meaning

    row = shipped_codes().get(key)
    return row.meaning if row is not None else Meaning.UNKNOWN


def in_words(meaning: "Meaning") -> str:
    """A meaning for people."""
    from schemas.answers.carriers import CodeMeaning

    return shown(CodeMeaning.of(meaning))


def shown(meaning: "CodeMeaning") -> str:
    """As `in_words`, of the answer's part."""
    return with_effect(meaning.word, meaning.effect)


def with_effect(word: str, effect: str | None) -> str:
    """The word, and of a reversal what else it does."""
    return word + _SHOWN_EFFECTS.get(effect or "", "")


def no_service(carrier: str, service: str | None) -> Failure:
    """The failure for a carrier or service that nothing is known of, with those that are known."""
    from schemas.carriers import shipped_codes

    services = sorted({key[:2] for key in shipped_codes()})
    of_carrier = [f"{c} {s}" for c, s in services if c == carrier]
    known = ", ".join(of_carrier or sorted({c for c, _ in services}))
    name = f"{carrier} {service}" if service else carrier
    return Failure(
        Exit.NOT_FOUND,
        f"no table has {name}, and no report of it came",
        f"there are {known}",
        code="unknown_carrier",
    )


def table_of(*names: str) -> "Table":
    """A table with these columns."""
    from rich.table import Table

    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    for name in names:
        table.add_column(name, no_wrap=name == "code")
    return table
