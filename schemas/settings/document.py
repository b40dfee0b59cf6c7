"""A merchant's settings document: how points are earned, granted and expire (rules.md 1 to 4).

The models refuse unknown keys, wrong types and contradictions; `reading` takes a document from JSON
or YAML and turns refusals into sentences. Whatever decides over points must be said: only what has
an obvious answer has a default.
"""

import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Final, Literal, Self, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from schemas.money import MoneyError, fraction_digits, minor_units

_Item = TypeVar("_Item")
Channel = Literal["ec", "retail"]
FinalStatus = Literal["arrived", "collected"]

CRM_CREDITS: Final = "crm_credits"

# No order earns more (rules.md 1.9), so neither does one unit of a rule.
MAX_POINTS: Final = 1_000_000_000
# A unit price is far below this in any currency, and stays exact in every reader of JSON numbers
# (15 digits).
MAX_UNIT_PRICE: Final = 10**12
# Days that a grant may wait (rules.md 2.1). The pages and the published schemas take it from here.
MAX_PENDING_DAYS: Final = 365
_DAYS_OF_MONTH: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class ProblemError(PydanticCustomError):
    """One reason to refuse a document: what was wrong (reads on after the path), and what to do."""

    def __new__(cls, wrong: str, remedy: str, *path: str | int) -> Self:
        """Make the problem; `path` leads on from the field that is being validated."""
        context = {"wrong": wrong, "remedy": remedy, "path": path}
        return super().__new__(cls, "settings", "{wrong}; {remedy}", context)


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


def _known_zone(name: str) -> str:
    # right/ counts leap seconds, which no instant here does; posix/ only repeats the plain names.
    if not name.startswith(("right/", "posix/")) and name not in {
        "localtime",
        "posixrules",
        "Factory",
    }:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            pass
        else:
            return name
    raise ProblemError("is not a known time zone", "use an IANA name such as Asia/Taipei or UTC")


def _known_currency(code: str) -> str:
    try:
        fraction_digits(code)
    except MoneyError:
        raise ProblemError(
            "is not a known currency", "use its ISO 4217 code in capitals, such as TWD or HKD"
        ) from None
    return code


def _decimal_of_number(value: object, info: ValidationInfo) -> object:
    """A JSON number as it was written.

    A float has been rounded already and is refused, but for the JSON of our own topics, which has
    no more digits than a float keeps.
    """
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return Decimal(value)
    if isinstance(value, float) and info.mode == "json":
        return Decimal(repr(value))
    raise ProblemError(
        "is not a number",
        "write it as a JSON number in major units, such as 10 or 0.5, without quotes",
    )


def _as_number(value: Decimal) -> int | float:
    """The same number for JSON, without loss.

    MAX_UNIT_PRICE and three digits of a fraction stay within the 15 digits of a float.
    """
    return int(value) if value == value.to_integral_value() else float(value)


def _tuple_of_list(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def _without_repeats(values: tuple[_Item, ...]) -> tuple[_Item, ...]:
    for index, value in enumerate(values):
        if value in values[:index]:
            raise ProblemError("is there twice", "keep it once", index)
    return values


def _at_least_one(values: tuple[_Item, ...]) -> tuple[_Item, ...]:
    # Not min_length: pydantic would also call a list empty whose items were all refused.
    if not values:
        raise ProblemError("is empty", "give at least one")
    return values


def _instant_of_text(value: object) -> object:
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not re.match(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d", value):
        raise ProblemError(
            "is not a time", "write it with date, time and offset, such as 2024-01-01T00:00:00Z"
        )
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        raise ProblemError(
            "is not a time", "write it with date, time and offset, such as 2024-01-01T00:00:00Z"
        ) from None


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ProblemError("lies outside the calendar", "use a year between 1 and 9999") from None


# Plans and modules are the platform's words and more may come; unknown ones entitle to nothing.
Word = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
Text = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^\S(.*\S)?$")]
Language = Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]
Instant = Annotated[AwareDatetime, BeforeValidator(_instant_of_text), AfterValidator(_in_utc)]
UnitPrice = Annotated[
    Decimal,
    Field(gt=0, le=MAX_UNIT_PRICE),
    BeforeValidator(_decimal_of_number),
    PlainSerializer(_as_number, return_type=int | float, when_used="json"),
    WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "maximum": MAX_UNIT_PRICE}),
]


class EntitlementSettings(_Section):
    """What entitles the merchant to the feature (rules.md 1.8)."""

    plan: Word
    app_installed: bool = False
    modules: Annotated[
        tuple[Word, ...], BeforeValidator(_tuple_of_list), AfterValidator(_without_repeats)
    ] = ()


class EarnRule(_Section):
    """So many points per whole unit price (major units), for one membership tier.

    Without a tier it is for everybody.
    """

    unit_price: UnitPrice
    points_per_unit: Annotated[int, Field(ge=1, le=MAX_POINTS)]
    membership_tier_id: Text | None = None


