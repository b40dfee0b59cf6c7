"""The settings as the points account needs them: what points are worth, and what may be done.

Flat, immutable values of one settings version; amounts in minor units.
"""

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from schemas.money import minor_units
from schemas.settings.fields import Channel
from schemas.settings.spending import Cash

if TYPE_CHECKING:
    from schemas.settings.document import SettingsDocument


@dataclass(frozen=True, slots=True)
class CashRules:
    """How points become a discount: every `unit_points` are worth `price`.

    `minimum_purchase` is reached by an equal amount. Of `max_amount` and `max_percent` (in
    hundredths of a percent) at most one is there.
    """

    unit_points: int
    price: int
    minimum_purchase: int
    max_amount: int | None
    max_percent: int | None
    channels: frozenset[Channel]


@dataclass(frozen=True, slots=True)
class AccountRules:
    """What the account needs of one settings version.

    `cash` is None where points are not redeemed for cash. `debit_orders`: points that an order
    redeemed upstream are debited. `returns_on_cancel` and `returns_in_proportion` are the policies
    of captures (account.md 5). `digest` names `cash` and the currency, to which quotes are bound.
    """

    cash: CashRules | None
    debit_orders: bool
    returns_on_cancel: bool
    returns_in_proportion: bool
    approval_above: int | None
    bulk_undo: bool
    digest: str


def account_rules(document: "SettingsDocument") -> AccountRules:
    """The account's part of a document."""
    redeem = document.redeem
    return AccountRules(
        cash=_cash_rules(redeem.cash, document.currency) if redeem.cash is not None else None,
        debit_orders=redeem.from_orders == "debit",
        returns_on_cancel=redeem.return_on_cancel,
        returns_in_proportion=redeem.on_return == "proportional",
        approval_above=document.assign.approval_above,
        bulk_undo=document.assign.bulk_undo,
        digest=rules_digest(redeem.cash, document.currency),
    )


def rules_digest(cash: Cash | None, currency: str) -> str:
    """SHA-256, in hexadecimal, of what decides a quote: equal digests are equal rules.

    Other settings may change while a shopper is at the checkout (account.md 2).
    """
    content = cash.model_dump(mode="json") if cash is not None else None
    if content is not None:
        content["channels"].sort()
    rules = {"cash": content, "currency": currency}
    return hashlib.sha256(orjson.dumps(rules, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _cash_rules(cash: Cash, currency: str) -> CashRules:
    maximum, percent = cash.max_amount, cash.max_percent
    return CashRules(
        unit_points=cash.unit_points,
        price=minor_units(cash.price_per_unit, currency),
        minimum_purchase=minor_units(cash.minimum_purchase, currency),
        max_amount=minor_units(maximum, currency) if maximum is not None else None,
        max_percent=int(percent.scaleb(2)) if percent is not None else None,
        channels=frozenset(cash.channels),
    )
