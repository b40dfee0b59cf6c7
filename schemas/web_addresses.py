"""Addresses of the web that people write down for us: which text is one, read in one way."""

import re
from ipaddress import IPv6Address
from typing import Final
from urllib.parse import SplitResult, urlsplit

_SCHEMES: Final = frozenset({"http", "https"})
# Without blanks, line ends and letters of other scripts: some readers of URLs pass over them in
# silence, so that what is asked would not be what was looked at.
_WRITTEN: Final = re.compile(r"[!-~]+")
_HOST_AND_PORT: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[._-]*[A-Za-z0-9][A-Za-z0-9._-]*)(:\d*)?")


def address_of(text: str) -> SplitResult | None:
    """The parts of an http or https address that can be asked; None for what is none.

    It has a host, a port from 1 to 65535 or none, no login (which would be shown wherever the
    address is) and no fragment (which is never sent). Reading `hostname` and `port` never
    raises.
    """
    if not _WRITTEN.fullmatch(text) or "#" in text or "\\" in text:
        return None
    try:
        parts = urlsplit(text)
        if "[" in parts.netloc:
            IPv6Address(parts.hostname or "")
        usable = parts.scheme in _SCHEMES and parts.port != 0
    except ValueError:
        return None
    return parts if usable and _HOST_AND_PORT.fullmatch(parts.netloc) else None
