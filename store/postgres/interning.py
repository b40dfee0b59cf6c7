"""Upstream's open enumerations: every string it ever sent, as a number.

Unknown strings are kept, rows stay narrow.
"""

from hashlib import sha256
from typing import Any, Final

from store.postgres.named_queries import queries
from store.postgres.session import Database, raw

LONGEST = 200
"""Characters kept of a string; as many as upstream allows."""
DIGEST_DIGITS = 16
NO_WORD = 0
"""Stands for no string at all; numbers begin at 1."""
PAGE: Final = 1_000
"""Strings that are read together. Merchants' tiers have names of their own, so that there are more
strings the more merchants there are; a process remembers those that it meets.
"""

MOST_REMEMBERED: Final = 200_000
"""Strings: far more than a batch has. A sender that writes another one into every record would let
a process grow for as long as it lives; beyond so many it begins to remember anew.
"""

_SQL: Final = queries("postgres/interning")


def kept(word: str) -> str:
    """What is stored of a string: a very long one's beginning, and a digest of the whole.

    So two that begin alike stay two, and neither is taken for its beginning.
    """
    if len(word) <= LONGEST:
        return word
    digest = sha256(word.encode("utf-8", "surrogatepass")).hexdigest()[:DIGEST_DIGITS]
    return f"{word[: LONGEST - DIGEST_DIGITS - 1]}…{digest}"


class NotInterned(LookupError):
    """A string without a number: learn it outside the transaction, then do the batch again."""


class _Numbers(dict[str | None, int]):
    def __missing__(self, word: str | None) -> int:
        raise NotInterned(word)


class InternedStrings:
    """Numbers for strings and back, remembered as they are met: they never change."""

    def __init__(self, connection: Database) -> None:
        """Reads the oldest strings, which most orders carry."""
        self._connection = connection
        self._begin()

    def _begin(self) -> None:
        self._numbers = _Numbers({None: NO_WORD})
        self._strings: dict[int, str | None] = {NO_WORD: None}
        self._read_page(NO_WORD)

    def _read_page(self, number: int) -> None:
        first = number - number % PAGE
        cursor = raw(self._connection).execute(_SQL["page"], [first, first + PAGE])
        self._remember(cursor.fetchall())

    def _remember(self, rows: list[tuple[Any, ...]]) -> None:
        for number, word in rows:
            self._numbers[word] = number
            self._strings[number] = word

    def learn(self, strings: set[str | None]) -> None:
        """Gives numbers to new strings, to very long ones as `kept` shortens them.

        In a transaction of its own, before the batch that uses them begins, so that no batch waits
        for another's strings.
        """
        if len(self._strings) > MOST_REMEMBERED:
            self._begin()
        new = {s for s in strings if s is not None and s not in self._numbers}
        if not new:
            return
        stored = sorted({kept(s) for s in new})
        cursor = raw(self._connection)
        self._remember(cursor.execute(_SQL["find"], [stored]).fetchall())
        unknown = [s for s in stored if s not in self._numbers]
        if unknown:
            cursor.execute(_SQL["insert"], [unknown])
            self._remember(cursor.execute(_SQL["find"], [unknown]).fetchall())
        for word in new:
            self._numbers[word] = self._numbers[kept(word)]

    def number(self, word: str | None) -> int:
        """The number of a learnt string. Raises NotInterned."""
        return self._numbers[word]

    def word(self, number: int) -> str | None:
        """The string of a number; one not met yet is looked up, with those around it."""
        if number not in self._strings:
            self._read_page(number)
        return self._strings[number]
