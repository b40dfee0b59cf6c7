"""Links that stop notices: what a token says, and that nothing else passes for one."""

import json

import pytest

from rules.notices.tokens import PURPOSE, VALID, Unsubscription, link, sign, verify
from rules.signed_tokens import NamedKey, signed
from schemas.ids import SECOND
from schemas.notices.feedback import read_feedback
from schemas.upstream.base import LONGEST_ID

KEY, OLD, OTHER = (
    NamedKey(name, bytes([number]) * 32) for number, name in enumerate(("new", "old", "other"))
)
NOW = 1_790_000_000 * SECOND
ANN = Unsubscription("shop", "ann", "email", "earned")


def test_a_token_says_whom_it_stops_from_hearing() -> None:
    for of in (ANN, Unsubscription("店:1", "a b", "sms", "*")):
        assert verify([KEY], sign(KEY, of, NOW), NOW) == of


@pytest.mark.parametrize("letter", ["a", "茶", "😀", '"', "\x01"])
def test_a_token_of_the_longest_ids_can_be_said_back(letter: str) -> None:
    of = Unsubscription(letter * LONGEST_ID, letter * LONGEST_ID, "email", "*")
    token = sign(NamedKey("k" * 64, KEY.secret), of, NOW)
    record = {"type": "unsubscribe", "token": token, "occurred_at": "2026-11-27T08:30:00Z"}
    read = read_feedback(json.dumps(record).encode())
    assert verify([NamedKey("k" * 64, KEY.secret)], read.token or "", NOW) == of


def test_a_token_is_good_until_it_expires() -> None:
    token = sign(KEY, ANN, NOW)
    assert verify([KEY], token, NOW + VALID - 1) == ANN
    assert verify([KEY], token, NOW + VALID) == "token_expired"


def test_keys_rotate() -> None:
    token = sign(OLD, ANN, NOW)
    assert verify([KEY, OLD], token, NOW) == ANN
    assert verify([KEY], token, NOW) == "token_invalid"
    assert verify([], token, NOW) == "token_invalid"


def test_nothing_else_is_a_token() -> None:
    token = sign(KEY, ANN, NOW)
    header, payload, signature = token.split(".")
    others = sign(KEY, ANN._replace(member_id="ben"), NOW).split(".")[1]
    forged = [
        "", "x", "a.b.c", f"{header}.{payload}.", f"{header}.{others}.{signature}",
        f"{header}.{payload}.{signature[:-1]}", f"{token}.x", "ö" * 50, token.upper(),
        sign(NamedKey("new", OTHER.secret), ANN, NOW),
    ]  # fmt: skip
    assert {verify([KEY], text, NOW) for text in forged} == {"token_invalid"}


@pytest.mark.parametrize(
    "change",
    [{"v": 2}, {"kind": "everything"}, {"channel": "fax"}, {"member_id": 7}, {"exp": "never"}],
)
def test_a_payload_of_another_shape_is_no_token(change: dict[str, object]) -> None:
    payload = {
        "v": 1, "merchant_id": "shop", "member_id": "ann", "channel": "email", "kind": "*",
        "exp": NOW // SECOND + 100,
    }  # fmt: skip
    assert isinstance(verify([KEY], signed(KEY, PURPOSE, payload), NOW), Unsubscription)
    assert verify([KEY], signed(KEY, PURPOSE, payload | change), NOW) == "token_invalid"


def test_a_token_made_for_something_else_stops_nothing() -> None:
    payload = {
        "v": 1, "merchant_id": "shop", "member_id": "ann", "channel": "email", "kind": "*",
        "exp": NOW // SECOND + 100,
    }  # fmt: skip
    assert verify([KEY], signed(KEY, "points-quote", payload), NOW) == "token_invalid"


def test_a_link_is_an_address_with_the_token() -> None:
    assert link("https://shop.example/stop", "a.b.c") == "https://shop.example/stop?token=a.b.c"
    assert link("https://shop.example/?x=1", "a.b.c") == "https://shop.example/?x=1&token=a.b.c"
