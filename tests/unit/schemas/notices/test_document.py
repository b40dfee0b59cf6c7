"""A shop's notice settings: what they say, and every way in which they are refused."""

import json
from copy import deepcopy
from typing import Any

import orjson
import pytest

from schemas.notices.document import (
    NoticeSettings,
    NoticeSettingsError,
    canonical,
    digest,
    load_notice_settings,
)
from schemas.notices.words import Channel, Kind
from schemas.publish.json_schemas import json_schema

AS_YAML = """
languages: [zh-hant, en]
email:
  enabled: true
  from: "Lantern Tea <points@lantern.example>"
  reply_to: null
  kinds: {earned: true, assigned: true}
sms:
  enabled: true
  sender: LANTERN
  provider: mitake
  max_parts: 2
  kinds: {earned: true}
  country: TW
  monthly_limit_parts: 5000
quiet: {sms: "21:00-09:00", email: null}
expiring: {days: [30, 7], channels: []}
texts:
  zh-hant:
    earned: {subject: 點數, email: 您已獲得點數, sms: "您已獲得 {{ points }} 點"}
"""
WHOLE: dict[str, Any] = {
    "languages": ["zh-hant", "en"],
    "email": {
        "enabled": True,
        "from": "Lantern Tea <points@lantern.example>",
        "reply_to": None,
        "kinds": {"earned": True, "assigned": True},
    },
    "sms": {
        "enabled": True,
        "sender": "LANTERN",
        "provider": "mitake",
        "max_parts": 2,
        "kinds": {"earned": True},
        "country": "TW",
        "monthly_limit_parts": 5000,
    },
    "quiet": {"sms": "21:00-09:00", "email": None},
    "expiring": {"days": [30, 7], "channels": []},
    "texts": {
        "zh-hant": {
            "earned": {
                "subject": "點數",
                "email": "您已獲得點數",
                "sms": "您已獲得 {{ points }} 點",
            }
        }
    },
}
MISSING = object()


def changed(path: str, value: object) -> bytes:
    document = deepcopy(WHOLE)
    *way, last = path.split(".")
    section: Any = document
    for key in way:
        section = section[int(key) if isinstance(section, list) else key]
    if value is MISSING:
        del section[last]
    else:
        section[int(last) if isinstance(section, list) else last] = value
    return json.dumps(document).encode()


def load(data: bytes | str) -> NoticeSettings:
    return load_notice_settings(data.encode() if isinstance(data, str) else data, "settings")


def problems(data: bytes | str) -> dict[str, str]:
    with pytest.raises(NoticeSettingsError) as refused:
        load(data)
    assert all(problem.wrong and problem.remedy for problem in refused.value.problems)
    return {
        problem.path: f"{problem.wrong}; {problem.remedy}" for problem in refused.value.problems
    }


def test_json_and_yaml_say_the_same() -> None:
    assert load(json.dumps(WHOLE)) == load(AS_YAML)


def test_shop_without_settings_tells_nobody_until_somebody_writes_its_mails() -> None:
    settings = NoticeSettings()
    assert settings.email.enabled
    assert not settings.sms.enabled
    assert settings.quiet.sms == "21:00-09:00"
    assert settings.expiring.days == (30, 7)
    assert not any(settings.tells(channel, kind) for channel in Channel for kind in Kind)


def test_with_a_sender_mails_tell_what_is_earned_and_assigned() -> None:
    settings = load('email: {from: "Lantern Tea <points@lantern.example>"}')
    assert [kind for kind in Kind if settings.tells(Channel.email, kind)] == [
        Kind.earned,
        Kind.assigned,
    ]


def test_sms_of_orders_need_the_word_of_their_shop() -> None:
    """They cost money: switched on, SMS tell what is assigned with their box ticked."""
    settings = load("sms: {enabled: true, sender: LANTERN, provider: mitake, country: TW}")
    assert [kind for kind in Kind if settings.tells(Channel.sms, kind)] == [Kind.assigned]
    assert load(AS_YAML).tells(Channel.sms, Kind.earned)
    assert not load(changed("sms.enabled", False)).tells(Channel.sms, Kind.earned)


