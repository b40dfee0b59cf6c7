"""In which language a member is told of a kind, and whose words these are: the shop's, or ours."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from rules.notices.texts import ours
from rules.notices.texts.languages import LAST, nearest
from schemas.notices.document import NoticeSettings
from schemas.notices.sections import Texts
from schemas.notices.words import Kind

_NONE: Final = Texts()


class MailWording(NamedTuple):
    """The texts of a mail, and their language."""

    language: str
    subject: str
    body: str


class SmsWording(NamedTuple):
    """The text of an SMS, and its language."""

    language: str
    text: str


def mail_wording(settings: NoticeSettings, kind: Kind, language: str) -> MailWording:
    """The words of a mail: both subject and body are in one language."""
    for each in _languages(settings, language):
        shops, own = _texts(settings, kind, each)
        subject, body = shops.subject or own.subject, shops.email or own.email
        if subject is not None and body is not None:
            return MailWording(each, subject, body)
    raise AssertionError("our texts in English are complete")


def sms_wording(settings: NoticeSettings, kind: Kind, language: str) -> SmsWording | None:
    """The words of an SMS; None for a kind that is never told by one."""
    for each in _languages(settings, language):
        shops, own = _texts(settings, kind, each)
        if (text := shops.sms or own.sms) is not None:
            return SmsWording(each, text)
    return None


def words_of(language: str, settings: NoticeSettings) -> ours.Words:
    """Our words besides the texts, in the language or the first of the shop's that has some."""
    found = (ours.nearest(each) for each in _languages(settings, language))
    return ours.words(next(each for each in found if each is not None))


def _languages(settings: NoticeSettings, language: str) -> Iterator[str]:
    """The language, those of the shop, and the one that is complete in ours."""
    yield language
    yield from settings.languages
    yield LAST


def _texts(settings: NoticeSettings, kind: Kind, language: str) -> tuple[Texts, Texts]:
    """The shop's texts of a kind in a language, and ours."""
    shops = nearest(language, (each for each, kinds in settings.texts.items() if kind in kinds))
    own = ours.nearest(language)
    return (
        settings.texts[shops][kind] if shops is not None else _NONE,
        ours.words(own).texts[kind] if own is not None else _NONE,
    )
