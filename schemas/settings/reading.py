"""Reading a settings document, and saying everything that is wrong with it at once."""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from schemas.errors import Exit, PointsError
from schemas.settings.document import SettingsDocument, sections
from schemas.settings.parsing import UnreadableError, parse_document, repeated_keys

_Path = tuple[str | int, ...]

_KNOWN_KEYS: Final = sorted({key for section in sections() for key in section.model_fields})
_EXPIRY_KINDS: Final = frozenset({"fixed_date", "never"})

# What pydantic found, in words: what was wrong, what to do. In braces: what its error carries.
_WORDS: Final[dict[str, tuple[str, str]]] = {
    "missing": ("is missing", "add it"),
    "model_type": ("is not a section", "write a mapping of keys to values"),
    "dict_type": ("is not a section", "write a mapping of keys to values"),
    "tuple_type": ("is not a list", "write a list of values"),
    "string_type": ("is not text", "write it in quotes"),
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


@dataclass(frozen=True, slots=True)
class SettingsProblem:
    """One thing that is wrong: where, what, and what to do.

    Where is a path such as "earn.rules[0].unit_price", and empty for the whole document.
    """

    path: str
    wrong: str
    remedy: str

    def __str__(self) -> str:
        """One line for people."""
        return f"{self.path or 'the document'} {self.wrong}; {self.remedy}"


class SettingsError(PointsError):
    """A settings document that was refused, with all its problems.

    Values of the document are not repeated.
    """

    code = "invalid_settings"
    exit_code = Exit.REFUSED

    def __init__(self, name: str, problems: tuple[SettingsProblem, ...]) -> None:
        """Take the name of the document, for people, and at least one problem."""
        self.name = name
        self.problems = problems
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        lines = [f"{name}: {count}", *(f"  {problem}" for problem in problems)]
        super().__init__(lines, where=name)


def load_settings(data: bytes, *, name: str) -> SettingsDocument:
    """The settings document in these bytes (JSON or YAML; `name` is the file's).

    Raises SettingsError.

    The error lists every problem; what spans sections (the digits of a price and the currency,
    `grant_on` and the modules) only once those sections hold by themselves.
    """
    try:
        value = parse_document(data, name=name)
    except UnreadableError as error:
        raise SettingsError(
            name, (SettingsProblem("", str(error), "mend the text and apply it again"),)
        ) from None
    repeated = [
        SettingsProblem(_spelt(path), "is there twice", "keep it once")
        for path in repeated_keys(value)
    ]
    try:
        document = SettingsDocument.model_validate(value)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        raise SettingsError(name, (*repeated, *_problems(found))) from None
    if repeated:
        raise SettingsError(name, tuple(repeated))
    return document


def _problems(found: list[ErrorDetails]) -> Iterator[SettingsProblem]:
    for error in found:
        context = error.get("ctx", {})
        path = _without_tags(error["loc"])
        if error["type"] == "settings":
            yield SettingsProblem(
                _spelt((*path, *context["path"])), context["wrong"], context["remedy"]
            )
        elif error["type"] == "extra_forbidden":
            yield SettingsProblem(
                _spelt(path), "is not a known key", _remedy_for_key(str(path[-1]))
            )
        else:
            wrong, remedy = _WORDS.get(
                error["type"], (f"is refused ({error['type']})", error["msg"])
            )
            yield SettingsProblem(_spelt(path), wrong.format(**context), remedy.format(**context))


def _remedy_for_key(key: str) -> str:
    near = get_close_matches(key, _KNOWN_KEYS, n=1)
    return (
        f"did you mean {near[0]}?"
        if near and near[0] != key
        else "remove it, or move it where it belongs"
    )


def _without_tags(path: _Path) -> _Path:
    """The path as the document has it.

    Without the name of the chosen kind of expiry, which is no key.
    """
    return tuple(
        part
        for index, part in enumerate(path)
        if part != "[key]" and not (part in _EXPIRY_KINDS and path[index - 1] == "expiry")
    )


def _spelt(path: _Path) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")
