"""Reading a campaign's document, JSON or YAML, and saying everything that is wrong with it."""

from collections.abc import Sequence
from typing import Final

from pydantic import ValidationError

from schemas.campaigns.document import CampaignDocument, sections
from schemas.problems import DocumentError, Problem, problems_of, spelt, too_large
from schemas.settings.parsing import UnreadableError, parse_document, repeated_keys

_KNOWN_KEYS: Final = frozenset(key for section in sections() for key in section.model_fields)


class CampaignError(DocumentError):
    """A campaign's document that was refused, with all its problems."""

    code = "invalid_campaign"


def load_campaign(data: bytes, *, name: str, languages: Sequence[str]) -> CampaignDocument:
    """The campaign in these bytes; `name` is the file's, `languages` are the merchant's.

    Raises CampaignError with every problem. What needs the merchant's zone (whether the end is
    after the beginning) is not looked at here.
    """
    try:
        value = parse_document(data, name=name)
    except UnreadableError as error:
        problem = Problem("", str(error), "mend the text and apply it again")
        raise CampaignError(name, [problem]) from None
    repeated = [
        Problem(spelt(path), "is there twice", "keep it once") for path in repeated_keys(value)
    ]
    try:
        document = CampaignDocument.model_validate(value, context={"languages": tuple(languages)})
    except ValidationError as error:
        raise CampaignError(name, [*repeated, *problems_of(error, _KNOWN_KEYS)]) from None
    wrong = [*repeated, *too_large(document.model_dump_json().encode())]
    if wrong:
        raise CampaignError(name, wrong)
    return document
