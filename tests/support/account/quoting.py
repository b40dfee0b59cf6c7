"""Carts, and the settings in force, for tests of quotes."""

import json
from typing import Any

from rules.account.in_force import InForce
from schemas.quotes import Cart, load_cart
from schemas.settings import compile_settings, load_settings

SETTINGS: dict[str, Any] = {
    "timezone": "Asia/Taipei",
    "currency": "TWD",
    "enabled": True,
    "entitlement": {"plan": "o2o", "app_installed": True},
    "earn": {
        "rules": [{"unit_price": 10, "points_per_unit": 1}],
        "pending_days": 3,
        "expiry": {"kind": "never"},
    },
}
TEN_FOR_ONE: dict[str, Any] = {"unit_points": 10, "price_per_unit": 1}
"""Every 10 points = $1."""


def settings_of(
    currency: str = "TWD", *, feature: bool = True, cash: bool = True, **keys: Any
) -> InForce:
    """Settings that redeem 10 points for $1; `keys` are further keys of `redeem.cash`."""
    redeem = {"cash": TEN_FOR_ONE | keys if cash else None}
    data = json.dumps(SETTINGS | {"currency": currency, "redeem": redeem}).encode()
    return InForce(3, compile_settings(load_settings(data, name="settings"), 0), feature)


def item(unit_price: int, quantity: int = 1, *, excluded: bool = False) -> dict[str, Any]:
    """A line of a cart."""
    line = {"product_id": "p", "unit_price": unit_price, "quantity": quantity}
    return line | ({"excluded": True} if excluded else {})


def cart_json(*items: dict[str, Any], **keys: Any) -> bytes:
    """A cart as a shop sends it."""
    return json.dumps({"currency": "TWD", "items": list(items)} | keys).encode()


def cart_of(*items: dict[str, Any], **keys: Any) -> Cart:
    """A cart that is valid."""
    return load_cart(cart_json(*items, **keys), name="cart")