class FixedDate(_Section):
    """Points granted in one year expire at the end of this day of the next.

    29 February is the 28th in other years.
    """

    kind: Literal["fixed_date"]
    month: Annotated[int, Field(ge=1, le=12)]
    day: Annotated[int, Field(ge=1, le=31)]

    @model_validator(mode="after")
    def _day_exists(self) -> Self:
        last = _DAYS_OF_MONTH[self.month - 1]
        if self.day > last:
            raise ProblemError(
                f"{self.day} does not exist in month {self.month}",
                f"use a day from 1 to {last}",
                "day",
            )
        return self


class Never(_Section):
    """Points do not expire."""

    kind: Literal["never"]


class Earn(_Section):
    """What an order earns, when it is granted and when it expires."""

    rules: Annotated[
        tuple[EarnRule, ...], BeforeValidator(_tuple_of_list), AfterValidator(_at_least_one)
    ]
    channels: Annotated[
        tuple[Channel, ...],
        BeforeValidator(_tuple_of_list),
        AfterValidator(_at_least_one),
        AfterValidator(_without_repeats),
    ] = ("ec", "retail")
    pending_days: Annotated[int, Field(ge=0, le=MAX_PENDING_DAYS)]
    grant_on: Literal["delivery_final", "order_completed"] = "delivery_final"
    expiry: Annotated[FixedDate | Never, Field(discriminator="kind")]
    deduct_store_credit: bool = False
    on_return: Literal["claw_back", "keep"] = "claw_back"
    on_refund: Literal["claw_back", "keep"] = "keep"

    @field_validator("rules")
    @classmethod
    def _one_rule_per_tier(cls, rules: tuple[EarnRule, ...]) -> tuple[EarnRule, ...]:
        seen: set[str | None] = set()
        for index, rule in enumerate(rules):
            tier = rule.membership_tier_id
            if tier in seen:
                of_what = "the general rule" if tier is None else "the rule of a membership tier"
                raise ProblemError(
                    f"is {of_what} once more", "keep one general rule and one per tier", index
                )
            seen.add(tier)
        return rules


class Redeem(_Section):
    """What happens to points that an order spent (rules.md 4.4)."""

    from_orders: Literal["observe", "debit"] = "observe"
    return_on_cancel: bool = True


class SettingsDocument(_Section):
    """One merchant's settings.

    Without `effective_at` they are in force from when they are applied.
    """

    timezone: Annotated[str, AfterValidator(_known_zone)]
    currency: Annotated[str, AfterValidator(_known_currency)]
    languages: Annotated[
        tuple[Language, ...],
        BeforeValidator(_tuple_of_list),
        AfterValidator(_at_least_one),
        AfterValidator(_without_repeats),
    ] = ("en",)
    enabled: bool
    entitlement: EntitlementSettings
    earn: Earn
    redeem: Redeem = Redeem()
    delivery_overrides: dict[Text, FinalStatus] = {}
    effective_at: Instant | None = None

    # A check across sections stands on the later one, so that it is made even when other parts are
    # wrong.
    @field_validator("earn")
    @classmethod
    def _fits_currency(cls, earn: Earn, info: ValidationInfo) -> Earn:
        currency = info.data.get("currency")
        for index, rule in enumerate(earn.rules):
            if currency is None:
                break
            try:
                minor_units(rule.unit_price, currency)
            except MoneyError as error:
                wrong, _, remedy = str(error).partition("; ")
                raise ProblemError(wrong, remedy, "rules", index, "unit_price") from None
        return earn

    @field_validator("earn")
    @classmethod
    def _fits_modules(cls, earn: Earn, info: ValidationInfo) -> Earn:
        entitlement: EntitlementSettings | None = info.data.get("entitlement")
        if (
            earn.grant_on == "order_completed"
            and entitlement
            and CRM_CREDITS not in entitlement.modules
        ):
            wrong = f"may be order_completed only with the module {CRM_CREDITS}"
            raise ProblemError(
                wrong, "use delivery_final, or add the module under entitlement.modules", "grant_on"
            )
        return earn


def canonical(document: SettingsDocument) -> bytes:
    """The content as JSON, the same for equal settings.

    Defaults are spelt out, keys sorted, `effective_at` is left out.
    """
    content = document.model_dump(mode="json", exclude={"effective_at"})
    earn = content["earn"]
    earn["rules"].sort(key=lambda rule: rule["membership_tier_id"] or "")
    earn["channels"].sort()
    content["entitlement"]["modules"].sort()
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS)


def digest(document: SettingsDocument) -> str:
    """SHA-256 of `canonical`, in hexadecimal: equal digests are equal settings."""
    return hashlib.sha256(canonical(document)).hexdigest()


def sections() -> Sequence[type[BaseModel]]:
    """All models of the document."""
    return (SettingsDocument, EntitlementSettings, Earn, EarnRule, FixedDate, Never, Redeem)
