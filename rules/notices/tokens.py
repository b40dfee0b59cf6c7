"""Links with which a member stops notices: a signed token in each mail (RFC 8058).

A token names the member, the channel and the kind by their ids, so that whoever receives the click
needs nothing but the keys. It stops, and can do nothing else.
"""

from collections.abc import Sequence
from typing import Any, Final, Literal, NamedTuple

from rules.signed_tokens import NamedKey, payload_of, signed
from schemas.ids import DAY, SECOND, Micros
from schemas.notices.words import ALL_KINDS, Channel, Kind

VERSION: Final = 1
PURPOSE: Final = "points-unsubscribe"
VALID: Final = 400 * DAY
"""As long as the notice is kept that it came with; people unsubscribe from old mails."""

LinkRefusal = Literal["token_invalid", "token_expired"]


class Unsubscription(NamedTuple):
    """Who does not want to hear, on which channel, and of what: a kind, or `*` for all."""

    merchant_id: str
    member_id: str
    channel: str
    kind: str


def sign(key: NamedKey, of: Unsubscription, now: Micros) -> str:
    """The token of a link that is made at `now`."""
    payload = {
        "channel": of.channel,
        "exp": (now + VALID) // SECOND,
        "kind": of.kind,
        "member_id": of.member_id,
        "merchant_id": of.merchant_id,
        "v": VERSION,
    }
    return signed(key, PURPOSE, payload)


def link(base: str, token: str) -> str:
    """The address in a mail: `base` with the token behind it."""
    return f"{base}{'&' if '?' in base else '?'}token={token}"


def verify(keys: Sequence[NamedKey], token: str, now: Micros) -> Unsubscription | LinkRefusal:
    """Whom a token stops from hearing, or why it does not."""
    payload = payload_of(keys, PURPOSE, token)
    if payload is None or not _is_whole(payload):
        return "token_invalid"
    if payload["exp"] * SECOND <= now:
        return "token_expired"
    return Unsubscription(*(payload[field] for field in Unsubscription._fields))


def _is_whole(payload: dict[str, Any]) -> bool:
    return (
        payload.get("v") == VERSION
        and type(payload.get("exp")) is int
        and all(isinstance(payload.get(field), str) for field in Unsubscription._fields)
        and payload["channel"] in set(Channel)
        and payload["kind"] in {ALL_KINDS, *Kind}
    )
