"""What a person types, checked before anything is asked of a server."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from schemas.printable import is_printable, printable

LONGEST_ID = 100
"""As for ids in records (limits.md)."""
LONGEST_NAME = 200
LARGEST_INT4, LARGEST_INT8 = 2**31 - 1, 2**63 - 1
"""What the database's columns hold: no version, sequence or row lies beyond."""


def typed_text(value: str | None) -> str | None:
    """A text that the database can hold. Raises BadParameter."""
    if value is not None and ("\x00" in value or not _is_unicode(value)):
        raise typer.BadParameter(f"'{printable(value)}' is no text in UTF-8")
    return value


def typed_name(value: str | None) -> str | None:
    """A text that becomes part of a log: one line, not too long. Raises BadParameter."""
    typed_text(value)
    if value is not None:
        if not value.strip():
            raise typer.BadParameter("must not be empty")
        if not is_printable(value):
            raise typer.BadParameter("is one line of text, without control characters")
        if len(value) > LONGEST_NAME:
            raise typer.BadParameter(f"has more than {LONGEST_NAME} characters")
    return value


def new_id(value: str) -> str:
    """An id under which something is to be kept: one that records can have. Raises BadParameter."""
    typed_text(value)
    if value != value.strip() or not value:
        raise typer.BadParameter("must be an id without spaces around it")
    if len(value) > LONGEST_ID:
        raise typer.BadParameter(f"has more than {LONGEST_ID} characters: no record has such an id")
    if not is_printable(value):
        raise typer.BadParameter("has control characters or line feeds")
    return value


def one_of(words: Iterable[str]) -> str:
    """The words of a closed list as a help text has them: a terminal folds it between words."""
    *others, last = words
    return f"{', '.join(others)} or {last}"


def at_most(limit: int | None) -> int | None:
    """A limit as lists take it: none has more items than this."""
    return limit if limit is None else min(limit, LARGEST_INT8)


def this_user() -> str:
    """The user of this machine, as far as it is known."""
    import getpass

    try:
        return printable(getpass.getuser())  # from the environment, which may hold any bytes
    except (KeyError, OSError):  # a container's user may have no name
        return "unknown"


def _is_unicode(value: str) -> bool:
    """Not so when bytes of the command line were no UTF-8: Python carries them as surrogates."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


Merchant = Annotated[str, typer.Argument(help="The merchant's id.", callback=typed_text)]
NewMerchant = Annotated[str, typer.Argument(help="The merchant's id.", callback=new_id)]
Member = Annotated[str, typer.Argument(help="The member's id.", callback=typed_text)]
NewMember = Annotated[str, typer.Argument(help="The member's id.", callback=new_id)]
Order = Annotated[str, typer.Argument(help="The order's id.", callback=typed_text)]
Campaign = Annotated[str, typer.Argument(help="The campaign's id.", callback=typed_text)]
Days = Annotated[
    int, typer.Option("--days", help="How many days to look ahead.", min=1, max=36_500)
]
By = Annotated[
    str | None,
    typer.Option(
        "--by", help="Who changes it; by default the user of this machine.", callback=typed_name
    ),
]
Staff = Annotated[
    str | None,
    typer.Option(
        "--by", help="Who does it; by default the user of this machine.", callback=typed_text
    ),
]
SettingsFile = Annotated[
    Path, typer.Argument(help="The settings, JSON or YAML; - for standard input.")
]
IfVersion = Annotated[
    int | None,
    typer.Option("--if-version", help="Only if this version is the newest (0: none yet).", min=0),
]
