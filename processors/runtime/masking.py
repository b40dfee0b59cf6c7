"""Takes passwords out of texts, also where servers and resolvers repeat what they were given."""

import re

_IN_URL = re.compile(r"(://[^:/@\s]*:)[^@\s]+@")
_IN_TEXT = re.compile(r"(password\s*=\s*)('[^']*'|\S+)", re.IGNORECASE)
# A password with an @ that was not escaped ends up in the name of a host, which errors repeat.
_QUOTED_WITH_AT = re.compile(r"""(['"])[^'"\s]*@[^'"\s]*\1""")
MASK = "***"


def mask_text(text: str) -> str:
    """The text without passwords of URLs and connection strings, or names that hold an @."""
    text = _IN_TEXT.sub(rf"\g<1>{MASK}", _IN_URL.sub(rf"\g<1>{MASK}@", text))
    return _QUOTED_WITH_AT.sub(rf"\g<1>{MASK}\g<1>", text)
