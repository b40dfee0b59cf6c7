"""What a cart may redeem, and whether a hold may rely on what was said (account.md 2, 3)."""

from fractions import Fraction
from math import ceil
from typing import NamedTuple

from tests.oracle.commands import SECOND, Json, Micros, Refused
from tests.oracle.records import Settings


class Token(NamedTuple):
    """What a signed quote vouches for."""

    member: str
    points: int
    rules: Json
    ends: Micros


def rules_of(settings: Settings) -> Json:
    """What a token binds to: the rules of redeeming and the currency, not the version (A15)."""
    return {
        "cash": (settings.get("redeem") or {}).get("cash"),
        "currency": settings["currency"],
    }


def quote(cart: Json, settings: Settings, available: int, *, is_on: bool) -> tuple[int, str]:
    """The points and the code of a cart of a currency without fractions."""
    cash = rules_of(settings)["cash"]
    if not is_on:
        return 0, "feature_off"
    if cash is None or cart.get("channel", "ec") not in cash.get("channels", ["ec"]):
        return 0, "not_offered"
    if cart["currency"] != settings["currency"]:
        return 0, "currency_mismatch"
    unit, eligible = cash["unit_points"], _eligible(cart)
    if eligible < cash.get("minimum_purchase", 0):
        return 0, "below_minimum_purchase"
    if not (units := _most_units(cash, eligible)):
        return 0, "not_eligible"
    if available < unit:
        return 0, "no_points"
    most = min(available, 10**9)  # no hold takes more
    return _by_what_was_entered(cart.get("points"), unit, unit * min(units, most // unit))


def _eligible(cart: Json) -> int:
    lines = [item for item in cart["items"] if not item.get("excluded")]
    goods: int = sum(item["unit_price"] * item["quantity"] for item in lines)
    off: int = cart.get("discount", 0) + cart.get("store_credit", 0)
    return max(0, goods - off)


def _most_units(cash: Json, eligible: int) -> int:
    bounds: list[int] = [eligible]
    if cash.get("max_amount") is not None:
        bounds.append(cash["max_amount"])
    if cash.get("max_percent") is not None:
        bounds.append(ceil(Fraction(eligible * cash["max_percent"], 100)))
    price: int = cash["price_per_unit"]
    return min(bounds) // price


def _by_what_was_entered(entered: int | None, unit: int, most: int) -> tuple[int, str]:
    if entered is None or entered == 0:
        return (most if entered is None else 0), "ok"
    if entered < unit:
        return 0, "below_minimum"
    wanted = entered - entered % unit
    if wanted > most:
        return most, "capped"
    return wanted, "ok" if wanted == entered else "rounded"


def check(token: Token | None, member: str, points: int, settings: Settings, now: Micros) -> None:
    """Raise why a hold may not rely on a token; None is one that nobody signed."""
    if token is None or (token.member, token.points) != (member, points):
        raise Refused("quote_invalid")
    if token.ends <= now:
        raise Refused("quote_expired")
    if token.rules != rules_of(settings):
        raise Refused("quote_changed", changed=["settings"])


def ends(now: Micros) -> Micros:
    """When a quote that is made now is not valid any more: whole seconds, 900 of them."""
    return (now // SECOND + 900) * SECOND
