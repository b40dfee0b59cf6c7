"""The sections about spending and assigning points, and the texts of the rules (account.md 1)."""

from decimal import Decimal
from typing import Annotated, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    WithJsonSchema,
    model_validator,
)

from schemas.problems import ProblemError
from schemas.settings.fields import (
    Channels,
    Language,
    Minimum,
    Price,
    Section,
    as_number,
    decimal_of_number,
)

# One unit of points that are redeemed together; the prompt of a checkout names it.
MAX_UNIT_POINTS: Final = 1_000_000
# A rules text is a page for people to read.
MAX_RULES_TEXT: Final = 10_000
# A job of a million rows has at most 10^12 points, and JSON numbers are exact up to 15 digits.
MAX_APPROVAL: Final = 10**15
_PERCENT_DIGITS: Final = 2


def _two_digits(percent: Decimal) -> Decimal:
    if percent != round(percent, _PERCENT_DIGITS):
        raise ProblemError("has more than two digits after the point", "round it, as in 12.25")
    return percent


def _text(value: str) -> str:
    if any(character < " " and character not in "\t\n\r" for character in value):
        raise ProblemError("has control characters", "keep text, line feeds and tabs")
    return value


Percent = Annotated[
    Decimal,
    Field(gt=0, le=100),
    BeforeValidator(decimal_of_number),
    AfterValidator(_two_digits),
    PlainSerializer(as_number, return_type=int | float, when_used="json"),
    WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "maximum": 100}),
]
RulesText = dict[
    Language,
    Annotated[str, Field(min_length=1, max_length=MAX_RULES_TEXT), AfterValidator(_text)],
]


class Cash(Section):
    """How points become a discount: every `unit_points` are worth `price_per_unit` (major units).

    An order must reach `minimum_purchase`. The discount of one order is at most `max_amount`
    (major units), or `max_percent` of what is eligible, or as much as there is.
    """

    unit_points: Annotated[int, Field(ge=1, le=MAX_UNIT_POINTS)]
    price_per_unit: Price
    minimum_purchase: Minimum = Decimal(0)
    max_amount: Price | None = None
    max_percent: Percent | None = None
    channels: Channels = ("ec",)

    @model_validator(mode="after")
    def _one_maximum(self) -> Self:
        if self.max_amount is not None and self.max_percent is not None:
            raise ProblemError(
                "is there together with max_amount", "keep one of the two", "max_percent"
            )
        return self

    def amounts(self) -> dict[str, Decimal]:
        """All its amounts of money by key."""
        amounts = {
            "price_per_unit": self.price_per_unit,
            "minimum_purchase": self.minimum_purchase,
        }
        return amounts if self.max_amount is None else amounts | {"max_amount": self.max_amount}


class Redeem(Section):
    """What points are worth, and what becomes of those that an order has spent.

    See account.md 1, 5.
    """

    cash: Cash | None = None
    from_orders: Literal["observe", "debit"] = "observe"
    return_on_cancel: bool = True
    on_return: Literal["proportional", "keep"] = "proportional"


class Assign(Section):
    """What staff may do in bulk (account.md 7)."""

    approval_above: Annotated[int, Field(ge=0, le=MAX_APPROVAL)] | None = None
    bulk_undo: bool = False
