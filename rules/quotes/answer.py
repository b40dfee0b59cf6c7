"""The answer to a cart: the quote by the settings in force, in words, and signed."""

from dataclasses import dataclass

from rules.account.in_force import InForce
from rules.quotes.redemption import Quote, quote
from rules.quotes.steps import message, steps
from rules.quotes.tokens import QuoteKey, SignedQuote, Terms, sign
from schemas.answers.quotes import QuoteAnswer
from schemas.ids import Micros
from schemas.quotes import Cart


@dataclass(frozen=True, slots=True)
class Signing:
    """How quotes are signed: the keys, of which the first signs, and how long a quote is valid."""

    keys: tuple[QuoteKey, ...] = ()
    ttl_seconds: int = 900


@dataclass(frozen=True, slots=True)
class Shopper:
    """Whose cart it is, and how many points there are to use."""

    merchant_id: str
    member_id: str
    available: int


def quote_answer(
    cart: Cart, shopper: Shopper, settings: InForce, signing: Signing, now: Micros
) -> QuoteAnswer:
    """What a cart costs with points, by the settings in force at `now` (account.md 2)."""
    made = quote(cart, settings, shopper.available)
    signed = _signed(made, cart, shopper, settings, signing, now)
    return QuoteAnswer(
        merchant_id=shopper.merchant_id,
        member_id=shopper.member_id,
        currency=cart.currency,
        channel=cart.channel,
        settings_version=settings.version,
        subtotal=made.subtotal,
        discount=cart.discount,
        store_credit=cart.store_credit,
        delivery_fee=cart.delivery_fee,
        eligible=made.eligible,
        available=made.available,
        max_points=made.max_points,
        limited_by=made.limited_by,
        entered=cart.points,
        points=made.points,
        point_discount=made.point_discount,
        points_left=made.points_left,
        total=made.total,
        code=made.code,
        message=message(made, cart, settings),
        steps=tuple(steps(made, cart, settings)),
        quoted_at=now,
        valid_until=signed.valid_until if signed is not None else None,
        token=signed.token if signed is not None else None,
    )


def _signed(
    made: Quote, cart: Cart, shopper: Shopper, settings: InForce, signing: Signing, now: Micros
) -> SignedQuote | None:
    if not signing.keys or made.points == 0 or settings.rules is None:
        return None
    rules = settings.rules.account.digest
    return sign(
        signing.keys[0],
        Terms(shopper.merchant_id, shopper.member_id, made.points, rules),
        cart=cart.digest(),
        currency=cart.currency,
        discount=made.point_discount,
        now=now,
        ttl_seconds=signing.ttl_seconds,
    )
