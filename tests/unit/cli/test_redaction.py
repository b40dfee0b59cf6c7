"""A dead letter is shown without showing whom it is about."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.support.redaction import IDS, TIMES, WORDS, redacted, shown_headers, shown_key, shown_value

PERSONAL = {
    "topic": "order/update",
    "merchant_id": "652beb35931dcd0042ce172c",
    "resource": {
        "id": "68281a7883f5d800116176fc",
        "customer_name": "Lin Fictional",
        "customer_phone": "0900000001",
        "customer_email": "lin@example.test",
        "birthday": 19800229,
        "delivery_address": {
            "address_1": "1 Nowhere Road",
            "recipient_phone": 900000001,
            "layers": ["Nowhere", "Road"],
        },
        "created_at": "yesterday, says Lin",
        "status": "Lin was here",
        "updated_at": "2024-01-01T00:00:00.000+08:00",
        "subtotal": {"cents": 1200, "label": "NT$1,200 for Lin"},
    },
}
TELLING = ("Lin", "0900000001", "900000001", "example.test", "Nowhere", "19800229")


def test_personal_fields_are_masked_and_the_rest_is_shown() -> None:
    shown = shown_value(orjson.dumps(PERSONAL))
    text = orjson.dumps(shown).decode()
    assert [word for word in TELLING if word in text] == []
    assert shown["merchant_id"] == PERSONAL["merchant_id"]
    assert shown["resource"]["id"] == "68281a7883f5d800116176fc"
    assert shown["resource"]["updated_at"] == "2024-01-01T00:00:00.000+08:00"
    assert shown["resource"]["subtotal"]["cents"] == 1200
    assert shown["resource"]["created_at"] == "‹text of 19 characters›"


def test_broken_json_shows_its_shape_only() -> None:
    text = orjson.dumps(PERSONAL).decode()[:-1] + ",}"
    shown = shown_value(text.encode())
    assert [word for word in TELLING if word in shown] == []
    assert "not JSON" in shown
    assert "xxxxx" in shown


def test_bytes_that_are_no_text_are_an_excerpt_in_hex() -> None:
    shown = shown_value(b"\xff\x00\x01" + b"z" * 500)
    assert "503 bytes" in shown
    assert "ff 00 01" in shown
    assert len(shown) < 200


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        (b"0900000001", "‹text of 10 characters›"),
        (
            b"652beb35931dcd0042ce172c:68281a7883f5d800116176fc",
            "652beb35931dcd0042ce172c:68281a7883f5d800116176fc",
        ),
        (b"\xff\xfe", "‹2 bytes›"),
        (None, None),
    ],
)
def test_keys_are_shown_when_they_are_ids(key: bytes | None, shown: str | None) -> None:
    assert shown_key(key) == shown


def test_only_our_own_headers_are_shown() -> None:
    headers = [("x-user", b"Lin"), ("__dlq.errors.offset", b"7"), ("none", None)]
    assert shown_headers(headers) == [
        ["x-user", "‹3 bytes›"],
        ["__dlq.errors.offset", "7"],
        ["none", None],
    ]


def _nested(inner: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)


@given(st.recursive(st.text("ÄÖÜ王小明 -", min_size=3) | st.integers(100, 10**9), _nested))
def test_nothing_unknown_is_ever_shown(value: object) -> None:
    shown = orjson.dumps(redacted({"resource": value}, "")).decode()
    assert not set("ÄÖÜ王小明") & set(shown)


@given(
    st.sampled_from(sorted(IDS | WORDS | TIMES)),
    st.text("ÄÖÜ王小明 0123456789@", min_size=1, max_size=18),
)
def test_known_fields_show_only_what_such_fields_hold(field: str, text: str) -> None:
    assert redacted({field: text})[field] == f"‹text of {len(text)} characters›"
