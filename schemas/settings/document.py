"""A merchant's settings document: how points are earned, granted, spent and expire.

The models refuse unknown keys, wrong types and contradictions; `reading` takes a document from JSON
or YAML and turns refusals into sentences. Whatever decides over points must be said: only what has
an obvious answer has a default. See rules.md 1 to 4, account.md 1.
"""

import hashlib
from collections.abc import Sequence
from typing import Annotated, Final, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from schemas.money import MoneyError, fraction_digits
from schemas.problems import ProblemError
from schemas.settings.fields import (
    MAX_POINTS,
    Channels,
    FinalStatus,
    Instant,
    Language,
    Price,
    Section,
    Text,
    Word,
    at_least_one,
    check_digits,
    tuple_of_list,
    without_repeats,
)
from schemas.settings.spending import Assign, Cash, Redeem, RulesText

CRM_CREDITS: Final = "crm_credits"

# Days that a grant may wait (rules.md 2.1). The pages and the published schemas take it from here.
MAX_PENDING_DAYS: Final = 365
_DAYS_OF_MONTH: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


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


class EntitlementSettings(Section):
    """What entitles the merchant to the feature (rules.md 1.8)."""

    plan: Word
    app_installed: bool = False
    modules: Annotated[
        tuple[Word, ...], BeforeValidator(tuple_of_list), AfterValidator(without_repeats)
    ] = ()


class EarnRule(Section):
    """So many points per whole unit price (major units), for one membership tier.

    Without a tier it is for everybody.
    """

    unit_price: Price
    points_per_unit: Annotated[int, Field(ge=1, le=MAX_POINTS)]
    membership_tier_id: Text | None = None


class FixedDate(Section):
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


class Never(Section):
    """Points do not expire."""

    kind: Literal["never"]


class Earn(Section):
    """What an order earns, when it is granted and when it expires."""

    rules: Annotated[
        tuple[EarnRule, ...], BeforeValidator(tuple_of_list), AfterValidator(at_least_one)
    ]
    channels: Channels = ("ec", "retail")
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


class SettingsDocument(Section):
    """One merchant's settings.

    Without `effective_at` they are in force from when they are applied.
    """

    timezone: Annotated[str, AfterValidator(_known_zone)]
    currency: Annotated[str, AfterValidator(_known_currency)]
    languages: Annotated[
        tuple[Language, ...],
        BeforeValidator(tuple_of_list),
        AfterValidator(at_least_one),
        AfterValidator(without_repeats),
    ] = ("en",)
    enabled: bool
    entitlement: EntitlementSettings
    earn: Earn
    redeem: Redeem = Redeem()
    assign: Assign = Assign()
    rules_text: RulesText = {}  # noqa: RUF012 - pydantic copies it
    delivery_overrides: dict[Text, FinalStatus] = {}  # noqa: RUF012 - as above
    effective_at: Instant | None = None

    # A check across sections stands on the later one, so that it is made even when other parts are
    # wrong.
    @field_validator("earn")
    @classmethod
    def _fits_currency(cls, earn: Earn, info: ValidationInfo) -> Earn:
        currency = info.data.get("currency")
        for index, rule in enumerate(earn.rules):
            if currency is not None:
                check_digits(rule.unit_price, currency, "rules", index, "unit_price")
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

    @field_validator("redeem")
    @classmethod
    def _cash_fits_currency(cls, redeem: Redeem, info: ValidationInfo) -> Redeem:
        currency = info.data.get("currency")
        if redeem.cash is not None and currency is not None:
            for key, amount in redeem.cash.amounts().items():
                check_digits(amount, currency, "cash", key)
        return redeem

    @field_validator("rules_text")
    @classmethod
    def _fits_languages(cls, texts: RulesText, info: ValidationInfo) -> RulesText:
        languages = info.data.get("languages")
        for language in texts:
            if languages is not None and language not in languages:
                raise ProblemError(
                    "is in none of the shop's languages", "add it to languages", language
                )
        return texts


def canonical(document: SettingsDocument) -> bytes:
    """The content as JSON, the same for equal settings.

    Defaults are spelt out, keys sorted, `effective_at` is left out.
    """
    content = document.model_dump(mode="json", exclude={"effective_at"})
    earn = content["earn"]
    earn["rules"].sort(key=lambda rule: rule["membership_tier_id"] or "")
    earn["channels"].sort()
    content["entitlement"]["modules"].sort()
    if (cash := content["redeem"]["cash"]) is not None:
        cash["channels"].sort()
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS)


def digest(document: SettingsDocument) -> str:
    """SHA-256 of `canonical`, in hexadecimal: equal digests are equal settings."""
    return hashlib.sha256(canonical(document)).hexdigest()


def sections() -> Sequence[type[BaseModel]]:
    """All models of the document."""
    return (
        SettingsDocument,
        EntitlementSettings,
        Earn,
        EarnRule,
        FixedDate,
        Never,
        Redeem,
        Cash,
        Assign,
    )
