"""The message that a mail server takes, read as a mail reader does."""

import re
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP, default
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.notices.texts.mail.layout import compile_layout, layout_source
from rules.notices.texts.render import MailText, NotRendered, build_mail, render_mail
from schemas.notices.words import Kind
from tests.support.notices.texts import ZONE, notice_settings, values

NOTICE = UUID("019a0000-0000-8000-8000-000000000001")
EVENT = UUID("019a0000-0000-5000-8000-000000000002")
LINK = "https://points.example/unsubscribe?t=" + "a" * 200
TEXT = MailText("Points", "<p>Points</p>", "Points\n", "en")
ENCODED = re.compile(rb"=\?utf-8\?[bq]\?[^? ]+\?=")
HEADERS = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "X-Points-Notice",
    "Auto-Submitted",
    "Content-Language",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "MIME-Version",
    "Content-Type",
]


def built(text: MailText = TEXT, **other: Any) -> bytes:
    usual: dict[str, Any] = {
        "notice_id": NOTICE,
        "event_id": EVENT,
        "sender": "Lantern Tea <points@lantern.example>",
        "reply_to": None,
        "to": "ann@tea.example",
        "unsubscribe": LINK,
        "sent_at": 1_795_767_450_000_000,
    }
    return build_mail(text, **usual | other)


def read(message: bytes) -> EmailMessage:
    parsed = message_from_bytes(message, policy=default)
    assert isinstance(parsed, EmailMessage)
    assert not any(part.defects for part in parsed.walk())
    return parsed


def contents(message: bytes) -> list[str]:
    return contents_of(read(message))


def contents_of(message: EmailMessage) -> list[str]:
    """The parts with plain line ends: the library's reader leaves those of the encoded text."""
    return [part.get_content().replace("\r\n", "\n") for part in message.iter_parts()]


def test_mail_has_the_headers_of_one_that_nobody_answers() -> None:
    message = read(built())
    assert message.keys() == HEADERS
    assert message["From"] == "Lantern Tea <points@lantern.example>"
    assert message["To"] == "ann@tea.example"
    assert message["Subject"] == "Points"
    assert message["Date"] == "Fri, 27 Nov 2026 08:17:30 +0000"
    assert message["Message-ID"] == f"<{EVENT}.email@lantern.example>"
    assert message["X-Points-Notice"] == str(NOTICE)
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["List-Unsubscribe"] == f"<{LINK}>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == [
        "text/plain",
        "text/html",
    ]


def test_same_mail_has_the_same_id_however_often_it_is_sent() -> None:
    assert read(built())["Message-ID"] == read(built(sent_at=0))["Message-ID"]


def test_without_a_link_nothing_offers_one() -> None:
    assert not [key for key in read(built(unsubscribe=None)) if key.startswith("List-")]


def test_a_link_too_long_for_a_line_is_in_the_text_alone() -> None:
    link = "https://points.example/unsubscribe?t=" + "a" * 1400
    text = render_mail(notice_settings(), Kind.earned, "en", values(), ZONE, unsubscribe=link)
    message = built(text, unsubscribe=link)
    assert not [key for key in read(message) if key.startswith("List-")]
    assert all(link in part for part in contents(message))
    assert max(map(len, message.split(b"\r\n"))) <= 998


def test_replies_go_where_the_shop_wants_them() -> None:
    assert read(built(reply_to="help@lantern.example"))["Reply-To"] == "help@lantern.example"


@pytest.mark.parametrize(
    "name",
    ["Lantern Tea", "燈籠茶 Lantern", "Tea, Ltd.", "Tea: (best)", "Té" * 10, "=?x?="],
)
def test_name_of_the_sender_is_read_as_it_is_written(name: str) -> None:
    address = read(built(sender=f"{name} <points@lantern.example>"))["From"].addresses[0]
    assert (address.display_name, address.addr_spec) == (name, "points@lantern.example")


@given(
    st.text(st.sampled_from("a 茶é😀,=?"), min_size=1, max_size=60),
    st.text(st.sampled_from("a 茶é😀,=?"), max_size=200),
    st.integers(1, 60),
)
def test_encoded_words_and_their_lines_are_as_short_as_readers_expect(
    name: str, subject: str, letters: int
) -> None:
    sender = f"x{name[1:].rstrip()}x <{'p' * letters}@lantern.example>"
    head = built(TEXT._replace(subject=subject), sender=sender).partition(b"\r\n\r\n")[0]
    for line in head.split(b"\r\n"):
        if words := ENCODED.findall(line):
            assert len(line) <= 76
            assert max(map(len, words)) <= 75


