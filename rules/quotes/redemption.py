"""How many points a cart may use, and what they are worth (account.md 2).

Whole numbers only: amounts in minor units, points in multiples of the shop's unit.
"""

from collections.abc import Iterator
from typing import NamedTuple

from rules.account.in_force import InForce
from schemas.commands.bodies import MOST_MOVED
from schemas.money import FRACTION_DIGITS
from schemas.quotes import Bound, Cart, QuoteCode
from schemas.settings.account_rules import CashRules

_WHOLE = 10_000
"""100 % in hundredths of a percent."""


class Bounds(NamedTuple):
    """How many units each bound allows; `maximum` is None where the shop sets none.

    `maximum_amount` is the maximum in money, after a percentage was rounded up. `in_a_hold` are the
    units that one hold can take.
    """

    maximum_amount: int | None
    maximum: int | None
    eligible: int
    balance: int
    in_a_hold: int

    @property
    def are_beyond_a_hold(self) -> bool:
        """Whether no bound of the shop, the cart or the member is as small as what a hold takes."""
        return min(units for units, _ in self._by_name()) > self.in_a_hold

    def smallest(self) -> tuple[int, Bound]:
        """The units that may be used, and the bound that says so; of equal ones the first.

        What one hold can take is the maximum of any order.
        """
        if self.are_beyond_a_hold:
            return self.in_a_hold, "maximum"
        return min(self._by_name(), key=lambda bound: bound[0])

    def _by_name(self) -> Iterator[tuple[int, Bound]]:
        if self.maximum is not None:
            yield self.maximum, "maximum"
        yield self.eligible, "eligible"
        yield self.balance, "balance"


class Quote(NamedTuple):
    """What a cart costs with points.

    `bounds` are None where the code says that no points can be used before they matter.
    """

    code: QuoteCode
    subtotal: int
    eligible: int
    available: int
    max_points: int
    limited_by: Bound | None
    points: int
    point_discount: int
    total: int
    bounds: Bounds | None

    @property
    def points_left(self) -> int:
        """The points that the member has after the order."""
        return self.available - self.points


def quote(cart: Cart, settings: InForce, available: int) -> Quote:
    """The quote of a cart by the settings in force, for a member with so many available points."""
    subtotal, eligible = cart.subtotal, eligible_amount(cart)
    cash, bounds = _cash(settings), None
    code = _not_now(cart, settings, eligible)
    if code is None and cash is not None:
        bounds = bounds_of(cash, cart.currency, eligible, available)
        code = _not_enough(bounds)
    max_points, limited_by, points, discount = 0, None, 0, 0
    if code is None and cash is not None and bounds is not None:
        units, limited_by = bounds.smallest()
        max_points = units * cash.unit_points
        points, code = applied(cart.points, max_points, cash.unit_points)
        discount = points // cash.unit_points * cash.price
    to_pay = subtotal - cart.discount - cart.store_credit - discount + cart.delivery_fee
    return Quote(
        code=code or "ok",
        subtotal=subtotal,
        eligible=eligible,
        available=available,
        max_points=max_points,
        limited_by=limited_by,
        points=points,
        point_discount=discount,
        total=max(0, to_pay),
        bounds=bounds,
    )


def eligible_amount(cart: Cart) -> int:
    """What points may pay for: items that are not excluded, less discounts and store credits.

    Both come off these items whole, as excluded ones get neither (account.md 2).
    """
    included = sum([item.unit_price * item.quantity for item in cart.items if not item.excluded])
    return max(0, included - cart.discount - cart.store_credit)


def bounds_of(cash: CashRules, currency: str, eligible: int, available: int) -> Bounds:
    """The three bounds, each rounded down to whole units, and what one hold can take."""
    amount = maximum_discount(cash, currency, eligible)
    return Bounds(
        maximum_amount=amount,
        maximum=amount // cash.price if amount is not None else None,
        eligible=eligible // cash.price,
        balance=available // cash.unit_points,
        in_a_hold=MOST_MOVED // cash.unit_points,
    )


def maximum_discount(cash: CashRules, currency: str, eligible: int) -> int | None:
    """The shop's maximum for this order, in minor units; None without one.

    A percentage is rounded up to the whole currency unit: 20 % of $226 is $46.
    """
    if cash.max_percent is None:
        return cash.max_amount
    major: int = 10 ** FRACTION_DIGITS[currency]
    return -(-eligible * cash.max_percent // (_WHOLE * major)) * major


def applied(entered: int | None, max_points: int, unit: int) -> tuple[int, QuoteCode]:
    """The points used for what was entered; nothing entered means as many as possible."""
    if entered is None:
        return max_points, "ok"
    if 0 < entered < unit:
        return 0, "below_minimum"
    whole = entered - entered % unit
    if whole > max_points:
        return max_points, "capped"
    return whole, "rounded" if whole < entered else "ok"


def offered(settings: InForce, channel: str) -> CashRules | None:
    """What points are worth on a channel; None where they are not redeemed for cash."""
    cash = _cash(settings)
    return cash if cash is not None and channel in cash.channels else None


def below_minimum(unit: int) -> str:
    """The checkout's only refusal of a number, word for word."""
    return f"At least {unit} points must be entered"


def _cash(settings: InForce) -> CashRules | None:
    return settings.rules.account.cash if settings.rules is not None else None


def _not_now(cart: Cart, settings: InForce, eligible: int) -> QuoteCode | None:
    """Why no points can be used, whatever the member has; the first reason counts."""
    if not settings.feature or settings.rules is None:
        return "feature_off"
    cash = offered(settings, cart.channel)
    if cash is None:
        return "not_offered"
    if cart.currency != settings.rules.currency:
        return "currency_mismatch"
    return "below_minimum_purchase" if eligible < cash.minimum_purchase else None


def _not_enough(bounds: Bounds) -> QuoteCode | None:
    if bounds.maximum == 0 or bounds.eligible == 0:
        return "not_eligible"
    return "no_points" if bounds.balance == 0 else None
