"""Signed quotes: what a quote's token says, and whether a hold may rely on it (account.md 2)."""

from collections.abc import Sequence
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from rules.signed_tokens import NamedKey, keys_listed, payload_of, signed
from schemas.ids import SECOND, Micros

VERSION: Final = 1
PURPOSE: Final = "points-quote"

QuoteRefusal = Literal["quote_invalid", "quote_expired", "quote_changed"]
QuoteKey: TypeAlias = NamedKey
"""A key to sign and verify with; its id is in the header of its tokens."""


class Terms(NamedTuple):
    """What a token vouches for, and what a hold asks of it: whose points, how many, which rules."""

    merchant_id: str
    member_id: str
    points: int
    rules: str


class SignedQuote(NamedTuple):
    """A token, and the instant from which on it is not valid."""

    token: str
    valid_until: Micros


def quote_keys(text: str) -> tuple[QuoteKey, ...]:
    """The keys of a configuration, `kid:base64url,kid:base64url`; none of an empty text.

    The first signs, all verify. Raises KeysError.
    """
    return keys_listed(text)


def sign(
    key: QuoteKey,
    terms: Terms,
    *,
    cart: str,
    currency: str,
    discount: int,
    now: Micros,
    ttl_seconds: int,
) -> SignedQuote:
    """The token of a quote made at `now`.

    `cart` is the cart's digest, `discount` the point discount in minor units of `currency`.
    """
    issued = now // SECOND
    payload = {
        "cart": cart,
        "currency": currency,
        "discount": discount,
        "exp": issued + ttl_seconds,
        "iat": issued,
        "member_id": terms.member_id,
        "merchant_id": terms.merchant_id,
        "points": terms.points,
        "rules": terms.rules,
        "v": VERSION,
    }
    return SignedQuote(signed(key, PURPOSE, payload), (issued + ttl_seconds) * SECOND)


def verify(keys: Sequence[QuoteKey], token: str, wanted: Terms, now: Micros) -> QuoteRefusal | None:
    """Why a hold on these terms may not rely on the token; None when it may.

    `quote_changed`: it is good, but the rules in force are no longer those it was made by.
    """
    payload = payload_of(keys, PURPOSE, token)
    if payload is None or not _is_of(payload, wanted):
        return "quote_invalid"
    if payload["exp"] * SECOND <= now:
        return "quote_expired"
    return "quote_changed" if payload["rules"] != wanted.rules else None


def _is_of(payload: dict[str, Any], wanted: Terms) -> bool:
    return (
        payload.get("v") == VERSION
        and payload.get("merchant_id") == wanted.merchant_id
        and payload.get("member_id") == wanted.member_id
        and payload.get("points") == wanted.points
        and type(payload.get("exp")) is int
        and isinstance(payload.get("rules"), str)
    )
