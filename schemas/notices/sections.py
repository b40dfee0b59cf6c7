"""The sections of a shop's notice settings: how it tells, when, and in which words.

As the sections of the points settings, they refuse unknown keys, wrong types and contradictions.
What needs the tables of languages, countries and characters is checked where texts are
(`rules.notices.texts.checking`).
"""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Annotated, Final, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)

from schemas.notices.addresses import named_address, usable_address
from schemas.notices.words import Channel, Kind
from schemas.problems import ProblemError
from schemas.settings.fields import Section, at_least_one, tuple_of_list, without_repeats
from schemas.web_addresses import address_of

MAX_DAYS_BEFORE: Final = 365
# No shop means to pay for more for one notice; a phone may join up to 255.
MAX_PARTS: Final = 10
# One line of a list of mails; longer ones are cut by every reader.
LONGEST_SUBJECT: Final = 200
LONGEST_MAIL: Final = 10_000
LONGEST_SMS: Final = 2000
LONGEST_SHOP: Final = 60
_MONTHS_PARTS: Final = 10**9

NEVER_BY_SMS: Final = frozenset({Kind.corrected, Kind.expired})
"""What an SMS never tells (docs/notices.md)."""
# `assigned` is asked for by the command as well; an SMS for each order costs money, so that its
# shop says so.
_KINDS_BY_MAIL: Final[Mapping[Kind, bool]] = MappingProxyType(
    {kind: kind in {Kind.earned, Kind.assigned} for kind in Kind if kind is not Kind.expiring}
)
_KINDS_BY_SMS: Final[Mapping[Kind, bool]] = MappingProxyType(
    {kind: kind is Kind.assigned for kind in _KINDS_BY_MAIL if kind not in NEVER_BY_SMS}
)
# What would hide or turn the text around it, or end a line of its own.
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff]")
_LINE_END: Final = re.compile(r"[\r\n\t]")
_HOURS: Final = re.compile(r"([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)")
_SENDER: Final = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 &.+_-]{1,11}|\+?[0-9]{3,15}")
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(-[a-z]{4})?(-([a-z]{2}|[0-9]{3}))?")
_COUNTRY: Final = re.compile(r"[A-Z]{2}")

STORED: Final = "stored"
"""The context of a document that was accepted before. What is refused since has to be readable all
the same: one shop's settings must not end those who read all shops'.
"""

_Word = TypeVar("_Word", Kind, Channel)


def _word(of: type[_Word]) -> Callable[[object], object]:
    def read(value: object) -> object:
        try:
            return of(str(value))
        except ValueError:
            raise ProblemError("is not one of its values", f"use {', '.join(of)}") from None

    return read


def _language(value: str) -> str:
    if not _LANGUAGE.fullmatch(value):
        raise ProblemError(
            "is not spelt as a language", "write it in small letters, such as en or zh-hant"
        )
    return value


def _named(value: str) -> str:
    found = named_address(value)
    if found is None:
        raise ProblemError("is not a name and an address", "write it as Shop <points@shop.example>")
    return f"{found[0]} <{found[1]}>"


def _address(value: str) -> str:
    found = usable_address(value)
    if found is None:
        raise ProblemError("is not an e-mail address", "write it as points@shop.example")
    return found


def _hours(value: str) -> str:
    if not _HOURS.fullmatch(value):
        raise ProblemError("is no span of hours", "write it as 21:00-09:00, or null for none")
    start, end = value.split("-")
    if start == end or (start, end) == ("00:00", "24:00"):
        raise ProblemError(
            "is the whole day, so that nothing could ever be sent",
            "leave some hours, use null for none, or switch the channel off",
        )
    return value


def _sender(value: str) -> str:
    if not _SENDER.fullmatch(value) or value != value.strip():
        raise ProblemError(
            "is no sender of an SMS",
            "use 1 to 11 English letters and digits, or a number of 3 to 15 digits",
        )
    return value


def _https(value: str, info: ValidationInfo) -> str:
    if info.context == STORED:  # whoever posts to it looks at it once more
        return value
    parts = address_of(value)
    if parts is None or parts.scheme != "https":
        raise ProblemError(
            "is no address of the web to post to", "write it as https://shop.example/path"
        )
    return value


def _country(value: str) -> str:
    if not _COUNTRY.fullmatch(value):
        raise ProblemError("is not spelt as a country", "use its two capital letters, such as TW")
    return value


def plain_text(value: str) -> str:
    """A text without control characters; line ends are line feeds. Raises ProblemError."""
    value = value.replace("\r\n", "\n").replace("\r", "\n")
    if _CONTROL.search(value):
        raise ProblemError("has control characters", "keep text, line feeds and tabs")
    return value


def one_line(value: str) -> str:
    """A text of one line. Raises ProblemError."""
    if _LINE_END.search(value):
        raise ProblemError("has more than one line", "write it in one line")
    return plain_text(value)