def test_expiring_is_told_by_the_channels_that_are_named() -> None:
    settings = load(changed("expiring.channels", ["email"]))
    assert settings.tells(Channel.email, Kind.expiring)
    assert not settings.tells(Channel.sms, Kind.expiring)


def test_shop_is_called_as_it_says_or_as_its_mails_come_from() -> None:
    assert load(AS_YAML).shop_name == "Lantern Tea"
    assert load(AS_YAML + "\nshop: 燈籠茶").shop_name == "燈籠茶"
    assert NoticeSettings().shop_name is None


@pytest.mark.parametrize(
    ("path", "value", "where", "wrong"),
    [
        ("languages", [], "languages", "is empty"),
        ("languages", ["zh-Hant"], "languages[0]", "write it in small letters"),
        ("languages", ["../en"], "languages[0]", "is not spelt as a language"),
        ("languages", ["en", "en"], "languages[1]", "is there twice"),
        ("shop", "", "shop", "is empty"),
        ("shop", "Lantern\nTea", "shop", "more than one line"),
        ("shop", "x" * 61, "shop", "longer than 60"),
        ("email.enable", True, "email.enable", "did you mean enabled?"),
        ("email.enabled", "yes", "email.enabled", "is not true or false"),
        ("email.from", MISSING, "email.from", "is missing"),
        ("email.from", "points@lantern.example", "email.from", "not a name and an address"),
        ("email.from", "Tea <a@b.example>, <c@d.example>", "email.from", "not a name and"),
        ("email.from", "Tea\r\nBcc: x <a@b.example>", "email.from", "not a name and an address"),
        ("email.from", "Tea <a@>", "email.from", "not a name and an address"),
        ("email.reply_to", "Tea <a@b.example>", "email.reply_to", "not an e-mail address"),
        ("email.kinds.ernd", True, "email.kinds.ernd", "not one of its values"),
        ("email.kinds.earned", 1, "email.kinds.earned", "is not true or false"),
        ("email.kinds.expiring", True, "email.kinds.expiring", "under expiring.channels"),
        ("sms.kinds.corrected", True, "sms.kinds.corrected", "is never told by SMS"),
        ("sms.kinds.expired", False, "sms.kinds.expired", "is never told by SMS"),
        ("sms.sender", "LANTERN TEAS", "sms.sender", "1 to 11 English letters"),
        ("sms.sender", "燈籠", "sms.sender", "1 to 11 English letters"),
        ("sms.sender", MISSING, "sms.sender", "is missing, and SMS are switched on"),
        ("sms.provider", "pigeon", "sms.provider", "'twilio', 'mitake' or 'webhook'"),
        ("sms.provider", "webhook", "sms.webhook_url", "the provider is webhook"),
        ("sms.max_parts", 0, "sms.max_parts", "use 1 or more"),
        ("sms.max_parts", 11, "sms.max_parts", "use 10 or less"),
        ("sms.country", "Taiwan", "sms.country", "two capital letters"),
        ("sms.monthly_limit_parts", -1, "sms.monthly_limit_parts", "use 0 or more"),
        ("sms.on_unknown", "ask", "sms.on_unknown", "'hold' or 'resend'"),
        ("sms.webhook_url", "http://shop.example", "sms.webhook_url", "https://"),
        ("sms.webhook_url", "https://a:b@shop.example", "sms.webhook_url", "https://"),
        ("sms.webhook_url", "https://shop.example/\r\nx", "sms.webhook_url", "https://"),
        ("sms.webhook_url", " https://shop.example", "sms.webhook_url", "https://"),
        ("sms.webhook_url", "https://shop.example/a b", "sms.webhook_url", "https://"),
        ("shop", "  ", "shop", "is empty"),
        ("email.from", "Te\ud800a <points@tea.example>", "email.from", "name and an address"),
        ("sms.webhook_url", "https://[::1", "sms.webhook_url", "https://"),
        ("quiet.sms", "9pm-9am", "quiet.sms", "write it as 21:00-09:00"),
        ("quiet.sms", "25:00-09:00", "quiet.sms", "write it as 21:00-09:00"),
        ("quiet.sms", "09:00-09:00", "quiet.sms", "is the whole day"),
        ("quiet.email", "00:00-24:00", "quiet.email", "is the whole day"),
        ("expiring.days", [], "expiring.days", "is empty"),
        ("expiring.days", [366], "expiring.days[0]", "use 365 or less"),
        ("expiring.days", [7, 0], "expiring.days[1]", "use 1 or more"),
        ("expiring.days", [7, 7], "expiring.days[1]", "is there twice"),
        ("expiring.channels", ["mail"], "expiring.channels[0]", "use email, sms"),
        ("texts.fr", {}, "texts.fr", "is in none of the shop's languages"),
        ("texts.en", {"ernd": {}}, "texts.en.ernd", "is not one of its values"),
        ("texts.en", {"expired": {"sms": "x"}}, "texts.en.expired.sms", "never told by SMS"),
        ("texts.en", {"earned": {"mail": "x"}}, "texts.en.earned.mail", "did you mean email?"),
        ("texts.en", {"earned": {"sms": " "}}, "texts.en.earned.sms", "is empty"),
        ("texts.en", {"earned": {"sms": "x" * 2001}}, "texts.en.earned.sms", "than 2000"),
        ("texts.en", {"earned": {"email": "x" * 10001}}, "texts.en.earned.email", "than 10000"),
        ("texts.en", {"earned": {"email": "a\x1b[2J"}}, "texts.en.earned.email", "control"),
        ("texts.en", {"earned": {"subject": "a\nb"}}, "texts.en.earned.subject", "one line"),
    ],
)
def test_refusal_says_where_and_what_to_do(
    path: str, value: object, where: str, wrong: str
) -> None:
    found = problems(changed(path, value))
    assert list(found) == [where]
    assert wrong in found[where]


