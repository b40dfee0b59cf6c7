"""Signed quotes: what a token looks like, and that nothing else passes for one."""

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.quotes.tokens import QuoteKey, Terms, quote_keys, sign, verify
from rules.signed_tokens import KeysError
from schemas.ids import SECOND

SECRET = bytes(range(32))
KEY, OTHER = QuoteKey("2026-a", SECRET), QuoteKey("2026-b", SECRET[::-1])
TERMS = Terms("shop", "ann", 460, "ab" * 32)
HEADER = {"alg": "HS256", "kid": "2026-a", "typ": "points-quote"}
NOW = 1_700_000_000_500_000


def b64(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return urlsafe_b64decode(text + "==")


def token(key: QuoteKey = KEY, terms: Terms = TERMS) -> str:
    return sign(
        key, terms, cart="cd" * 32, currency="TWD", discount=46, now=NOW, ttl_seconds=900
    ).token


def forged(header: Any, payload: Any, secret: bytes = SECRET) -> str:
    """A token made by hand; header and payload as JSON text or a value."""
    parts = [part if isinstance(part, str) else compact(part) for part in (header, payload)]
    signed = ".".join(b64(part.encode()) for part in parts)
    return f"{signed}.{b64(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"


def compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


PAYLOAD = json.loads(unb64(token().split(".")[1]))


def test_a_token_is_a_jws_with_this_header_and_a_canonical_payload() -> None:
    signed = sign(KEY, TERMS, cart="cd", currency="TWD", discount=46, now=NOW, ttl_seconds=900)
    header, payload, signature = signed.token.split(".")
    assert unb64(header) == b'{"alg":"HS256","kid":"2026-a","typ":"points-quote"}'
    assert unb64(payload).decode() == (
        '{"cart":"cd","currency":"TWD","discount":46,"exp":1700000900,"iat":1700000000,'
        f'"member_id":"ann","merchant_id":"shop","points":460,"rules":"{TERMS.rules}","v":1}}'
    )
    digest = hmac.new(SECRET, f"{header}.{payload}".encode(), hashlib.sha256).digest()
    assert unb64(signature) == digest
    assert signed.valid_until == 1_700_000_900 * SECOND
    assert forged(HEADER, unb64(payload).decode()) == signed.token


def test_ids_are_utf_8_in_the_payload() -> None:
    terms = TERMS._replace(member_id="王小明")
    made = token(terms=terms)
    assert "王小明".encode() in unb64(made.split(".")[1])
    assert verify([KEY], made, terms, NOW) is None


def test_a_signature_in_other_letters_is_refused_and_breaks_nothing() -> None:
    """Comparing in constant time raises for text that is not ASCII."""
    head, _, signature = token().rpartition(".")
    assert verify([KEY], f"{head}.{signature[:-1]}é", TERMS, NOW) == "quote_invalid"


def test_a_token_is_good_until_the_second_it_ends() -> None:
    ends = 1_700_000_900 * SECOND
    assert verify([KEY], token(), TERMS, NOW) is None
    assert verify([KEY], token(), TERMS, ends - 1) is None
    assert verify([KEY], token(), TERMS, ends) == "quote_expired"


def test_a_token_may_be_used_again() -> None:
    assert [verify([KEY], token(), TERMS, NOW) for _ in range(3)] == [None] * 3


@pytest.mark.parametrize(
    "wanted",
    [
        TERMS._replace(merchant_id="other"),
        TERMS._replace(member_id="bob"),
        TERMS._replace(points=470),
        TERMS._replace(points=450),
    ],
)
def test_a_token_of_another_merchant_member_or_number_is_invalid(wanted: Terms) -> None:
    assert verify([KEY], token(), wanted, NOW) == "quote_invalid"


def test_other_rules_are_a_change_and_an_ended_token_is_ended_first() -> None:
    wanted = TERMS._replace(rules="other")
    assert verify([KEY], token(), wanted, NOW) == "quote_changed"
    assert verify([KEY], token(), wanted, NOW + 900 * SECOND) == "quote_expired"


def test_keys_are_rotated_by_adding_in_front_and_dropping_the_last() -> None:
    assert verify([OTHER, KEY], token(KEY), TERMS, NOW) is None
    assert verify([OTHER, KEY], token(OTHER), TERMS, NOW) is None
    assert verify([OTHER], token(KEY), TERMS, NOW) == "quote_invalid"


def test_without_keys_no_token_is_valid() -> None:
    assert verify([], token(), TERMS, NOW) == "quote_invalid"


@pytest.mark.parametrize(
    "header",
    [
        HEADER | {"alg": "none"},
        HEADER | {"alg": "None"},
        HEADER | {"alg": "HS512"},
        HEADER | {"alg": "RS256"},
        HEADER | {"typ": "JWT"},
        HEADER | {"kid": "2026-z"},
        HEADER | {"crit": ["exp"]},
        HEADER | {"jwk": {"kty": "oct", "k": b64(SECRET)}},
        {"alg": "HS256", "typ": "points-quote"},
        {"typ": "points-quote", "kid": "2026-a", "alg": "HS256"},
        '{"alg": "HS256", "kid": "2026-a", "typ": "points-quote"}',
        "{}",
        "",
        "[]",
    ],
)
def test_any_other_header_is_refused_even_when_the_signature_is_right(header: Any) -> None:
    assert verify([KEY], forged(header, PAYLOAD), TERMS, NOW) == "quote_invalid"


def test_alg_none_without_a_signature_is_refused() -> None:
    _, payload, _ = token().split(".")
    none = b64(b'{"alg":"none","kid":"2026-a","typ":"points-quote"}')
    for text in (f"{none}.{payload}.", f"{none}.{payload}", f"{token().rpartition('.')[0]}."):
        assert verify([KEY], text, TERMS, NOW) == "quote_invalid"


def test_a_token_signed_with_another_secret_is_refused() -> None:
    assert verify([KEY], forged(HEADER, PAYLOAD, SECRET[::-1]), TERMS, NOW) == "quote_invalid"
    assert verify([KEY], forged(HEADER, PAYLOAD, b""), TERMS, NOW) == "quote_invalid"


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "[]",
        "null",
        "not json",
        {},
        PAYLOAD | {"v": 2},
        PAYLOAD | {"exp": "9999999999"},
        PAYLOAD | {"exp": None},
        PAYLOAD | {"points": "460"},
        PAYLOAD | {"rules": None},
    ],
)
def test_what_the_key_signed_elsewhere_is_no_quote(payload: Any) -> None:
    assert verify([KEY], forged(HEADER, payload), TERMS, NOW) == "quote_invalid"


