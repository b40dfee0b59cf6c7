"""A shop's notice settings: whom it tells what, by which channel, when, and in which words.

`load_notice_settings` takes a document from JSON or YAML and turns refusals into sentences, as for
the points settings. It knows no tables of languages and countries and does not look into texts:
what an operator applies goes through `rules.notices.texts.checking` as well.
"""

import hashlib
from collections.abc import Sequence
from typing import Annotated, Final

import orjson
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from schemas.notices.addresses import named_address
from schemas.notices.sections import (
    LONGEST_SHOP,
    NEVER_BY_SMS,
    STORED,
    EmailSettings,
    Expiring,
    KindName,
    LanguageName,
    Quiet,
    SmsSettings,
    Texts,
    not_blank,
    one_line,
)
from schemas.notices.words import Channel, Kind
from schemas.problems import DocumentError, Problem, ProblemError, problems_of, spelt
from schemas.settings.fields import Section, at_least_one, tuple_of_list, without_repeats
from schemas.settings.parsing import UnreadableError, parse_document, repeated_keys

__all__ = [
    "EmailSettings",
    "Expiring",
    "NoticeSettings",
    "NoticeSettingsError",
    "Quiet",
    "SmsSettings",
    "Texts",
    "canonical",
    "digest",
    "load_notice_settings",
]


class NoticeSettingsError(DocumentError):
    """A document of notice settings that was refused, with all its problems."""

    code = "invalid_notice_settings"


class NoticeSettings(Section):
    """One shop's notice settings; `NoticeSettings()` are those of a shop that gave none.

    Mails about what is earned and assigned, as soon as there is somebody to write them (`from`); no
    SMS. `languages`: the first is for members of all others; None are those of the points
    settings. `shop`: how the shop is called, else the name of `email.from`. `texts`: by language
    and kind.
    """

    languages: Annotated[
        tuple[LanguageName, ...],
        BeforeValidator(tuple_of_list),
        AfterValidator(at_least_one),
        AfterValidator(without_repeats),
    ] = ()
    shop: (
        Annotated[
            str,
            Field(min_length=1, max_length=LONGEST_SHOP),
            AfterValidator(one_line),
            AfterValidator(not_blank),
        ]
        | None
    ) = None
    email: EmailSettings = EmailSettings.model_validate({"from": None})
    sms: SmsSettings = SmsSettings()
    quiet: Quiet = Quiet()
    expiring: Expiring = Expiring()
    texts: dict[LanguageName, dict[KindName, Texts]] = {}  # noqa: RUF012 - pydantic copies it

    @field_validator("texts")
    @classmethod
    def _can_be_told(
        cls, texts: dict[str, dict[Kind, Texts]], info: ValidationInfo
    ) -> dict[str, dict[Kind, Texts]]:
        languages = info.data.get("languages")
        for language, by_kind in texts.items():
            if languages and language not in languages:
                raise ProblemError(
                    "is in none of the shop's languages", "add it to languages", language
                )
            for kind, text in by_kind.items():
                if kind in NEVER_BY_SMS and text.sms is not None:
                    raise ProblemError("is never told by SMS", "remove it", language, kind, "sms")
        return texts

    def tells(self, channel: Channel, kind: Kind) -> bool:
        """Whether the shop has members told of a kind by a channel, as far as it is the shop's say.

        `assigned` needs the word of whoever assigns as well.
        """
        section = self.email if channel is Channel.email else self.sms
        if not section.enabled or (channel is Channel.email and self.email.from_ is None):
            return False
        if kind is Kind.expiring:
            return channel in self.expiring.channels
        return section.kinds.get(kind, False)

    @property
    def shop_name(self) -> str | None:
        """How the shop is called in its notices; None if the settings do not say."""
        if self.shop is not None:
            return self.shop
        found = named_address(self.email.from_) if self.email.from_ is not None else None
        return found[0] if found else None


def load_notice_settings(data: bytes, source: str, *, stored: bool = False) -> NoticeSettings:
    """The notice settings in these bytes (JSON or YAML; `source` is the file's name).

    Those that are `stored` were accepted before, and may be of any size. Raises NoticeSettingsError
    with every problem.
    """
    try:
        value = parse_document(data, name=source, stored=stored)
    except UnreadableError as error:
        problem = Problem("", str(error), "mend the text and apply it again")
        raise NoticeSettingsError(source, [problem]) from None
    repeated = [
        Problem(spelt(path), "is there twice", "keep it once") for path in repeated_keys(value)
    ]
    try:
        settings = NoticeSettings.model_validate(value, context=STORED if stored else None)
    except ValidationError as error:
        raise NoticeSettingsError(source, [*repeated, *problems_of(error, _KNOWN_KEYS)]) from None
    if repeated:
        raise NoticeSettingsError(source, repeated)
    return settings


def canonical(settings: NoticeSettings) -> bytes:
    """The content as JSON, the same for equal settings: defaults spelt out, keys sorted.

    `load_notice_settings` makes the same settings of it.
    """
    content = settings.model_dump(mode="json", by_alias=True)
    if not content["languages"]:
        del content["languages"]
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS)


def digest(settings: NoticeSettings) -> str:
    """SHA-256 of `canonical`, in hexadecimal: equal digests are equal settings."""
    return hashlib.sha256(canonical(settings)).hexdigest()


def sections() -> Sequence[type[BaseModel]]:
    """All models of the document."""
    return (NoticeSettings, EmailSettings, SmsSettings, Quiet, Expiring, Texts)


_KNOWN_KEYS: Final = frozenset(
    field.alias or name for section in sections() for name, field in section.model_fields.items()
)
