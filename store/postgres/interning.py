"""Upstream's open enumerations: every word it ever sent, as a number.

Unknown words are kept, rows stay narrow.
"""

from typing import Any

from store.postgres.named_queries import queries
from store.postgres.session import Database, raw

LONGEST = 100
NO_WORD = 0
"""Stands for no word at all; numbers begin at 1."""


class NotInterned(LookupError):
    """A word without a number: learn it outside the transaction, then do the batch again."""


class _Numbers(dict[str | None, int]):
    def __missing__(self, word: str | None) -> int:
        raise NotInterned(word)


class InternedStrings:
    """Numbers for words and back, remembered for the life of the process (a word's number never changes)."""

    def __init__(self, connection: Database) -> None:
        """Reads all words known so far."""
        self._connection = connection
        self._numbers = _Numbers({None: NO_WORD})
        self._words: dict[int, str | None] = {NO_WORD: None}
        self._remember(raw(connection).execute(queries("postgres/interning")["all"]).fetchall())

    def _remember(self, rows: list[tuple[Any, ...]]) -> None:
        for number, word in rows:
            self._numbers[word] = number
            self._words[number] = word

    def learn(self, words: set[str | None]) -> None:
        """Gives numbers to new words (very long ones by their beginning), in a transaction of its own.

        Called before the batch that uses them begins, so that no batch waits for another's words.
        """
        new = {w for w in words if w is not None and w not in self._numbers}
        if not new:
            return
        kept = sorted({w[:LONGEST] for w in new})
        cursor = raw(self._connection)
        cursor.execute(queries("postgres/interning")["insert"], [kept])
        self._remember(cursor.execute(queries("postgres/interning")["find"], [kept]).fetchall())
        for word in new:
            self._numbers[word] = self._numbers[word[:LONGEST]]

    def number(self, word: str | None) -> int:
        """The number of a learnt word. Raises UnknownWord."""
        return self._numbers[word]

    def word(self, number: int) -> str | None:
        """The word of a number; one that another worker has just learnt is looked up."""
        if number not in self._words:
            self._remember(
                raw(self._connection).execute(queries("postgres/interning")["all"]).fetchall()
            )
        return self._words[number]
