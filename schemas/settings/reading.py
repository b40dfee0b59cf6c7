"""Reading a settings document, and saying everything that is wrong with it at once."""

from typing import Final

from pydantic import ValidationError

from schemas.problems import DocumentError, Problem, problems_of, spelt, too_large
from schemas.settings.document import SettingsDocument, canonical, sections
from schemas.settings.parsing import UnreadableError, parse_document, repeated_keys

_KNOWN_KEYS: Final = frozenset(key for section in sections() for key in section.model_fields)
_UNIONS: Final = {"expiry": frozenset({"fixed_date", "never"})}


class SettingsError(DocumentError):
    """A settings document that was refused, with all its problems."""

    code = "invalid_settings"


def load_settings(data: bytes, *, name: str, stored: bool = False) -> SettingsDocument:
    """The settings document in these bytes (JSON or YAML; `name` is the file's).

    One that is `stored` was accepted before, and may be of any size. Raises SettingsError.

    The error lists every problem; what spans sections (the digits of a price and the currency,
    `grant_on` and the modules) only once those sections hold by themselves.
    """
    try:
        value = parse_document(data, name=name, stored=stored)
    except UnreadableError as error:
        raise SettingsError(
            name, [Problem("", str(error), "mend the text and apply it again")]
        ) from None
    repeated = [
        Problem(spelt(path), "is there twice", "keep it once") for path in repeated_keys(value)
    ]
    try:
        document = SettingsDocument.model_validate(value)
    except ValidationError as error:
        found = problems_of(error, _KNOWN_KEYS, _UNIONS)
        raise SettingsError(name, (*repeated, *found)) from None
    wrong = repeated if stored else [*repeated, *too_large(canonical(document))]
    if wrong:
        raise SettingsError(name, wrong)
    return document
