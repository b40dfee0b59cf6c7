"""The read model written whole from the database, page by page, for `points readmodel rebuild`."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from store.postgres.session import Cursor
from store.valkey.client import Client, answering
from store.valkey.keys import PREFIX
from store.valkey.model import ReadModel
from store.valkey.states import count, page

PAGE: Final = 1000
KEPT_SECONDS: Final = 86_400
"""How long it is remembered how far a rebuild came that was interrupted."""
MERCHANT_BITS: Final = 40
"""An account's number has its merchant's above so many bits."""
LAST: Final = 2**63 - 1


class Progress(NamedTuple):
    """Accounts written so far, of how many."""

    done: int
    total: int


class Rebuilding:
    """One rebuild, of a merchant or of all. What is written twice does no harm.

    The place is kept in Redis, so that a flush on the way makes the next one begin again.
    """

    def __init__(self, client: Client, merchant_no: int | None) -> None:
        """Nothing is read yet."""
        self._client, self._model = client, ReadModel(client)
        self._first = (merchant_no << MERCHANT_BITS) - 1 if merchant_no is not None else -1
        self._last = ((merchant_no + 1) << MERCHANT_BITS) - 1 if merchant_no is not None else LAST
        self._place = PREFIX + b"rebuild:%d" % (merchant_no or 0)

    def interrupted_at(self) -> int | None:
        """The account behind which an interrupted rebuild stopped; None when there is none.

        Raises ReadModelUnavailable.
        """
        with answering():
            kept: Any = self._client.get(self._place)
        return int(kept) if kept is not None and kept.isdigit() else None

    def run(self, cursor: Cursor, after: int | None = None) -> Iterator[Progress]:
        """Writes page after page, behind an account or from the first; tells how far it is.

        Raises ReadModelUnavailable.
        """
        at = self._first if after is None else max(after, self._first)
        done, total = 0, count(cursor, at, self._last)
        while (found := page(cursor, at, self._last, PAGE)).states:
            self._model.put(cursor, found.states, repair=True)
            at, done = found.last, done + len(found.states)
            with answering():
                self._client.set(self._place, at, ex=KEPT_SECONDS)
            yield Progress(done, max(done, total))
        with answering():
            self._client.delete(self._place)
