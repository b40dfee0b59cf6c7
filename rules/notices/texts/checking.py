"""What is wrong with a shop's texts: found when they are applied, not when they are sent.

As the document's own checks, but with the tables of languages, countries and characters.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from rules.notices.shop import called
from rules.notices.texts import ours
from rules.notices.texts.languages import is_language
from rules.notices.texts.placeholders import problems
from rules.notices.texts.wording import sms_wording
from rules.notices.texts.worst import worst_case
from rules.sms.numbers import is_country
from schemas.notices.document import NoticeSettings, NoticeSettingsError, load_notice_settings
from schemas.notices.sections import Texts
from schemas.notices.words import Channel, Kind
from schemas.problems import Problem

_NO_TEXTS: Final[Mapping[Kind, Texts]] = {}


def load_checked(data: bytes, source: str, merchant_id: str) -> NoticeSettings:
    """The notice settings in these bytes, as this merchant's; `source` is the file's name.

    Raises NoticeSettingsError with every problem: those of texts once the document holds by itself.
    """
    settings = load_notice_settings(data, source)
    found = list(problems_of_texts(settings, called(settings, merchant_id)))
    if found:
        raise NoticeSettingsError(source, found)
    return settings


def problems_of_texts(settings: NoticeSettings, shop: str) -> Iterator[Problem]:
    """Everything wrong with languages, country and texts of settings of a shop called so."""
    for index, language in enumerate(settings.languages):
        if not is_language(language):
            yield Problem(
                f"languages[{index}]",
                "is not a known language",
                "use one such as en, ja or zh-hant",
            )
    if settings.sms.country is not None and not is_country(settings.sms.country):
        yield Problem(
            "sms.country", "is not a known country", "use its code of ISO 3166, such as TW"
        )
    for path, text in _texts(settings):
        for found in problems(text):
            yield Problem(path, f"{found.wrong} (line {found.line})", found.remedy)
    yield from _too_long(settings, shop)


def _texts(settings: NoticeSettings) -> Iterator[tuple[str, str]]:
    """Each text that the shop wrote, with its path."""
    for language, by_kind in settings.texts.items():
        for kind, texts in by_kind.items():
            for name in Texts.model_fields:
                if (text := getattr(texts, name)) is not None:
                    yield f"texts.{language}.{kind}.{name}", text


def _too_long(settings: NoticeSettings, shop: str) -> Iterator[Problem]:
    """The SMS that may take more parts than the shop pays for: its own, and ours that it uses."""
    for language in settings.languages or (*settings.texts, *ours.LANGUAGES):
        for kind in Kind:
            wording = sms_wording(settings, kind, language)
            if wording is None or any(problems(wording.text)):
                continue
            written = settings.texts.get(language, _NO_TEXTS).get(kind, Texts()).sms is not None
            if not written and not settings.tells(Channel.sms, kind):
                continue
            worst = worst_case(settings, kind, language, shop)
            if worst is not None and worst.parts > settings.sms.max_parts:
                yield _longer(settings, kind, language, worst.parts, written=written)


def _longer(
    settings: NoticeSettings, kind: Kind, language: str, parts: int, *, written: bool
) -> Problem:
    allowed = settings.sms.max_parts
    if written:
        return Problem(
            f"texts.{language}.{kind}.sms",
            f"takes {parts} SMS with the longest values, and sms.max_parts allows {allowed}",
            "shorten it, leave a name or a reason out, or allow more",
        )
    return Problem(
        "sms.max_parts",
        f"allows {allowed}, and the text about {kind} in {language} takes {parts} with the longest "
        "values",
        f"allow more, or write a shorter one under texts.{language}.{kind}.sms",
    )
