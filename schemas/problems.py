"""What is wrong with a document that somebody wrote: every problem, with its path and a remedy.

Settings, carts and other documents are pydantic models; their refusals become sentences here.
Values of a document are never repeated.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice
from types import MappingProxyType
from typing import Final, Self

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from schemas.errors import Exit, PointsError

_Path = tuple[str | int, ...]

MOST_TOLD: Final = 100
"""Problems of a document that are told one by one: nobody mends more at a time."""

MOST_PUBLISHED: Final = 950_000
"""Bytes of a document as the settings topic has it: brokers take records of 1 MB unless they are
told otherwise, and who applied what and when goes along.
"""

# What pydantic found, in words: what was wrong, what to do. In braces: what its error carries.
WORDS: Final[dict[str, tuple[str, str]]] = {
    "missing": ("is missing", "add it"),
    "model_type": ("is not a section", "write a mapping of keys to values"),
    "dict_type": ("is not a section", "write a mapping of keys to values"),
    "tuple_type": ("is not a list", "write a list of values"),
    "string_type": ("is not text", "write it in quotes"),
    "string_unicode": ("is not text", "write it in UTF-8"),
    "string_too_short": ("is empty", "give it a value"),
    "string_too_long": ("is longer than {max_length} characters", "shorten it"),
    "string_pattern_mismatch": ("is not spelt as expected", "it must match {pattern}"),
    "bool_type": ("is not true or false", "write true or false without quotes"),
    "int_type": ("is not a whole number", "write a whole number without quotes"),
    "greater_than": ("is too small", "use more than {gt}"),
    "greater_than_equal": ("is too small", "use {ge} or more"),
    "less_than_equal": ("is too large", "use {le} or less"),
    "literal_error": ("is not one of its values", "use {expected}"),
    "union_tag_invalid": ("has an unknown kind", "use one of {expected_tags}"),
    "union_tag_not_found": (
        "has no kind",
        "add kind: fixed_date (with month and day) or kind: never",
    ),
    "timezone_aware": ("has no offset", "add Z or an offset such as +08:00"),
    "finite_number": ("is not a number", "write it as a number in major units"),
}


class ProblemError(PydanticCustomError):
    """One reason to refuse a document: what was wrong (reads on after the path), and what to do."""

    def __new__(cls, wrong: str, remedy: str, *path: str | int) -> Self:
        """Make the problem; `path` leads on from the field that is being validated."""
        context = {"wrong": wrong, "remedy": remedy, "path": path}
        return super().__new__(cls, "problem", "{wrong}; {remedy}", context)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: where, what, and what to do.

    Where is a path such as "earn.rules[0].unit_price", and empty for the whole document.
    """

    path: str
    wrong: str
    remedy: str

    def __str__(self) -> str:
        """One line for people."""
        return f"{self.path or 'the document'} {self.wrong}; {self.remedy}"


class DocumentError(PointsError):
    """A document that was refused, with its problems; each kind of document has its code.

    Of very many the first are told, and how many more there are.
    """

    code = "invalid_document"
    exit_code = Exit.REFUSED

    def __init__(self, name: str, problems: Iterable[Problem]) -> None:
        """Take the name of the document, for people, and at least one problem."""
        self.name = name
        rest = iter(problems)
        self.problems = tuple(islice(rest, MOST_TOLD))
        more = sum(1 for _ in rest)
        found = len(self.problems) + more
        count = "1 problem" if found == 1 else f"{found:,} problems"
        lines = [f"{name}: {count}", *(f"  {problem}" for problem in self.problems)]
        if more:
            lines.append(f"  and {more:,} more")
        super().__init__(lines, where=name)


def too_large(published: bytes) -> list[Problem]:
    """What is wrong with a document that no record of the settings topic has room for."""
    if len(published) <= MOST_PUBLISHED:
        return []
    wrong = (
        f"has {len(published):,} bytes as JSON with all its keys, and the settings topic takes "
        f"{MOST_PUBLISHED:,}"
    )
    return [Problem("", wrong, "shorten its texts")]


def problems_of(
    error: ValidationError,
    known_keys: Collection[str],
    unions: Mapping[str, Collection[str]] = MappingProxyType({}),
) -> Iterator[Problem]:
    """What a model refused, in words.

    `known_keys`: all keys of the document, one of which may have been meant. `unions`: by key, the
    kinds that its value may have, which pydantic puts into paths although they are no keys.
    """
    for number, found in enumerate(error.errors(include_url=False, include_input=False)):
        context = found.get("ctx", {})
        path = _without_kinds(found["loc"], unions)
        if found["type"] == "problem":
            yield Problem(spelt((*path, *context["path"])), context["wrong"], context["remedy"])
        elif found["type"] == "extra_forbidden":
            # What may have been meant takes longer to find than all else.
            meant = known_keys if number < MOST_TOLD else ()
            remedy = _remedy_for_key(str(path[-1]), meant)
            yield Problem(spelt(path), "is not a known key", remedy)
        else:
            wrong, remedy = WORDS.get(
                found["type"], (f"is refused ({found['type']})", found["msg"])
            )
            yield Problem(spelt(path), wrong.format(**context), remedy.format(**context))


def _without_kinds(path: _Path, unions: Mapping[str, Collection[str]]) -> _Path:
    """The path as the document has it."""
    return tuple(
        part
        for before, part in zip(("", *path), path, strict=False)
        if part != "[key]" and part not in unions.get(str(before), ())
    )


def _remedy_for_key(key: str, known_keys: Collection[str]) -> str:
    near = get_close_matches(key, sorted(known_keys), n=1)
    return (
        f"did you mean {near[0]}?"
        if near and near[0] != key
        else "remove it, or move it where it belongs"
    )


def spelt(path: _Path) -> str:
    """A path as people write it: earn.rules[0].unit_price."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")