def _complete(
    allowed: Mapping[Kind, bool], why: str
) -> Callable[[dict[Kind, bool]], dict[Kind, bool]]:
    def fill(given: dict[Kind, bool]) -> dict[Kind, bool]:
        for kind in given:
            if kind is Kind.expiring:
                raise ProblemError(
                    "is not switched here", "name the channels under expiring.channels", kind
                )
            if kind not in allowed:
                raise ProblemError(why, "remove it", kind)
        return {**allowed, **given}

    return fill


def not_blank(value: str, info: ValidationInfo) -> str:
    """A text that says something. Raises ProblemError."""
    if not value.strip() and info.context != STORED:
        raise ProblemError("is empty", "give it a value, or leave it out")
    return value


KindName = Annotated[
    Kind,
    BeforeValidator(_word(Kind)),
    PlainSerializer(str, return_type=str),
]
ChannelName = Annotated[
    Channel, BeforeValidator(_word(Channel)), PlainSerializer(str, return_type=str)
]
LanguageName = Annotated[
    str,
    AfterValidator(_language),
    WithJsonSchema({"type": "string", "pattern": rf"^{_LANGUAGE.pattern}$"}),
]
Hours = Annotated[
    str,
    AfterValidator(_hours),
    WithJsonSchema({"type": "string", "pattern": f"^{_HOURS.pattern}$"}),
]


class EmailSettings(Section):
    """How the shop writes mails: by whom, and about what.

    Without `from_` (`from` in the document) no mail can be sent. `kinds` has every kind that is
    switched here.
    """

    enabled: bool = True
    from_: Annotated[str, AfterValidator(_named)] | None = Field(alias="from")
    reply_to: Annotated[str, AfterValidator(_address)] | None = None
    kinds: Annotated[
        dict[KindName, bool],
        AfterValidator(_complete(_KINDS_BY_MAIL, "is not told by mail")),
    ] = dict(_KINDS_BY_MAIL)  # noqa: RUF012 - pydantic copies it


class SmsSettings(Section):
    """How the shop writes SMS: by whom, through whom, about what, and what it will pay for.

    `country`: whose mobile numbers can be written to (ISO 3166). `monthly_limit_parts`: None is no
    limit. `on_unknown`: what becomes of an SMS of which nobody knows whether it was sent.
    """

    enabled: bool = False
    sender: Annotated[str, AfterValidator(_sender)] | None = None
    provider: Literal["twilio", "mitake", "webhook"] | None = None
    max_parts: Annotated[int, Field(ge=1, le=MAX_PARTS)] = 2
    kinds: Annotated[
        dict[KindName, bool],
        AfterValidator(_complete(_KINDS_BY_SMS, "is never told by SMS")),
    ] = dict(_KINDS_BY_SMS)  # noqa: RUF012 - as above
    country: Annotated[str, AfterValidator(_country)] | None = None
    monthly_limit_parts: Annotated[int, Field(ge=0, le=_MONTHS_PARTS)] | None = None
    on_unknown: Literal["hold", "resend"] = "hold"
    webhook_url: Annotated[str, Field(max_length=500), AfterValidator(_https)] | None = None

    @model_validator(mode="after")
    def _can_be_sent(self) -> Self:
        if self.enabled:
            for key in ("sender", "provider", "country"):
                if getattr(self, key) is None:
                    raise ProblemError("is missing, and SMS are switched on", "add it", key)
            if self.provider == "webhook" and self.webhook_url is None:
                raise ProblemError(
                    "is missing, and the provider is webhook", "add it", "webhook_url"
                )
        return self


class Quiet(Section):
    """When nothing is sent, in the shop's zone, such as `21:00-09:00`; None is never."""

    sms: Hours | None = "21:00-09:00"
    email: Hours | None = None


class Expiring(Section):
    """How many days before points lapse their members are reminded, and by which channels."""

    days: Annotated[
        tuple[Annotated[int, Field(ge=1, le=MAX_DAYS_BEFORE)], ...],
        BeforeValidator(tuple_of_list),
        AfterValidator(at_least_one),
        AfterValidator(without_repeats),
    ] = (30, 7)
    channels: Annotated[
        tuple[ChannelName, ...], BeforeValidator(tuple_of_list), AfterValidator(without_repeats)
    ] = ()


class Texts(Section):
    """A shop's words of one kind in one language; None stands for ours."""

    subject: (
        Annotated[
            str,
            Field(max_length=LONGEST_SUBJECT),
            AfterValidator(one_line),
            AfterValidator(not_blank),
        ]
        | None
    ) = None
    email: (
        Annotated[
            str,
            Field(max_length=LONGEST_MAIL),
            AfterValidator(plain_text),
            AfterValidator(not_blank),
        ]
        | None
    ) = None
    sms: (
        Annotated[
            str,
            Field(max_length=LONGEST_SMS),
            AfterValidator(plain_text),
            AfterValidator(not_blank),
        ]
        | None
    ) = None
