"""Signed tokens: a JWS in compact form (RFC 7515) with HS256, and one header for each purpose.

Our own few lines rather than a library for all of JOSE: the header is not interpreted but compared
with the only ones that we write, so there is no algorithm to choose and nothing to confuse. The
purpose is in the header, so that a token made for one thing never passes for another.
"""

import binascii
import hashlib
import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

SHORTEST_SECRET: Final = 32
"""Bytes: a key as long as the digest (RFC 7518, 3.2)."""
LONGEST_TOKEN: Final = 4096
"""Characters: far more than two ids of 100 characters need."""
_KEY_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_BASE64URL: Final = re.compile(r"[A-Za-z0-9_-]+={0,2}")


@dataclass(frozen=True, slots=True)
class NamedKey:
    """A secret key; `key_id` says which one it was, in what it signs or seals."""

    key_id: str
    secret: bytes = field(repr=False)


class KeysError(ValueError):
    """Keys that cannot be used: all that is wrong, without any part of the text."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(problems))


def named_keys(parts: Sequence[str]) -> tuple[NamedKey, ...]:
    """Keys, each written `kid:base64url`. Raises KeysError."""
    keys: list[NamedKey] = []
    problems: list[str] = []
    for place, part in enumerate(parts, 1):
        try:
            keys.append(_key(part.strip(), place))
        except ValueError as error:
            problems.append(str(error))
    if len({key.key_id for key in keys}) < len(keys):
        problems.append("two keys have one kid: give each a kid of its own")
    if problems:
        raise KeysError(problems)
    return tuple(keys)


def keys_listed(text: str) -> tuple[NamedKey, ...]:
    """The keys of a variable, `kid:base64url,kid:base64url`; none of an empty text.

    Raises KeysError.
    """
    return named_keys(text.split(",") if text.strip() else ())


def _key(text: str, place: int) -> NamedKey:
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
    return NamedKey(key_id, decoded)


def signed(key: NamedKey, purpose: str, payload: Mapping[str, Any]) -> str:
    """The token of a payload. `purpose` is a word without quotes."""
    content = _encoded(orjson.dumps(payload, option=orjson.OPT_SORT_KEYS))
    text = f"{_header(key, purpose)}.{content}"
    return f"{text}.{_signature(key, text)}"


def payload_of(keys: Sequence[NamedKey], purpose: str, token: str) -> dict[str, Any] | None:
    """What a token says that one of the keys has signed for this purpose; else None."""
    parts = token.split(".") if len(token) <= LONGEST_TOKEN and token.isascii() else []
    if len(parts) != len(("header", "payload", "signature")):
        return None
    header, content, signature = parts
    key = next((key for key in keys if _header(key, purpose) == header), None)
    if key is None or not hmac.compare_digest(_signature(key, f"{header}.{content}"), signature):
        return None
    try:
        payload = orjson.loads(urlsafe_b64decode(content + "=" * (-len(content) % 4)))
    except ValueError:  # signed with our key, and yet not ours: the key is used elsewhere too
        return None
    return payload if isinstance(payload, dict) else None


def _header(key: NamedKey, purpose: str) -> str:
    return _encoded(f'{{"alg":"HS256","kid":"{key.key_id}","typ":"{purpose}"}}'.encode())


def _signature(key: NamedKey, text: str) -> str:
    return _encoded(hmac.new(key.secret, text.encode(), hashlib.sha256).digest())


def _encoded(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()
