"""The message that a mail server takes (RFC 5322, MIME), as the standard library encodes it.

Built line by line: the library's own message object takes ten times as long to parse and fold what
is known to be in order, and this is the hot path of sending. What no member decides is kept by
sender.
"""

import base64
import binascii
import re
from email.header import Header
from email.headerregistry import Address
from email.utils import format_datetime
from functools import lru_cache
from typing import Final, NamedTuple
from uuid import UUID

from rules.notices.texts.failures import NotRendered
from schemas.ids import Micros, instant
from schemas.notices.addresses import named_address, usable_address

_END: Final = "\r\n"
_LONGEST_LINE: Final = 78
"""Characters that a line should have at most (RFC 5322, 2.1.1)."""
_LONGEST_WITH_WORDS: Final = 76
"""And must where it has encoded words, which have 75 at most (RFC 2047, 2)."""
_UNFIT: Final = re.compile(r"[^ -~]")
# Printable ASCII without what would end the brackets around it.
_URL: Final = re.compile(r"https?://[!-;=?-~]+")
_LONGEST_IN_A_HEADER: Final = 900
"""Characters of a link: a line ends at 998 (RFC 5322, 2.1.1), and may not be folded within one."""
_LANGUAGE: Final = re.compile(r"[A-Za-z0-9-]{1,60}")
_OTHER_THAN_LINES: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class MailText(NamedTuple):
    """A mail's subject, of one line, its body as HTML and as plain text, and their language."""

    subject: str
    html: str
    plain: str
    language: str


def build_mail(
    text: MailText,
    *,
    notice_id: UUID,
    event_id: UUID,
    sender: str,
    reply_to: str | None,
    to: str,
    unsubscribe: str | None,
    sent_at: Micros,
) -> bytes:
    """The whole message, lines ending in CRLF.

    `sender` is a name and an address, as `email.from` of the settings; `to` and `reply_to` are
    addresses alone. `unsubscribe`: what takes a click, and a POST without any question (RFC 8058);
    one that is longer than a line may be stays in the text alone.
    An event's mail has the same Message-ID however often it is sent. Raises NotRendered for an
    address, a language or a link that is none.
    """
    boundary = f"=_{notice_id.hex}"  # no text has it: in none of the encodings `_` follows `=`
    lines = [
        *_lines_of_sender(sender, reply_to),
        f"To: {_address(to)}",
        _subject(text.subject),
        f"Date: {format_datetime(instant(sent_at))}",
        f"Message-ID: <{event_id}.email@{_domain(sender)}>",
        f"X-Points-Notice: {notice_id}",
        "Auto-Submitted: auto-generated",
        f"Content-Language: {_language(text.language)}",
        *_lines_of_link(unsubscribe),
        "MIME-Version: 1.0",
        "Content-Type: multipart/alternative;",
        f' boundary="{boundary}"',
        "",
        f"--{boundary}",
        *_part("plain", text.plain),
        f"--{boundary}",
        *_part("html", text.html),
        f"--{boundary}--",
        "",
    ]
    return _END.join(lines).encode("ascii")


@lru_cache(maxsize=1024)
def _lines_of_sender(sender: str, reply_to: str | None) -> tuple[str, ...]:
    mailbox = _mailbox(sender)
    name = mailbox.display_name
    if name.isascii() and "=?" not in name:
        lines = f"From: {mailbox}"
    else:
        lines = f"{_encoded('From', name)}{_END} <{mailbox.addr_spec}>"
    return (lines,) if reply_to is None else (lines, f"Reply-To: {_address(reply_to)}")


@lru_cache(maxsize=1024)
def _domain(sender: str) -> str:
    return _mailbox(sender).domain


def _mailbox(sender: str) -> Address:
    found = named_address(sender)
    if found is None:
        raise NotRendered("the sender is not a name and an address")
    return Address(found[0], addr_spec=found[1])


def _address(text: str) -> str:
    found = usable_address(text)
    if found is None:
        raise NotRendered("an address is none that a mail can go to")
    return found


def _subject(subject: str) -> str:
    if _OTHER_THAN_LINES.search(subject):
        raise NotRendered("the subject is not one line of text")
    line = f"Subject: {subject}"
    # What looks like an encoded word is encoded, so that it is read as it is written.
    if len(line) <= _LONGEST_LINE and not _UNFIT.search(subject) and "=?" not in subject:
        return line
    return _encoded("Subject", subject)


def _encoded(name: str, text: str) -> str:
    """The lines of a header whose text is encoded words."""
    header = Header(text, "utf-8", maxlinelen=_LONGEST_WITH_WORDS, header_name=name)
    return f"{name}: {header.encode(linesep=_END)}"


def _language(language: str) -> str:
    if not _LANGUAGE.fullmatch(language):
        raise NotRendered("the language is none")
    return language


def _lines_of_link(unsubscribe: str | None) -> tuple[str, ...]:
    if unsubscribe is None:
        return ()
    if not _URL.fullmatch(unsubscribe):
        raise NotRendered("the link to unsubscribe is none")
    if len(unsubscribe) > _LONGEST_IN_A_HEADER:
        return ()
    return (
        f"List-Unsubscribe: <{unsubscribe}>",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
    )


def _part(subtype: str, text: str) -> tuple[str, ...]:
    """The lines of a part, the empty one between its headers and its content among them."""
    data = text.encode("utf-8")
    if data.isascii():
        encoding = "quoted-printable"
        encoded = binascii.b2a_qp(data, istext=True)  # as Python's own, many times as fast
    else:
        encoding = "base64"
        encoded = base64.encodebytes(data.replace(b"\n", b"\r\n")).rstrip()
    return (
        f'Content-Type: text/{subtype}; charset="utf-8"',
        f"Content-Transfer-Encoding: {encoding}",
        "",
        encoded.decode("ascii").replace("\n", _END),
    )
