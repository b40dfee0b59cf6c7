"""How a quote came about, in sentences: what the code means, and each step with its figures."""

from collections.abc import Iterator

from rules.account.in_force import InForce
from rules.explain.formatting import money_shown, points_shown
from rules.quotes.redemption import Bounds, Quote, below_minimum
from schemas.commands.bodies import MOST_MOVED
from schemas.quotes import Cart
from schemas.settings.account_rules import CashRules

_LIMITS = {
    "maximum": "the shop's maximum for one order",
    "eligible": "the amount that points may pay for",
    "balance": "the member's points",
}


def message(made: Quote, cart: Cart, settings: InForce) -> str | None:
    """The sentence that belongs to the code; None for `ok`."""
    cash = _cash(settings)
    currency = settings.rules.currency if settings.rules is not None else ""
    unit = cash.unit_points if cash is not None else 0
    minimum = money_shown(cash.minimum_purchase, currency) if cash is not None else ""
    sentences = {
        "capped": f"At most {made.max_points:,} points can be used for this order",
        "rounded": f"Points are used in multiples of {unit:,}: {made.points:,} are applied",
        "below_minimum": below_minimum(unit),
        "feature_off": "Member points are switched off at this shop",
        "not_offered": f"Points are not redeemed for cash on the channel {cart.channel}",
        "currency_mismatch": f"The cart is in {cart.currency}, the shop's currency is {currency}",
        "below_minimum_purchase": f"Points can be used from {minimum} on",
        "not_eligible": "The amount is too small for a discount by points",
        "no_points": f"There are fewer than {unit:,} points",
    }
    return sentences.get(made.code)


def steps(made: Quote, cart: Cart, settings: InForce) -> Iterator[str]:
    """Each step of the quote with its figures."""
    yield _subtotal(made, cart)
    yield _eligible(made, cart)
    yield f"{points_shown(made.available)} are available."
    cash = _cash(settings)
    if made.bounds is not None and cash is not None:
        yield from _bounds(made, made.bounds, cash, cart.currency)
    if made.bounds is not None and made.bounds.are_beyond_a_hold:
        yield f"One order can use {points_shown(MOST_MOVED)} at most."
    if made.limited_by is not None:
        yield f"At most {points_shown(made.max_points)} can be used, by {_limit(made)}."
    text = message(made, cart, settings)
    if text is not None:
        yield f"{made.code}: {text}."
    yield _result(made, cart)


def _cash(settings: InForce) -> CashRules | None:
    return settings.rules.account.cash if settings.rules is not None else None


def _subtotal(made: Quote, cart: Cart) -> str:
    items = sum(item.quantity for item in cart.items)
    what = "1 item costs" if items == 1 else f"{items:,} items cost"
    return f"{what} {money_shown(made.subtotal, cart.currency)}."


def _eligible(made: Quote, cart: Cart) -> str:
    excluded = sum(item.unit_price * item.quantity for item in cart.items if item.excluded)
    off = [
        f"{what} of {money_shown(amount, cart.currency)}"
        for what, amount in (
            ("excluded products", excluded),
            ("the discount", cart.discount),
            ("store credit", cart.store_credit),
        )
        if amount
    ]
    without = f", without {' and '.join(off)}" if off else ""
    return f"Points may pay for {money_shown(made.eligible, cart.currency)} of it{without}."


def _bounds(made: Quote, bounds: Bounds, cash: CashRules, currency: str) -> Iterator[str]:
    each = money_shown(cash.price, currency)
    yield f"Every {points_shown(cash.unit_points)} are worth {each}."
    if bounds.maximum_amount is not None:
        maximum = money_shown(bounds.maximum_amount, currency)
        of_what = ""
        if cash.max_percent is not None:
            percent = f"{cash.max_percent // 100}.{cash.max_percent % 100:02d}"
            percent = percent.rstrip("0").rstrip(".")
            amount = money_shown(made.eligible, currency)
            of_what = f" ({percent} % of {amount}, rounded up to the whole unit)"
        yield f"The shop's maximum is {maximum}{of_what}: {_units(bounds.maximum or 0)}."
    yield f"The amount allows {_units(bounds.eligible)}, the balance {_units(bounds.balance)}."


def _limit(made: Quote) -> str:
    if made.bounds is not None and made.bounds.are_beyond_a_hold:
        return "the most that one order can use"
    return _LIMITS[made.limited_by or "maximum"]


def _units(units: int) -> str:
    return "1 unit" if units == 1 else f"{units:,} units"


def _result(made: Quote, cart: Cart) -> str:
    discount = money_shown(made.point_discount, cart.currency)
    total = money_shown(made.total, cart.currency)
    return (
        f"{points_shown(made.points)} give a discount of {discount}; "
        f"{total} are to be paid, and {points_shown(made.points_left)} are left."
    )
