"""What a preview shows is what is sent: of any shop's texts, for any member."""

import email
import email.policy
import json
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from processors.notices.directory.port import MemberKey
from processors.notices.sending.in_hand.hand import Ready
from processors.notices.sending.in_hand.preparing import Background, Prepared, Preparing
from processors.notices.sending.ports import Outside
from processors.notices.sending.wiring import OurWording, _shop
from processors.runtime.notices_configuration import NoticesConfiguration
from rules.notices.outcomes import Custom
from rules.notices.shop import ShopInForce, called, speaking
from rules.notices.texts.languages import language_of
from rules.notices.texts.placeholders import PLACEHOLDERS
from rules.notices.texts.preview import Preview, preview, values_of
from rules.notices.values import Contact
from schemas.ids import DAY, NEVER
from schemas.notices.document import NoticeSettings, load_notice_settings
from schemas.notices.points_change import ALL_PAID
from schemas.notices.sections import NEVER_BY_SMS
from schemas.notices.words import Channel, Kind, State, Why
from store.notices.sending.queue import Taken

NOW: Final = 1_790_000_000_000_000
SHOP: Final = "shop-a"
LANGUAGES: Final = ("en", "zh-hant", "ja", "he")
TEXTS: Final = st.text("a €é點😀\n", max_size=40)
PIECES: Final = st.one_of(
    TEXTS,
    st.sampled_from(sorted(PLACEHOLDERS)).map("{{{{ {} }}}}".format),
    st.sampled_from(["{{ reason | default('a gift') }}", "{{ expires_on | date('short') }}"]),
)


@dataclass(frozen=True)
class Figures:
    """What a notice says, and the reason of whoever gave the points."""

    points: int
    balance: int
    expires_at: int | None
    order_id: str | None
    reason: str | None


FIGURES: Final = st.builds(
    Figures,
    st.integers(1, 10**9),
    st.integers(-(10**12), 10**12),
    st.one_of(st.none(), st.sampled_from([NEVER, ALL_PAID]), st.integers(NOW, NOW + 3000 * DAY)),
    st.one_of(st.none(), st.text(max_size=60)),
    st.one_of(st.none(), st.text(max_size=120)),
)


def _texts(written: list[str]) -> st.SearchStrategy[str]:
    """A text; something is left of it, whatever its values are."""
    return st.just("-" + "".join(written).replace("\n\n", "\n"))


@st.composite
def documents(draw: st.DrawFn) -> NoticeSettings:
    """Settings that may name the shop, its sender, its languages, and have texts of some kinds."""
    text = st.lists(PIECES, max_size=5).flatmap(_texts)
    texts = {
        language: {
            draw(st.sampled_from(["earned", "assigned", "expiring"])): {
                "subject": draw(text).replace("\n", " "),
                "email": draw(text),
                "sms": draw(text),
            }
        }
        for language in draw(st.sets(st.sampled_from(LANGUAGES)))
    }
    sms = {"enabled": True, "sender": "A", "provider": "mitake", "country": "TW"}
    content: dict[str, Any] = {
        "email": {
            "from": draw(st.sampled_from(["Lantern <a@b.example>", "燈 <t@b.example>", None]))
        },
        "sms": sms | {"max_parts": draw(st.integers(1, 3))},
        "texts": texts,
    }
    if draw(st.booleans()):
        content["shop"] = draw(st.sampled_from(["Lantern Tea", "燈籠茶", "Tea & <Co>"]))
    return load_notice_settings(json.dumps(content).encode(), "settings")


class Seals:
    """Opens one reason."""

    def __init__(self, reason: str | None) -> None:
        self._reason = reason

    def open(self, *_: object) -> str | None:
        return self._reason

    def hmac(self, *_: object) -> bytes:
        return b""

    def has_key(self, *_: object) -> bool:
        return True


def sent(
    in_force: ShopInForce, kind: Kind, contact: Contact, figures: Figures, channel: Channel
) -> Prepared:
    """What a sender makes of a notice of these figures."""
    taken = Taken(
        UUID(int=1), UUID(int=2), 1, "ann", kind, channel, State.claimed, 0, figures.points,
        figures.balance, 1, figures.expires_at, figures.order_id, b"", NOW, NOW + DAY, None, None,
        NOW, SHOP, NOW,
    )  # fmt: skip
    unused: Any = None
    outside = Outside(
        shops=unused,
        seals=unused,
        opted_out=unused,
        lapsing=unused,
        month_of=unused,
        not_before=lambda now, *_: now,
        wording=OurWording(NoticesConfiguration()),
    )
    shop = replace(_shop(in_force), tells=lambda *_: True)
    lapsing = {taken.notice_id: figures.points}
    known = Background({1: shop}, Seals(figures.reason), lapsing, NOW)
    of_channel = Preparing("any", channel, Custom(channel is Channel.email, timedelta(0)), outside)
    return of_channel.prepare([taken], known, {MemberKey(1, SHOP, "ann"): contact})


def previewed(in_force: ShopInForce, kind: Kind, contact: Contact, figures: Figures) -> Preview:
    """What `points notices preview --member` shows of it."""
    notices = in_force.notices
    values = values_of(
        called(notices, SHOP), NOW, figures, reason=figures.reason, name=contact.name
    )
    language = language_of(contact.language, notices.languages)
    return preview(notices, kind, language, values, in_force.zone)


@given(
    settings=documents(),
    kind=st.sampled_from(Kind),
    locale=st.sampled_from([None, "en", "zh-TW", "ja_JP", "he", "xx"]),
    name=st.one_of(st.none(), st.text(max_size=60)),
    figures=FIGURES,
    zone=st.sampled_from(["Asia/Taipei", "America/New_York", "UTC"]),
)
def test_what_is_previewed_is_what_is_sent(
    settings: NoticeSettings,
    kind: Kind,
    locale: str | None,
    name: str | None,
    figures: Figures,
    zone: str,
) -> None:
    notices = speaking(settings, ("zh-hant", "en"))
    in_force = ShopInForce(1, SHOP, zone, ("en",), True, True, notices, NEVER)
    contact = Contact(name, locale, "ann@shop.example", "0912345678")
    seen = previewed(in_force, kind, contact, figures)
    if settings.email.from_ is not None:
        (mail,) = sent(in_force, kind, contact, figures, Channel.email).ready
        assert read(mail) == (seen.subject, seen.plain, seen.html, seen.mail_language)
    by_sms = sent(in_force, kind, contact, figures, Channel.sms)
    if kind in NEVER_BY_SMS:
        assert (seen.sms, [each.reason for each in by_sms.ended]) == (None, [Why.render])
    elif seen.too_long:
        assert [each.reason for each in by_sms.ended] == [Why.too_long]
    else:
        (sms,) = by_sms.ready
        assert (sms.worded.text, sms.worded.parts) == (seen.sms, seen.parts)


def read(mail: Ready) -> tuple[str, str, str, str]:
    """Subject, plain text, HTML and language of a mail, as its reader's program has them."""
    message = email.message_from_bytes(mail.worded.mail, policy=email.policy.default)
    plain, html = (message.get_body((kind,)) for kind in ("plain", "html"))
    assert plain is not None
    assert html is not None
    return (
        str(message["Subject"]),
        str(plain.get_content()).replace("\r\n", "\n"),
        str(html.get_content()).replace("\r\n", "\n"),
        str(message["Content-Language"]),
    )
