"""Our own texts, complete in English and traditional Chinese: what a shop need not write."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Final

import yaml

from rules.notices.texts import languages
from schemas.notices.sections import Texts
from schemas.notices.words import Kind

LANGUAGES: Final = ("en", "zh-hant")


@dataclass(frozen=True, slots=True)
class Words:
    """What a language says besides its texts, and these.

    `never`: points that do not expire. `about`: why a member gets a mail, with the placeholder
    `shop`. `unsubscribe`: what the link to do so is called.
    """

    never: str
    about: str
    unsubscribe: str
    texts: Mapping[Kind, Texts]


def nearest(language: str) -> str | None:
    """The one of LANGUAGES that a language is, its region apart; None if we have no such words."""
    return languages.nearest(language, LANGUAGES)


@lru_cache(maxsize=len(LANGUAGES))
def words(language: str) -> Words:
    """Our words in one of LANGUAGES."""
    path = files("rules.notices.texts").joinpath(f"words/{language}.yaml")
    content = yaml.safe_load(path.read_text("utf-8"))
    texts = {Kind(kind): Texts.model_validate(text) for kind, text in content.pop("texts").items()}
    return Words(**content, texts=texts)
