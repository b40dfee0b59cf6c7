"""Secrets and personal data are masked wherever they turn up; what is harmless stays readable."""

from time import process_time

import pytest

from processors.runtime.masking import MASK, mask_field, mask_text

JWS = "eyJhbGciOiJIUzI1NiIsImtpZCI6IksifQ.eyJ2IjoxfQ.hushhush"


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://me:hushhush@db/points",
        "redis://:hushhush@cache:6379/0",
        "password=hushhush user=me",
        "sasl.password = 'hush hush'",
        'client_secret="hushhush", scope=x',
        "POINTS_KAFKA__SASL_PASSWORD=hushhush",
        "access_token=hushhush&expires_in=300",
        '{"access_token": "hushhush", "expires_in": 300}',
        "{'sasl.password': 'hushhush'}",
        r'{"password": "with \"hushhush"}',
        "Authorization: Bearer hushhush.and-more",
        "authorization: Basic aHVzaGh1c2g6aHVzaA==",
        f"quote {JWS} is invalid",
        "-----BEGIN PRIVATE KEY-----\nhushhush\n-----END PRIVATE KEY-----",
        "-----BEGIN RSA PRIVATE KEY-----\nhushhush cut off",
        "mail hush.hush+shop@mail.example bounced",
        "one@mail.example&hush=hush@mail.example;'hush@mail.example'hush@mail.example",
        f"?token-{JWS}",
        "could not resolve 'hush@127.0.0.1'",
        "https://directory.example/members?key=hushhush",
        "https://directory.example/members?v=1&code=hushhush&sv=2",
        "https://directory.example/members?sig=hush%2Bhush",
        "cannot ask 'https://directory.example/members?X-Auth=hushhush'",
    ],
)
def test_secrets_and_addresses_are_masked_by_their_looks(text: str) -> None:
    masked = mask_text(text)
    assert MASK in masked
    assert "hush" not in masked
    assert "aHVz" not in masked


@pytest.mark.parametrize(
    "phone",
    [
        *("0912345678", "0912-345-678", "0912 345 678", "+886912345678", "+886 912 345 678"),
        *("(02) 2345-6789", "02-2345-6789", "+852 9123 4567", "+1 (415) 555-0132"),
        *("4417 1234 5678 9113", "4417-1234-5678-9113"),
    ],
)
@pytest.mark.parametrize("text", ["{}", "call {} now", '{{"x":"{}"}}', "phone:{},", "tel={}"])
def test_phones_and_cards_are_masked_by_their_looks(phone: str, text: str) -> None:
    masked = mask_text(text.format(phone))
    assert not any(part in masked for part in ("345", "678", "4567", "0132", "9113"))


@pytest.mark.parametrize(
    "text",
    [
        "POINTS_KAFKA__SASL_PASSWORD: is missing; PLAIN needs user and password",
        "s.orders/3 offset 1234567890123 at 2026-11-27T05:09:50.200465Z",
        "order 5f0d3a9be4b0c7a1d2e3f405 of member 5f0d3a9be4b0c7a1d2e3f406",
        "uuid 01234567-89ab-4cde-8f01-234567890123",
        "sasl_ssl://127.0.0.1:25260/1: Broker: Coordinator load in progress",
        "topic aGVsbG8td29ybGQ was recreated",
        "Kafka at broker-0:9092,broker-1:9092 cannot be reached",
        "1795756197.521 seconds, 0.0012345678 of it",
        "kafka: this user lacks READ on topic commerce.orders.v1",
    ],
)
def test_what_is_harmless_stays(text: str) -> None:
    assert mask_text(text) == text


def test_fields_are_masked_by_their_names_however_deep() -> None:
    planted = {
        "sasl_password": "hush",
        "quote_token": 5,
        "customer": {"email": "hush", "phone": 912345678, "mobile_phone": "hush", "id": "m1"},
        "rows": [{"birthday": "hush"}, "postgresql://me:hush@db/x"],
        "body": b"hush",
        "none": None,
    }
    masked = mask_field("fields", planted)
    assert "hush" not in str(masked)
    assert "912345678" not in str(masked)
    assert masked["customer"]["id"] == "m1"
    assert masked["body"] == "‹4 bytes›"
    assert masked["none"] is None


@pytest.mark.parametrize(
    "piece",
    [
        *("a", "a.-", "password", "token=", "a@", "@", "'@", "&key=", "&code"),
        *("+1", "1.", "eyJ-", "eyJaaaa.", "://a:", "://a:@", "0123-", "a@b.c&"),
    ],
)
@pytest.mark.parametrize("begin", ["", "'", "?", "://"])
def test_a_text_of_any_length_is_masked_soon(begin: str, piece: str) -> None:
    began = process_time()
    mask_text(begin + piece * (30_000 // len(piece)))
    assert process_time() - began < 2
