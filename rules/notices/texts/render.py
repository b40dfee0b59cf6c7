"""A notice in words: what a member reads, made of a text and the values of the moment.

Nothing of it is kept. The same functions make previews.
"""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple
from zoneinfo import ZoneInfoNotFoundError

from jinja2 import TemplateError

from rules.notices.texts.failures import NotRendered, TextTooLong
from rules.notices.texts.languages import is_leftwards
from rules.notices.texts.mail.build import MailText, build_mail
from rules.notices.texts.mail.layout import Framed, html_of
from rules.notices.texts.placeholders import NotOurs, compiled
from rules.notices.texts.shown import shown_values
from rules.notices.texts.wording import mail_wording, sms_wording, words_of
from rules.notices.values import Values
from rules.sms.parts import Encoding, parts
from schemas.notices.document import NoticeSettings
from schemas.notices.words import Channel, Kind

__all__ = [
    "MailText",
    "NotRendered",
    "SmsText",
    "TextTooLong",
    "build_mail",
    "render_mail",
    "render_sms",
    "rendered_sms",
]

_BLANK_LINES: Final = re.compile(r"\n[ \t]*\n\s*")


class SmsText(NamedTuple):
    """An SMS: `characters` as the network counts them in its encoding, and how many SMS it is."""

    text: str
    encoding: Encoding
    characters: int
    parts: int
    language: str


def render_sms(
    settings: NoticeSettings, kind: Kind, language: str, values: Values, zone: str
) -> SmsText:
    """The SMS about a kind for a member of this language; `zone` is the shop's.

    Raises NotRendered and TextTooLong.
    """
    sms = rendered_sms(settings, kind, language, values, zone)
    if sms.parts > settings.sms.max_parts:
        raise TextTooLong(f"an SMS about {kind} has {sms.parts} parts")
    return sms


def rendered_sms(
    settings: NoticeSettings, kind: Kind, language: str, values: Values, zone: str
) -> SmsText:
    """As `render_sms`, however long it is. Raises NotRendered."""
    wording = sms_wording(settings, kind, language)
    if wording is None:
        raise NotRendered(f"{kind} is never told by SMS")
    never = words_of(wording.language, settings).never
    try:
        shown = shown_values(
            values, language=wording.language, never=never, zone=zone, channel=Channel.sms
        )
        text = _filled(wording.text, shown)
    except _FAILS as failure:
        raise _not_rendered(kind, wording.language, failure) from None
    return SmsText(text, *parts(text), wording.language)


def render_mail(
    settings: NoticeSettings,
    kind: Kind,
    language: str,
    values: Values,
    zone: str,
    *,
    unsubscribe: str | None = None,
) -> MailText:
    """The mail about a kind for a member of this language; `zone` is the shop's.

    `unsubscribe`: where the link at its foot leads. Raises NotRendered.
    """
    wording = mail_wording(settings, kind, language)
    words = words_of(wording.language, settings)
    try:
        shown = shown_values(
            values,
            language=wording.language,
            never=words.never,
            zone=zone,
            channel=Channel.email,
        )
        subject = " ".join(_filled(wording.subject, shown).split())
        body = _filled(wording.body, shown)
        about = _filled(words.about, shown)
        framed = Framed(
            language=wording.language,
            direction="rtl" if is_leftwards(wording.language) else "ltr",
            subject=subject,
            shop=shown["shop"],
            paragraphs=[paragraph.split("\n") for paragraph in _BLANK_LINES.split(body)],
            about=about,
            unsubscribe=unsubscribe,
            unsubscribe_words=words.unsubscribe,
        )
        html = html_of(framed)
    except _FAILS as failure:
        raise _not_rendered(kind, wording.language, failure) from None
    link = f"\n{words.unsubscribe}: {unsubscribe}" if unsubscribe else ""
    return MailText(subject, html, f"{body}\n\n-- \n{about}{link}\n", wording.language)


_FAILS: Final = (NotOurs, TemplateError, ValueError, OverflowError, ZoneInfoNotFoundError)
"""A text that never went through the checks, a day outside the calendar, a zone that is none."""


def _filled(text: str, shown: Mapping[str, str]) -> str:
    filled = compiled(text).render(shown).strip()
    if not filled:
        raise ValueError("nothing is left of the text")
    return filled


def _not_rendered(kind: Kind, language: str, failure: Exception) -> NotRendered:
    # Neither the text nor a value: the failure's own words may have one.
    return NotRendered(f"the text about {kind} in {language}: {type(failure).__name__}")
