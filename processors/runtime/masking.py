"""Takes secrets and personal data out of what is shown, by the names of fields and by their looks.

Servers, resolvers and libraries repeat what they were given, so texts are searched as well. What is
masked too much costs a look at the configuration; what is masked too little is out for ever.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

MASK: Final = "***"

SECRET_NAME: Final = re.compile(
    r"passw|passphrase|secret|token|credential|authorization|cookie|api_?key|private_?key"
    r"|e_?mail|phone|mobile|birth|card_?number",
    re.IGNORECASE,
)
"""Fields whose values are secrets or personal data, whatever they look like."""

# Here and below, a word is looked at only from where it begins: one in an error has any length,
# and to begin anew at each of its letters takes the square of it.
_NAMED: Final = (
    r"(?:(?<![\w.-])(?=[\w.-]*?(?:passw(?:or)?d|passphrase|secret|token|api[-_]?key))[\w.-]++)"
)
_LOCAL: Final = r"[\w.!#$%&'*+=?^`{|}~-]"
_MAIL: Final = rf"{_LOCAL}++@[\w-]+(?:\.[\w-]+)+"
_APART, _ENDS = r"(?<![\w+-])(?<!\d\.)", r"(?![\w:-]|\.\d)"
_PATTERNS: Final = (
    re.compile(
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL
    ),
    # A compact JWS: a quote's token, or a login's.
    re.compile(r"(?<![\w-])(?=[\w-]++\.[\w-]{4,}+\.)[\w-]*?\beyJ[\w-]{4,}+\.[\w-]++\.[\w-]*"),
    # E-mail addresses; whatever else has an @ and a dot behind it is masked with them.
    re.compile(rf"(?<!{_LOCAL})(?:{_MAIL})+"),
    # Phones: with the country, or with the zero before an area. Digits of ids are longer or in
    # words, and times and amounts begin otherwise.
    re.compile(rf"{_APART}\+\d{{1,3}}[ -]?\(?\d(?:[ ()-]{{0,2}}\d){{6,13}}{_ENDS}"),
    re.compile(rf"{_APART}\(?0\d{{1,3}}\)?[ -]?\d{{3,4}}[ -]?\d{{3,4}}{_ENDS}"),
    # Cards, as they are written in groups.
    re.compile(rf"{_APART}(?:\d{{4}}[ -]){{3}}\d{{1,7}}{_ENDS}"),
)
_KEEPING_THEIR_NAMES: Final = (
    re.compile(r"(?<![^\s@])(?=[^\s@]*+@)([^\s@]*?://[^:/@\s]*:)[^@\s]+(@)"),
    re.compile(rf"({_NAMED}\s*=\s*)(?:'[^']*'|\"[^\"]*\"|[^\s,;&]+)()", re.IGNORECASE),
    re.compile(rf"((['\"]){_NAMED}\2\s*:\s*['\"])(?:[^'\"\\]|\\.)*(['\"])", re.IGNORECASE),
    re.compile(r"(\b(?:bearer|basic)\s+)[\w.~+/-]{8,}=*()", re.IGNORECASE),
    # What lets in whoever asks an address: its query has it under a shorter name.
    re.compile(r"([?&][\w.-]*(?:key|code|sig|signature|auth)=)[^\s&#'\"]+()", re.IGNORECASE),
)
# A password with an @ that was not escaped ends up in the name of a host, which errors repeat.
_QUOTED_WITH_AT = re.compile(r"""(['"])[^'"\s@]*+@[^'"\s]*+\1""")


def mask_text(text: str) -> str:
    """The text without passwords, tokens, keys, e-mail addresses, phones and card numbers."""
    for pattern in _KEEPING_THEIR_NAMES:
        text = pattern.sub(lambda found: f"{found[1]}{MASK}{found[found.re.groups] or ''}", text)
    text = _QUOTED_WITH_AT.sub(rf"\g<1>{MASK}\g<1>", text)
    for pattern in _PATTERNS:
        text = pattern.sub(MASK, text)
    return text


def mask_field(name: str, value: Any) -> Any:
    """The value of a field, masked as a whole where its name says so, else wherever it must be."""
    if SECRET_NAME.search(name) and value is not None and not isinstance(value, bool):
        return MASK
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return f"‹{len(value)} bytes›"
    if isinstance(value, Mapping):
        return {key: mask_field(str(key), inner) for key, inner in value.items()}
    if isinstance(value, Sequence | set | frozenset):
        return [mask_field("", inner) for inner in value]
    return value
