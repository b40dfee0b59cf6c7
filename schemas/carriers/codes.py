"""What a carrier's report means, by its code, else by its text.

Looked up in the shipped tables, and in an operator's, which have precedence.
"""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Final

from schemas.carriers.meaning import Meaning
from schemas.carriers.spelling import label_of, normal
from schemas.carriers.table_files import Key, shipped_codes

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
            if spoken and (found := self._matched((carrier, service, normal(spoken)))):
                return self._meanings[found], found[2]
        label = label_of(code, text)
        # Only what operators set: they know a text by its label. A shipped text must match as a
        # whole.
        if found := self._added.get((carrier, service, normal(label))):
            return self._meanings[found], found[2]
        return Meaning.UNKNOWN, label

    def _matched(self, spoken: Key) -> Key | None:
        return self._by_code(spoken) or self._by_text(spoken)

    def _by_code(self, spoken: Key) -> Key | None:
        return self._added.get(spoken) or _shipped_by_code().get(spoken)

    def _by_text(self, spoken: Key) -> Key | None:
        keys = _shipped_by_text().get(spoken, ())
        return keys[0] if len({self._meanings[key] for key in keys}) == 1 else None


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
        texts.setdefault((row.carrier, row.service, normal(row.text)), []).append(key)
    return {spoken: tuple(keys) for spoken, keys in texts.items()}
