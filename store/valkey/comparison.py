"""All that the model holds, compared with the database key by key, in slices.

For when changes may have been missed: the offsets in Kafka were lost, another run of Redis answers
(it may have come back with old data), or a day has passed. Keys that are missing stay so: whoever
misses one asks the database, which fills it.
"""

from collections.abc import Callable
from typing import Any, Final

from store.postgres.session import Cursor
from store.valkey.client import Client, answering
from store.valkey.keys import ALL, MemberKey, member_of
from store.valkey.model import ReadModel
from store.valkey.states import of_members

SLICE: Final = 500
"""Keys at once, so that changes wait for a slice no longer than for a batch."""


class Comparison:
    """One walk over the keys of members. `done` when all that were there at its start were met."""

    def __init__(
        self,
        client: Client,
        model: ReadModel,
        only: Callable[[MemberKey], bool] = lambda _: True,
    ) -> None:
        """Nothing is read yet. Other members than `only` are left out."""
        self._client, self._model, self._only = client, model, only
        self._at = 0
        self.done = False

    def slice(self, cursor: Cursor) -> int:
        """Compares the next keys; how many there were. Raises ReadModelUnavailable."""
        with answering():
            found: Any = self._client.scan(self._at, match=ALL, count=SLICE)
        self._at, keys = found
        read = {member for key in keys if (member := member_of(key)) is not None}
        members = {member for member in read if self._only(member)}
        self._model.put(cursor, of_members(cursor, list(members)), repair=True)
        self.done = self._at == 0
        return len(members)