def test_domain_of_another_script_travels_in_ascii() -> None:
    assert read(built(to="ann@茶.example"))["To"] == "ann@xn--cl1a.example"


@pytest.mark.parametrize(
    ("what", "value"),
    [
        ("to", "a@"),
        ("to", ""),
        ("to", "ann@tea.example, ben@tea.example"),
        ("to", "ann@tea.example\r\nBcc: ben@tea.example"),
        ("to", "Ann <ann@tea.example>"),
        ("to", "a@" + "b" * 320 + ".example"),
        ("reply_to", "x\r\nBcc: ben@tea.example"),
        ("sender", "points@lantern.example"),
        ("sender", "Tea\r\nBcc: b <points@lantern.example>"),
        ("unsubscribe", "https://points.example/\r\nBcc: ben@tea.example"),
        ("unsubscribe", "https://points.example/> <https://evil.example"),
        ("unsubscribe", "javascript:alert(1)"),
    ],
)
def test_address_or_link_that_is_none_makes_no_mail(what: str, value: str) -> None:
    with pytest.raises(NotRendered) as failed:
        built(TEXT, **{what: value})
    assert "example" not in str(failed.value)


@pytest.mark.parametrize("language", ["en-\r\nBcc: b@c.example", "en\n", "", "é"])
def test_language_that_is_none_makes_no_mail(language: str) -> None:
    with pytest.raises(NotRendered):
        built(TEXT._replace(language=language))


@pytest.mark.parametrize("subject", ["a\r\nBcc: b@c.example", "a\nb", "a\x00b", "a\u2028b"])
def test_subject_of_two_lines_makes_no_mail(subject: str) -> None:
    with pytest.raises(NotRendered):
        built(TEXT._replace(subject=subject))


@pytest.mark.parametrize(
    "content",
    [
        "short\n",
        "no end",
        "",
        "trailing blank \nand tab\t\n.\n..\nFrom here\n-- \n",
        "=20 is = no code\n",
        "long " * 1000,
        "燈籠茶 🎁\n\n點數",
        f"--=_{NOTICE.hex}--\n",
    ],
)
def test_parts_are_read_as_they_are_written(content: str) -> None:
    message = built(TEXT._replace(plain=content, html=content))
    assert contents(message) == [content, content]


def as_the_library_builds_it(text: MailText) -> EmailMessage:
    message = EmailMessage(policy=SMTP)
    message["From"] = "Lantern Tea <points@lantern.example>"
    message["To"] = "ann@tea.example"
    message["Subject"] = text.subject
    message.set_content(text.plain)
    message.add_alternative(text.html, subtype="html")
    return read(message.as_bytes())


@pytest.mark.parametrize("language", ["en", "zh-hant"])
@pytest.mark.parametrize("kind", Kind)
def test_mail_is_what_the_library_would_build(kind: Kind, language: str) -> None:
    text = render_mail(notice_settings(), kind, language, values(), ZONE, unsubscribe=LINK)
    ours, theirs = read(built(text)), as_the_library_builds_it(text)
    for header in ("From", "To", "Subject"):
        assert ours[header] == theirs[header]
    # The library ends the last line of a part that has no end.
    assert [part.rstrip() for part in contents_of(ours)] == [
        part.rstrip() for part in contents_of(theirs)
    ]


@given(
    name=st.text(max_size=150),
    subject=st.sampled_from(["{{ member_name }}", "Hi {{ member_name }}, {{ reason }}"]),
    reason=st.text("a\r\n:=?_🎁點 \u202e", max_size=80),
)
def test_no_value_adds_a_header_or_a_line(name: str, subject: str, reason: str) -> None:
    settings = notice_settings({"en": {"earned": {"subject": f"> {subject}"}}})
    text = render_mail(
        settings,
        Kind.earned,
        "en",
        values(member_name=name, reason=reason),
        ZONE,
        unsubscribe=LINK,
    )
    message = built(text)
    parsed = read(message)
    assert parsed.keys() == HEADERS
    assert parsed["Subject"] == text.subject
    assert contents(message) == [text.plain, text.html]
    assert message.isascii()
    assert message.count(b"\n") == message.count(b"\r\n") == message.count(b"\r")
    head = message.split(b"\r\n\r\n")[0].split(b"\r\n")
    assert max(len(line) for line in head if b"List-Unsubscribe" not in line) <= 78
    assert max(len(line) for line in message.split(b"\r\n")) <= 998


def test_compiled_layout_is_what_its_source_says() -> None:
    assert layout_source() == compile_layout()
