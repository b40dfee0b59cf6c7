"""Notices in words: a shop's or ours, in every language, whatever the values are."""

from html import unescape
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.notices.shop import speaking
from rules.notices.texts import ours
from rules.notices.texts.placeholders import problems
from rules.notices.texts.render import (
    MailText,
    NotRendered,
    SmsText,
    TextTooLong,
    render_mail,
    render_sms,
)
from rules.sms.parts import Encoding
from schemas.ids import NEVER
from schemas.notices.document import NoticeSettings
from schemas.notices.sections import NEVER_BY_SMS
from schemas.notices.words import Kind
from tests.support.notices.texts import ZONE, notice_settings, values

LINK = "https://points.example/unsubscribe?t=abc"
NASTY = st.one_of(
    st.text(max_size=150),
    st.sampled_from(
        [
            "{{ 7 * 191 }}",
            "{{ reason }}",
            "{% raw %}",
            "<script>alert(1)</script>",
            '"><img src=x onerror=1>',
            "Ann\r\nBcc: ben@tea.example\r\n\r\nbody",
            "שרה \u202eabc",
            "Ann 🎁",
            "=?utf-8?q?x=0D=0ABcc:_ben?=",
        ]
    ),
)


class Reader(HTMLParser):
    """What a page shows, and of which tags it is made."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name == "href"]

    def handle_data(self, data: str) -> None:
        self.text += data


def mail(settings: NoticeSettings | None = None, language: str = "en", **other: Any) -> MailText:
    return render_mail(
        settings or notice_settings(),
        Kind.earned,
        language,
        values(**other),
        ZONE,
        unsubscribe=LINK,
    )


def sms(settings: NoticeSettings | None = None, language: str = "en", **other: Any) -> SmsText:
    return render_sms(settings or notice_settings(), Kind.earned, language, values(**other), ZONE)


@pytest.mark.parametrize("language", ours.LANGUAGES)
@pytest.mark.parametrize("kind", Kind)
def test_our_texts_are_complete(kind: Kind, language: str) -> None:
    texts = ours.words(language).texts[kind]
    assert texts.subject
    assert texts.email
    assert (texts.sms is None) == (kind in NEVER_BY_SMS)
    for text in (texts.subject, texts.email, texts.sms or ""):
        assert list(problems(text)) == []


@pytest.mark.parametrize("language", ours.LANGUAGES)
@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("known", [True, False])
def test_our_texts_can_be_read_with_and_without_what_may_be_absent(
    kind: Kind, language: str, known: bool
) -> None:
    absent = dict.fromkeys(("member_name", "reason", "order_number", "expires_us"))
    written = render_mail(
        notice_settings(), kind, language, values(**{} if known else absent), ZONE
    )
    assert written.language == language
    assert "Lantern Tea" in written.subject
    assert "1,340" in written.plain
    for text in (written.subject, written.plain):
        assert "{{" not in text
        assert "None" not in text
        assert "  " not in text


def test_mail_says_what_was_earned() -> None:
    written = mail()
    assert written.subject == "Lantern Tea: you earned points (+100)"
    assert written.plain == (
        "Dear Ann,\n\nThank you for your order. The points that you earned are in your account "
        "now.\n\nPoints earned: 100\nYour points now: 1,340\nValid until: December 31, 2026, "
        "23:59\n\nEnjoy them with your next purchase!\n\n-- \nYou get this e-mail because you "
        f"collect points at Lantern Tea.\nUnsubscribe from these e-mails: {LINK}\n"
    )


def test_mail_in_chinese() -> None:
    written = mail(language="zh-hant", member_name=None, shop="燈籠茶")
    assert written.subject == "燈籠茶：您獲得了 100 點"
    assert written.plain.startswith("親愛的會員 您好：\n")
    assert "有效期限：2026年12月31日 23:59\n" in written.plain


def test_sms_says_what_was_earned() -> None:
    assert sms() == SmsText(
        "Lantern Tea: you earned points for your order: 100. Your points now: 1,340. "
        "Expiry: Dec 31, 2026, 23:59.",
        Encoding.gsm7,
        104,
        1,
        "en",
    )
    assert sms(language="zh-hant", shop="燈籠茶") == SmsText(
        "燈籠茶：您的訂單已獲得 100 點，目前共有 1,340 點。有效期限：2026年12月31日 23:59",
        Encoding.ucs2,
        53,
        1,
        "zh-hant",
    )


def test_points_of_a_billion_in_an_sms() -> None:
    assert "1,000,000,000" in sms(points=1_000_000_000).text


def test_points_that_never_expire() -> None:
    assert "Valid until: they do not expire\n" in mail(expires_us=NEVER).plain
    assert sms(expires_us=None).text.endswith("Expiry: never.")
    assert "有效期限：無期限\n" in mail(language="zh-hant", expires_us=None).plain


def test_shops_words_stand_for_ours_one_by_one() -> None:
    settings = notice_settings({"en": {"earned": {"subject": "{{ points | number }} for you"}}})
    assert mail(settings).subject == "100 for you"
    assert mail(settings).plain.startswith("Dear Ann,")
    assert mail(settings, "zh-hant").subject == "Lantern Tea：您獲得了 100 點"


def test_placeholders_filters() -> None:
    text = (
        "{{ points | number }}|{{ expires_on | date('short') }}|{{ expires_on | date }}|"
        "{{ expires_on | default('ever') }}|{{ member_name | default('you') }}|{{ shop }}"
    )
    settings = notice_settings({"en": {"earned": {"email": text}}})
    assert mail(settings, points=2000, member_name=None).plain.startswith(
        "2,000|12/31/26, 23:59|December 31, 2026, 23:59|December 31, 2026, 23:59|you|Lantern Tea"
    )
    assert mail(settings, expires_us=None).plain.startswith("100|never|never|ever|Ann|")


def test_language_that_nobody_wrote_falls_back_as_a_whole() -> None:
    """A subject in one language over a text in another would help nobody."""
    settings = notice_settings(
        {"ja": {"earned": {"subject": "ポイント"}}}, languages=("ja", "zh-hant")
    )
    assert mail(settings, "ja").language == "zh-hant"
    assert mail(settings, "ja").subject == "Lantern Tea：您獲得了 100 點"
    assert sms(settings, "ja").language == "zh-hant"
    assert mail(notice_settings(languages=("ja",)), "ja").language == "en"


def test_region_of_a_language_has_our_words_and_its_own_numbers() -> None:
    settings = notice_settings(languages=("en-gb",))
    assert "Valid until: 31 December 2026, 23:59" in mail(settings, "en-gb").plain


@pytest.mark.parametrize("language", ["zh-tw", "zh-hk", "zh-hant-tw", "zh-TW", "zh-Hant"])
def test_chinese_is_written_as_in_its_region(language: str) -> None:
    """Settings of points name languages in any letters, and by region as well."""
    settings = speaking(NoticeSettings(), [language])
    written = mail(settings, language, shop="燈籠茶")
    assert (written.language, written.subject) == (language, "燈籠茶：您獲得了 100 點")
    assert sms(settings, language, shop="燈籠茶").text.startswith("燈籠茶：您的訂單已獲得 100 點")


def test_shops_words_in_a_language_are_those_of_its_regions_before_ours() -> None:
    settings = notice_settings(
        {"en": {"earned": {"subject": "{{ points }} for you"}}}, languages=("en-gb", "en")
    )
    assert mail(settings, "en-gb").subject == "100 for you"
    assert "31 December 2026" in mail(settings, "en-gb").plain


def test_languages_of_the_points_settings_stand_for_those_that_are_not_named() -> None:
    settings = speaking(NoticeSettings(), ["zh-hant", "ja"])
    assert mail(settings, "ja").language == "zh-hant"
    assert speaking(notice_settings(languages=("en",)), ["ja"]).languages == ("en",)


def test_html_says_the_same_as_the_plain_part() -> None:
    written = mail()
    page = Reader(written.html)
    for line in written.plain.splitlines():
        if line.strip() not in {"", "--"}:
            assert line.removesuffix(f": {LINK}") in page.text
    assert page.links == [LINK]  # and nothing is fetched from elsewhere
    assert "src=" not in written.html
    assert "@import" not in written.html
    assert '<html lang="en" dir="ltr"' in written.html


def test_html_of_a_language_that_is_written_leftwards() -> None:
    text = {"he": {"earned": {"subject": "נקודות", "email": "שלום"}}}
    assert 'dir="rtl"' in mail(notice_settings(text, languages=("he",)), "he").html


def test_shops_own_text_is_text_in_html_too() -> None:
    settings = notice_settings({"en": {"earned": {"email": "a <b>bold</b> & 1 < 2\n\n\n \nnext"}}})
    html = mail(settings).html
    assert "a &lt;b&gt;bold&lt;/b&gt; &amp; 1 &lt; 2</p>" in html
    assert html.count('<p style="margin') == 2


def test_markup_in_a_name_is_text() -> None:
    html = mail(member_name="<script>alert(1)</script>").html
    assert "Dear &lt;script&gt;alert(1)&lt;/script&gt;," in html
    assert "<script" not in html


def test_page_in_a_name_is_not_sent_on() -> None:
    assert mail(member_name="Win http://lottery.example").plain.startswith("Dear member,")


@given(name=NASTY, reason=NASTY, shop=NASTY)
def test_values_never_become_templates_markup_or_lines(name: str, reason: str, shop: str) -> None:
    text = "Hi {{ member_name }}, {{ reason }} {{ shop }}!"
    settings = notice_settings(
        {"en": {"earned": {"subject": f"A {text}", "email": text, "sms": text}}}, max_parts=10
    )
    written = mail(settings, member_name=name, reason=reason, shop=shop)
    assert "1337" not in written.subject + written.plain
    assert len(written.subject.splitlines()) == 1
    assert len(written.plain.split("\n\n-- \n")[0].splitlines()) == 1
    assert Reader(written.html).tags == Reader(mail(settings).html).tags
    assert written.plain.split("\n")[0] in unescape(written.html)
    assert len(sms(settings, member_name=name, reason=reason, shop=shop).text.splitlines()) == 1


def test_sms_of_more_parts_than_the_shop_pays_for_is_not_cut() -> None:
    settings = notice_settings({"en": {"earned": {"sms": "{{ member_name }}" * 4}}}, max_parts=2)
    assert sms(settings, member_name="a" * 70).parts == 2
    with pytest.raises(TextTooLong):
        sms(settings, member_name="a" * 100)


@pytest.mark.parametrize("kind", sorted(NEVER_BY_SMS))
def test_what_an_sms_never_tells(kind: Kind) -> None:
    with pytest.raises(NotRendered):
        render_sms(notice_settings(), kind, "en", values(), ZONE)


@pytest.mark.parametrize(
    ("text", "other", "zone"),
    [
        ("{{ 'a' * 10 ** 9 }}", {}, ZONE),
        ("{{ nobody }}", {}, ZONE),
        ("{{ member_name }}", {"member_name": None}, ZONE),  # nothing is left of it
        ("{{ expires_on }}", {"expires_us": 2**62}, ZONE),  # outside the calendar
        ("{{ expires_on }}", {}, "Europe/Atlantis"),
    ],
)
def test_text_that_cannot_be_rendered_says_so_without_a_word_of_it(
    text: str, other: dict[str, Any], zone: str
) -> None:
    settings = notice_settings({"en": {"earned": {"email": text, "sms": text}}})
    for render in (render_mail, render_sms):
        with pytest.raises(NotRendered) as failed:
            render(settings, Kind.earned, "en", values(**other), zone)
        assert failed.value.__suppress_context__
        assert str(failed.value).startswith("the text about earned in en: ")
        assert "Ann" not in str(failed.value)
