"""E-mail addresses: whether a text is one that a mail can be sent to, and names before them."""

import re
from typing import Final

# RFC 5321, 4.5.3.1: a mailbox, and the part before the @. The whole path may have 256 octets with
# its brackets.
LONGEST_ADDRESS: Final = 254
_LONGEST_LOCAL: Final = 64
_LOCAL: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_DOMAIN: Final = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+"
    r"[A-Za-z](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])"
)
# Letters that the older standard of IDNA writes as others, or leaves out, and the newer one keeps:
# one name, and two domains, of which the other one is a stranger's.
_OF_TWO_DOMAINS: Final = re.compile("[\u00df\u1e9e\u03c2\u200c\u200d]")
# Nothing of a name can be taken for an address, or ends the quotes that a header may put it in.
_NAMED: Final = re.compile(
    r'([^<>@"\\\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]{1,60}) <([^<>\s]+)>'
)


def usable_address(text: str) -> str | None:
    """The one address that a text is, with its domain in ASCII; None if no mail can go to it.

    Without a name, a comment, quotes or white space. A domain of another script is turned into its
    ASCII form; a part before the @ of another script is beyond most servers and is no address here,
    and neither is a domain whose ASCII form depends on the standard.
    """
    local, at, domain = text.strip().rpartition("@")
    if not at or len(local) > _LONGEST_LOCAL or not _LOCAL.fullmatch(local):
        return None
    if _OF_TWO_DOMAINS.search(domain):
        return None
    if not domain.isascii():
        try:
            domain = domain.encode("idna").decode("ascii")
        except UnicodeError:
            return None
    if len(local) + 1 + len(domain) > LONGEST_ADDRESS or not _DOMAIN.fullmatch(domain):
        return None
    return f"{local}@{domain}"


def named_address(text: str) -> tuple[str, str] | None:
    """Name (1 to 60 characters) and address of a text such as `Lantern Tea <points@tea.example>`.

    None if it is no such text.
    """
    found = _NAMED.fullmatch(text.strip())
    name = found[1].strip() if found else ""
    address = usable_address(found[2]) if found else None
    return (name, address) if name and address else None
