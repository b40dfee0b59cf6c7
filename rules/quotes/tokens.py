"""Signed quotes: a JWS in compact form (RFC 7515) with HS256, and one header (account.md 2).

Our own few lines rather than a library for all of JOSE: the header is not interpreted but compared
with the only ones that we write, so there is no algorithm to choose and nothing to confuse.
"""

import binascii
import hashlib
import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

import orjson

from schemas.ids import SECOND, Micros

VERSION: Final = 1
SHORTEST_SECRET: Final = 32
"""Bytes: a key as long as the digest (RFC 7518, 3.2)."""
LONGEST_TOKEN: Final = 4096
"""Characters: far more than two ids of 100 characters need."""
_KEY_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_BASE64URL: Final = re.compile(r"[A-Za-z0-9_-]+={0,2}")

QuoteRefusal = Literal["quote_invalid", "quote_expired", "quote_changed"]


@dataclass(frozen=True, slots=True)
class QuoteKey:
    """A key to sign and verify with; `key_id` is in the header of its tokens."""

    key_id: str
    secret: bytes = field(repr=False)

    @property
    def header(self) -> str:
        """The first part of every token of this key."""
        return _encoded(f'{{"alg":"HS256","kid":"{self.key_id}","typ":"points-quote"}}'.encode())


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


class QuoteKeysError(ValueError):
    """Keys that cannot be used: all that is wrong, without any part of the text."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(problems))


def quote_keys(text: str) -> tuple[QuoteKey, ...]:
    """The keys of a configuration, `kid:base64url,kid:base64url`; none of an empty text.

    The first signs, all verify. Raises QuoteKeysError.
    """
    keys: list[QuoteKey] = []
    problems: list[str] = []
    for place, part in enumerate(text.split(",") if text.strip() else (), 1):
        try:
            keys.append(_key(part.strip(), place))
        except ValueError as error:
            problems.append(str(error))
    if len({key.key_id for key in keys}) < len(keys):
        problems.append("two keys have one kid: give each a kid of its own")
    if problems:
        raise QuoteKeysError(problems)
    return tuple(keys)


def _key(text: str, place: int) -> QuoteKey:
    key_id, colon, secret = text.partition(":")
    if not colon or not _KEY_ID.fullmatch(key_id):
        raise ValueError(
            f"key {place} has no kid: write kid:base64url, the kid of letters, digits, - and _"
        )
    if not _BASE64URL.fullmatch(secret):
        raise ValueError(f"key {place} is not base64url: write letters, digits, - and _")
    try:
        decoded = urlsafe_b64decode(secret.rstrip("=") + "=" * (-len(secret.rstrip("=")) % 4))
    except binascii.Error:
        raise ValueError(f"key {place} is not base64url: its length cannot be") from None
    if len(decoded) < SHORTEST_SECRET:
        raise ValueError(f"key {place} is too short: use {SHORTEST_SECRET} random bytes or more")
    return QuoteKey(key_id, decoded)


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
    signed = f"{key.header}.{_encoded(orjson.dumps(payload, option=orjson.OPT_SORT_KEYS))}"
    return SignedQuote(f"{signed}.{_signature(key, signed)}", (issued + ttl_seconds) * SECOND)


def verify(keys: Sequence[QuoteKey], token: str, wanted: Terms, now: Micros) -> QuoteRefusal | None:
    """Why a hold on these terms may not rely on the token; None when it may.

    `quote_changed`: it is good, but the rules in force are no longer those it was made by.
    """
    payload = _payload(keys, token)
    if payload is None or not _is_of(payload, wanted):
        return "quote_invalid"
    if payload["exp"] * SECOND <= now:
        return "quote_expired"
    return "quote_changed" if payload["rules"] != wanted.rules else None


def _payload(keys: Sequence[QuoteKey], token: str) -> dict[str, Any] | None:
    """What a token says that one of the keys has signed; None for any other text."""
    parts = token.split(".") if len(token) <= LONGEST_TOKEN and token.isascii() else []
    if len(parts) != len(("header", "payload", "signature")):
        return None
    header, content, signature = parts
    key = next((key for key in keys if key.header == header), None)
    if key is None or not hmac.compare_digest(_signature(key, f"{header}.{content}"), signature):
        return None
    try:
        payload = orjson.loads(urlsafe_b64decode(content + "=" * (-len(content) % 4)))
    except ValueError:  # signed with our key, and yet not ours: the key is used elsewhere too
        return None
    return payload if isinstance(payload, dict) else None


def _is_of(payload: dict[str, Any], wanted: Terms) -> bool:
    return (
        payload.get("v") == VERSION
        and payload.get("merchant_id") == wanted.merchant_id
        and payload.get("member_id") == wanted.member_id
        and payload.get("points") == wanted.points
        and type(payload.get("exp")) is int
        and isinstance(payload.get("rules"), str)
    )


def _signature(key: QuoteKey, signed: str) -> str:
    return _encoded(hmac.new(key.secret, signed.encode(), hashlib.sha256).digest())


def _encoded(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()
