"""A cart for which points are to be quoted (account.md 2): what a shop sends, and its refusals."""

import hashlib
import re
from collections.abc import Sequence
from typing import Annotated, Final, Literal, Self

import orjson
from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator

from schemas.problems import DocumentError, Problem, ProblemError, problems_of, spelt
from schemas.settings.fields import Channel, Section, at_least_one, tuple_of_list
from schemas.settings.parsing import Mapping, UnreadableError, parse_document, repeated_keys

MAX_ITEMS: Final = 1_000
# In minor units, for amounts, quantities and points alike: exact in every reader of JSON numbers.
MAX_NUMBER: Final = 10**12
# So many minor units fit into the 64 bits of the answer, with the delivery fee.
MAX_SUBTOTAL: Final = 10**18
LONGEST_ID: Final = 100
"""As in records (limits.md)."""
_HAS_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def _name(text: str) -> str:
    # As in commands: a hold whose id a command took can be named here.
    if text != text.strip() or _HAS_CONTROL.search(text):
        raise ProblemError(
            "has control characters or blanks at an end", "write the id as it is, and nothing else"
        )
    return text


def _currency(text: str) -> str:
    # Compared in capitals, as orders' currencies are (rules.md 1.2).
    return text.upper()


def _not_too_many(items: "tuple[CartItem, ...]") -> "tuple[CartItem, ...]":
    if len(items) > MAX_ITEMS:
        raise ProblemError(
            f"has more than {MAX_ITEMS:,} items", "put equal items together by quantity"
        )
    return items


Id = Annotated[str, Field(min_length=1, max_length=LONGEST_ID), AfterValidator(_name)]
Number = Annotated[int, Field(ge=0, le=MAX_NUMBER)]
CurrencyCode = Annotated[str, Field(pattern=r"^[A-Za-z]{3}$"), AfterValidator(_currency)]


class CartItem(Section):
    """A line of the cart. `unit_price` is in minor units.

    `excluded`: the product takes no part in order-level discounts, and so in none by points.
    """

    product_id: Id
    unit_price: Number
    quantity: Annotated[int, Field(ge=1, le=MAX_NUMBER)]
    excluded: bool = False


class Cart(Section):
    """What is in a shopper's cart; amounts in minor units.

    `points`: how many the shopper entered, None while nothing is entered. `ignore_hold`: the hold
    of an earlier try, which the shop releases before it holds again.
    """

    currency: CurrencyCode
    channel: Channel = "ec"
    items: Annotated[
        tuple[CartItem, ...],
        BeforeValidator(tuple_of_list),
        AfterValidator(at_least_one),
        AfterValidator(_not_too_many),
    ]
    discount: Number = 0
    store_credit: Number = 0
    delivery_fee: Number = 0
    points: Number | None = None
    ignore_hold: Id | None = None

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if self.subtotal > MAX_SUBTOTAL:
            raise ProblemError(
                f"cost more than {MAX_SUBTOTAL:,} together", "check prices and quantities", "items"
            )
        return self

    @property
    def subtotal(self) -> int:
        """What all items cost."""
        return sum([item.unit_price * item.quantity for item in self.items])

    def digest(self) -> str:
        """SHA-256, in hexadecimal, of the cart as canonical JSON with its defaults spelt out."""
        content = orjson.dumps(self.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS)
        return hashlib.sha256(content).hexdigest()


class CartError(DocumentError):
    """A cart that was refused, with all its problems."""

    code = "invalid_cart"


_KNOWN_KEYS: Final = frozenset(key for part in (Cart, CartItem) for key in part.model_fields)


def load_cart(data: bytes, *, name: str, points: int | str | None = None) -> Cart:
    """The cart in these bytes of JSON; `points`, as typed, replaces what it says was entered.

    Raises CartError with every problem.
    """
    try:
        # The name says to read it as JSON: a cart comes from a program.
        value = parse_document(data, name="cart.json")
    except UnreadableError as error:
        raise CartError(name, [Problem("", str(error), "send a cart as JSON")]) from None
    repeated = [
        Problem(spelt(path), "is there twice", "keep it once") for path in repeated_keys(value)
    ]
    if points is not None and isinstance(value, Mapping):
        value["points"] = points
    return _validated(value, name, repeated)


def _validated(value: object, name: str, repeated: Sequence[Problem]) -> Cart:
    try:
        cart = Cart.model_validate(value)
    except ValidationError as error:
        raise CartError(name, (*repeated, *problems_of(error, _KNOWN_KEYS))) from None
    if repeated:
        raise CartError(name, repeated)
    return cart


QuoteCode = Literal[
    "ok",
    "capped",
    "rounded",
    "below_minimum",
    "feature_off",
    "not_offered",
    "currency_mismatch",
    "below_minimum_purchase",
    "not_eligible",
    "no_points",
]
"""What a quote says: the first four with points to use, the others why there are none."""
Bound = Literal["maximum", "eligible", "balance"]
"""What limits the points of a cart."""