@pytest.mark.parametrize("text", ["", ".", "..", "...", "x" * 5000, "é.é.é", " ", "a.b.c\n"])
def test_a_text_that_is_no_token_is_refused(text: str) -> None:
    assert verify([KEY], text, TERMS, NOW) == "quote_invalid"


@given(st.data())
def test_no_changed_character_passes(data: st.DataObject) -> None:
    made = token()
    place = data.draw(st.integers(0, len(made) - 1))
    put = data.draw(st.sampled_from("ABab01-_=. \n").filter(lambda c: c != made[place]))
    assert verify([KEY], made[:place] + put + made[place + 1 :], TERMS, NOW) == "quote_invalid"
    assert verify([KEY], made + put, TERMS, NOW) == "quote_invalid"


def test_keys_are_read_in_their_order_with_or_without_padding() -> None:
    long = bytes(range(40))
    text = f" a_1:{b64(SECRET)}= , B-2:{b64(long)}"
    assert quote_keys(text) == (QuoteKey("a_1", SECRET), QuoteKey("B-2", long))
    assert quote_keys("") == quote_keys("  ") == ()


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        (b64(SECRET), "key 1 has no kid"),
        (f":{b64(SECRET)}", "key 1 has no kid"),
        (f"a.b:{b64(SECRET)}", "key 1 has no kid"),
        (f"a:{b64(SECRET)},", "key 2 has no kid"),
        ("a:", "key 1 is not base64url"),
        ("a:hush+hush/hush", "key 1 is not base64url"),
        (f"a:{b64(SECRET)},b:{b64(SECRET)[:-2]}", "key 2 is not base64url"),
        (f"a:{b64(SECRET[:31])}", "key 1 is too short: use 32 random bytes or more"),
        ("a.b:x,b:-", "key 1 has no kid.*; key 2 is not base64url"),
        (f"a:{b64(SECRET)},a:{b64(SECRET)}", "two keys have one kid"),
    ],
)
def test_keys_that_cannot_be_used_are_told_without_being_shown(text: str, wrong: str) -> None:
    with pytest.raises(KeysError, match=wrong) as refused:
        quote_keys(text)
    assert b64(SECRET) not in str(refused.value)
    assert "hush" not in str(refused.value)


def test_a_key_is_not_shown() -> None:
    assert "secret" not in repr(KEY)
