"""Providers reached in the clear, and halves of accounts, are told before anything runs."""

from typing import Any

import pytest
from pydantic import SecretStr

from processors.runtime.notices_configuration import (
    MitakeConfiguration,
    NoticesConfiguration,
    SmtpConfiguration,
    TwilioConfiguration,
    WebhookConfiguration,
)
from processors.runtime.provider_checks import problems_of_links, problems_of_providers

SECRET = SecretStr("hushhush")
SMTP: dict[str, Any] = {"host": "mail.example"}
TWILIO: dict[str, Any] = {"account_sid": "AC1", "auth_token": SECRET}
WEBHOOK: dict[str, Any] = {"secret": SecretStr("hushhush" * 4)}
MITAKE: dict[str, Any] = {"username": "shop", "password": SECRET}
KEYS = SecretStr(f"link:{'A' * 43}=")
NO_BASE = [
    "shop.example/out",
    "ftp://shop.example/out",
    "https://",
    "https://shop.example/out#there",
    "https://shop:hushhush@shop.example/out",
    "https://shop.example/<out>",
    "https://shop.example:0/out",
    "https://shop.example:99999/out",
    "https://shop.example/\r\nBcc: all",
    f"https://shop.example/{'o' * 300}",
]


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


@pytest.mark.parametrize("url", NO_BASE)
def test_an_address_that_nobody_can_call_is_told(url: str) -> None:
    (of_mails,) = problems_of_links(_linked(url), development=True)
    assert of_mails.startswith("POINTS_NOTICES__UNSUBSCRIBE_URL: ")
    told = problems(twilio={"callback_url": url}, mitake={"callback_url": url}, development=True)
    variables = [f"POINTS_{provider}__CALLBACK_URL" for provider in ("TWILIO", "MITAKE")]
    assert [each.partition(":")[0] for each in told] == variables
    assert "hushhush" not in str([of_mails, *told])


def test_only_a_link_to_unsubscribe_may_have_a_query() -> None:
    url = "https://shop.example/out?from=mail"
    assert not [*problems_of_links(_linked(url), development=False)]
    (told,) = problems(twilio={"callback_url": url})
    assert told.startswith("POINTS_TWILIO__CALLBACK_URL: has a query")


def test_what_others_call_in_the_clear_is_for_development_alone() -> None:
    url = "http://shop.example/out"
    told = [*problems_of_links(_linked(url), development=False)]
    told += problems(mitake={"callback_url": url})
    assert len([each for each in told if "POINTS_ENVIRONMENT=development" in each]) == 2
    assert not [*problems_of_links(_linked(url), development=True)]
    assert problems(mitake={"callback_url": url}, development=True) == []


def test_a_link_that_nothing_signs_is_told() -> None:
    notices = NoticesConfiguration(unsubscribe_url="https://shop.example/out")
    (told,) = problems_of_links(notices, development=False)
    assert told.startswith("POINTS_NOTICES__TOKEN_KEYS: is missing")
    assert not [*problems_of_links(NoticesConfiguration(token_keys=KEYS), development=False)]


def _linked(url: str) -> NoticesConfiguration:
    return NoticesConfiguration(unsubscribe_url=url, token_keys=KEYS)
