"""Providers reached in the clear, and halves of accounts, are told before anything runs."""

from typing import Any

import pytest
from pydantic import SecretStr

from processors.runtime.notices_configuration import (
    MitakeConfiguration,
    SmtpConfiguration,
    TwilioConfiguration,
    WebhookConfiguration,
)
from processors.runtime.provider_checks import problems_of_providers

SECRET = SecretStr("hushhush")
SMTP: dict[str, Any] = {"host": "mail.example"}
TWILIO: dict[str, Any] = {"account_sid": "AC1", "auth_token": SECRET}
WEBHOOK: dict[str, Any] = {"secret": SecretStr("hushhush" * 4)}
MITAKE: dict[str, Any] = {"username": "shop", "password": SECRET}


def problems(
    smtp: dict[str, Any] | None = None,
    twilio: dict[str, Any] | None = None,
    mitake: dict[str, Any] | None = None,
    webhook: dict[str, Any] | None = None,
    *,
    development: bool = False,
) -> list[str]:
    return problems_of_providers(
        SmtpConfiguration(**smtp or {}),
        TwilioConfiguration(**twilio or {}),
        MitakeConfiguration(**mitake or {}),
        WebhookConfiguration(**webhook or {}),
        development=development,
    )


@pytest.mark.parametrize(
    ("which", "variable"),
    [
        ({"smtp": SMTP | {"encryption": "none"}}, "POINTS_SMTP__ENCRYPTION"),
        ({"twilio": TWILIO | {"url": "http://sms.example"}}, "POINTS_TWILIO__URL"),
        ({"mitake": MITAKE | {"url": "http://sms.example"}}, "POINTS_MITAKE__URL"),
        ({"webhook": WEBHOOK | {"private_addresses": True}}, "POINTS_WEBHOOK__PRIVATE_ADDRESSES"),
    ],
)
def test_what_is_not_encrypted_is_for_development_alone(
    which: dict[str, Any], variable: str
) -> None:
    (told,) = problems(**which)
    assert told.startswith(f"{variable}: ")
    assert "POINTS_ENVIRONMENT=development" in told
    assert problems(**which, development=True) == []


@pytest.mark.parametrize(
    ("which", "variable"),
    [
        ({"smtp": SMTP | {"username": "shop"}}, "POINTS_SMTP__PASSWORD"),
        ({"smtp": SMTP | {"password": SECRET}}, "POINTS_SMTP__USERNAME"),
        ({"twilio": {"account_sid": "AC1"}}, "POINTS_TWILIO__AUTH_TOKEN"),
        ({"mitake": {"username": "shop"}}, "POINTS_MITAKE__PASSWORD"),
    ],
)
def test_half_an_account_is_told(which: dict[str, Any], variable: str) -> None:
    (told,) = problems(**which)
    assert told.startswith(f"{variable}: is missing")
    assert "hushhush" not in told


def test_whole_accounts_and_none_are_taken() -> None:
    assert problems() == []
    assert problems(SMTP, TWILIO, MITAKE, WEBHOOK) == []


def test_a_secret_that_can_be_guessed_is_told_even_in_development() -> None:
    (told,) = problems(webhook={"secret": SECRET}, development=True)
    assert told.startswith("POINTS_WEBHOOK__SECRET: is shorter than 32 characters")
    assert "hushhush" not in told


def test_an_address_that_is_none_is_told_even_in_development() -> None:
    (told,) = problems(mitake=MITAKE | {"url": "sms.example"}, development=True)
    assert told.startswith("POINTS_MITAKE__URL: is no address")
