"""JSON that is nested more deeply than any reader goes: its depths are cut off, the rest is read.

A command that can be answered is answered (account.md 3), whatever somebody put into one field.
"""

import re
from hashlib import sha256
from typing import Final

DEEPEST: Final = 100
"""Levels that are kept: no field of a command has more than three, and readers manage hundreds."""
_MARKS: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\Z)|[\[{]|[\]}]', re.DOTALL)


def shallow(value: bytes) -> bytes:
    """The same JSON, with the SHA-256 of what lies deeper in its place.

    Two values differ before and after. What is cut off need not be JSON: it is refused either way.
    """
    parts: list[bytes] = []
    depth = kept = cut = 0
    for mark in _MARKS.finditer(value):
        if mark[0] in b"[{":
            if depth == DEEPEST:
                parts.append(value[kept : mark.start()])
                cut = mark.start()
            depth += 1
        elif mark[0] in b"]}":
            depth -= 1
            if depth == DEEPEST:
                kept = mark.end()
                parts.append(b'"%s"' % sha256(value[cut:kept]).hexdigest().encode())
    return b"".join([*parts, value[kept:]]) if depth <= DEEPEST else value
