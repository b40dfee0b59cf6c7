"""What a carrier's report means, by its code, else by its text.

Looked up in the shipped tables, and in an operator's, which have precedence.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from re import Pattern
from types import MappingProxyType
from typing import Final

from schemas.carriers.meaning import Meaning
from schemas.carriers.spelling import label_of, normal, normal_text, pattern_of
from schemas.carriers.table_files import Key, Service, shipped_codes

SEVERAL: Final = "；"
"""Between the texts of a row that a carrier uses for one code."""
_NOTHING: Final[Mapping[Key, Meaning | None]] = MappingProxyType({})


class CodeTable:
    """The shipped tables under an overlay: codes that operators added or changed.

    Never changed itself.

    The overlay is by (carrier, service, code); a code may be one that the shipped tables have, a
    new one, or the label under which an unknown code was shown. None leaves the shipped meaning.
    """

    __slots__ = ("_added", "_meanings")

    def __init__(self, overlay: Mapping[Key, Meaning | None] = _NOTHING) -> None:
        self._meanings = dict(_shipped_meanings())
        self._added: dict[Key, Key] = {}
        for (carrier, service, code), meaning in overlay.items():
            if meaning is None:
                continue
            spoken = (carrier, service, normal(code))
            key = _shipped_by_code().get(spoken, (carrier, service, code))
            self._meanings[key] = meaning
            self._added[spoken] = key

    def look_up(
        self, carrier: str, service: str, code: str | None, text: str | None
    ) -> tuple[Meaning, str]:
        """The meaning, and the code in the table's spelling.

        UNKNOWN and a label fit to be shown when no table has it.

        A known code speaks before the text, since texts repeat; a text speaks only when all codes
        that it stands for mean the same. Carrier and service are in small letters, as the contract
        has them.
        """
        if code is not None:
            meaning = self._meanings.get((carrier, service, code))
            if meaning is not None:
                return meaning, code
        for spoken in (code, text):
            if spoken and (found := self._matched(carrier, service, spoken)):
                return self._meanings[found], found[2]
        label = label_of(code, text)
        # Only what operators set: they know a text by its label. A shipped text must match as a
        # whole.
        if found := self._added.get((carrier, service, normal(label))):
            return self._meanings[found], found[2]
        return Meaning.UNKNOWN, label

    def _matched(self, carrier: str, service: str, spoken: str) -> Key | None:
        form, plain = normal(spoken), normal_text(spoken)
        return (
            self._by_code((carrier, service, form))
            or self._by_text([*_shipped_by_text().get((carrier, service, plain), ())])
            or self._by_code((carrier, service, plain))
            or self._by_text(_most_literal(carrier, service, plain))
        )

    def _by_code(self, spoken: Key) -> Key | None:
        return self._added.get(spoken) or _shipped_by_code().get(spoken)

    def _by_text(self, keys: Sequence[Key]) -> Key | None:
        """The first of the rows that a text stands for, if all of them mean the same."""
        return keys[0] if len({self._meanings[key] for key in keys}) == 1 else None


def _most_literal(carrier: str, service: str, plain: str) -> list[Key]:
    """The rows whose text, with places in it, matches; of several those that say most."""
    found: dict[int, list[Key]] = {}
    for pattern, key in _shipped_patterns().get((carrier, service), ()):
        if pattern.fullmatch(plain):
            found.setdefault(len(pattern.pattern), []).append(key)
    return found[max(found)] if found else []


@cache
def _shipped_meanings() -> Mapping[Key, Meaning]:
    return {key: row.meaning for key, row in shipped_codes().items()}


@cache
def _shipped_by_code() -> Mapping[Key, Key]:
    """The rows by carrier, service and the code's normal form, unique within a service."""
    return {
        (carrier, service, normal(code)): (carrier, service, code)
        for carrier, service, code in shipped_codes()
    }


@cache
def _shipped_by_text() -> Mapping[Key, tuple[Key, ...]]:
    """The rows by carrier, service and normal form of the text, in the order of the table."""
    texts: dict[Key, list[Key]] = {}
    for key, row in shipped_codes().items():
        for text in _wordings(row.text):
            texts.setdefault((row.carrier, row.service, normal_text(text)), []).append(key)
    return {spoken: tuple(keys) for spoken, keys in texts.items()}


@cache
def _shipped_patterns() -> Mapping[Service, tuple[tuple[Pattern[str], Key], ...]]:
    """By carrier and service: what texts with places in them match, and their rows."""
    patterns: dict[Service, list[tuple[Pattern[str], Key]]] = {}
    for key, row in shipped_codes().items():
        for text in _wordings(row.text):
            if (pattern := pattern_of(text)) is not None:
                patterns.setdefault((row.carrier, row.service), []).append((pattern, key))
    return {service: tuple(found) for service, found in patterns.items()}


def _wordings(text: str) -> list[str]:
    """A table's text, and each of those that it names one after the other."""
    parts = text.split(SEVERAL)
    return [text, *parts] if len(parts) > 1 else [text]