def test_everything_that_is_wrong_is_said_at_once() -> None:
    found = problems(
        "languages: [EN]\nemail: {from: x, reply_to: a@}\nquiet: {sms: late}\ncolour: red\n"
    )
    assert set(found) == {"languages[0]", "email.from", "email.reply_to", "quiet.sms", "colour"}


def test_key_that_is_there_twice_is_refused() -> None:
    assert problems("quiet: {sms: null}\nquiet: {sms: null}")["quiet"].startswith("is there twice")


def test_what_is_no_document_is_refused() -> None:
    assert "is not YAML" in problems("quiet: [")[""]


def test_line_ends_of_a_text_are_line_feeds() -> None:
    settings = load(changed("texts.en", {"earned": {"email": "a\r\nb\rc"}}))
    assert settings.texts["en"][Kind.earned].email == "a\nb\nc"


def test_quiet_hours_may_end_at_midnight() -> None:
    assert load('quiet: {sms: "22:00-24:00"}').quiet.sms == "22:00-24:00"


@pytest.mark.parametrize("settings", [NoticeSettings(), load(AS_YAML)], ids=["none", "whole"])
def test_canonical_content_makes_the_same_settings(settings: NoticeSettings) -> None:
    again = load(canonical(settings))
    assert again == settings
    assert digest(again) == digest(settings)


def test_what_is_said_and_what_is_left_out_are_equal_if_they_mean_the_same() -> None:
    assert digest(load("quiet: {email: null}")) == digest(NoticeSettings())
    assert digest(load("quiet: {sms: null}")) != digest(NoticeSettings())


def test_document_has_a_schema() -> None:
    schema = json_schema("notice-settings-document", NoticeSettings, "taken")
    assert set(schema["properties"]) == set(NoticeSettings.model_fields)
    assert "from" in schema["$defs"]["EmailSettings"]["properties"]


@pytest.mark.parametrize(
    "document",
    [
        {"sms": {"webhook_url": "https://shop.example/hook#"}},
        {"sms": {"webhook_url": "https://shop.example/a\\b"}},
        {"sms": {"webhook_url": "https://shop%2eexample/"}},
        {"shop": " "},
        {"texts": {"en": {"earned": {"subject": "\u00a0"}}}},
    ],
)
def test_what_was_accepted_before_stays_readable(document: dict[str, Any]) -> None:
    """A lane reads the settings of all shops: one that is refused since must not end it."""
    given = orjson.dumps(document)
    with pytest.raises(NoticeSettingsError):
        load_notice_settings(given, "file")
    stored = load_notice_settings(given, "stored", stored=True)
    assert digest(stored) == digest(load_notice_settings(canonical(stored), "s", stored=True))
