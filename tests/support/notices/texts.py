"""Notice settings and values for tests of texts."""

import json
from datetime import UTC, datetime
from typing import Any

from rules.notices.values import Values
from schemas.ids import Micros, micros
from schemas.notices.document import NoticeSettings, load_notice_settings

EXPIRES: Micros = micros(datetime(2026, 12, 31, 16, tzinfo=UTC))
"""The end of 2026 in Taipei."""
ZONE = "Asia/Taipei"
_SMS = {"enabled": True, "sender": "LANTERN", "provider": "mitake", "country": "TW", "max_parts": 2}


def notice_settings(
    texts: dict[str, Any] | None = None,
    *,
    languages: tuple[str, ...] = ("zh-hant", "en"),
    **sms: Any,
) -> NoticeSettings:
    """A shop that tells by both channels, in these texts; `sms` are more keys of that section."""
    return load_notice_settings(document(texts, languages=languages, **sms), "settings")


def document(
    texts: dict[str, Any] | None = None,
    *,
    languages: tuple[str, ...] = ("zh-hant", "en"),
    **sms: Any,
) -> bytes:
    """The document of `notice_settings`."""
    return json.dumps(content(texts, languages=languages, **sms)).encode()


def content(
    texts: dict[str, Any] | None = None,
    *,
    languages: tuple[str, ...] = ("zh-hant", "en"),
    **sms: Any,
) -> dict[str, Any]:
    """What the document of `notice_settings` says."""
    return {
        "languages": languages,
        "email": {"from": "Lantern Tea <points@lantern.example>"},
        "sms": _SMS | {"kinds": {"earned": True}} | sms,
        "texts": texts or {},
    }


def at_any_hour(**sections: Any) -> NoticeSettings:
    """Settings of these sections: without quiet hours, unless they are given."""
    quiet = {"sms": None, "email": None}
    return load_notice_settings(json.dumps({"quiet": quiet, **sections}).encode(), "settings")


def values(**other: Any) -> Values:
    """Ann's 100 points until the end of 2026."""
    usual: dict[str, Any] = {
        "points": 100,
        "balance": 1340,
        "expires_us": EXPIRES,
        "order_number": "65e1f0a40000000000000001",
        "reason": "Birthday",
        "shop": "Lantern Tea",
        "member_name": "Ann",
    }
    return Values(**usual | other)
