"""The read model written: never ahead of the database, and never back (account.md 9).

A value over one that is there is written only with a higher sequence. But Redis may lose what it
held (a flush, an eviction, a restart), and then a slow writer that had read the database before
would put an old value where nobody corrects it: the change is posted, and its trigger consumed. So
a value for a missing key lives for some seconds only, until the database, asked once more, has the
same sequence. Whatever is committed after that has its trigger still ahead of it.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from store.postgres.session import Cursor
from store.valkey.client import Client
from store.valkey.keys import MemberKey, key_of
from store.valkey.scripts import Script
from store.valkey.states import BalanceState, sequences

UNCONFIRMED_MS: Final = 10_000
"""How long a value lives that nobody confirms: it covers a slow answer of either server."""


class _Seen(NamedTuple):
    """A value in the model that is to be compared with the database."""

    member: MemberKey
    sequence: int
    ends: int


class ReadModel:
    """The keys of members, over one client."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._write, self._confirm = Script(client, "write"), Script(client, "confirm")

    def put(self, cursor: Cursor, states: Sequence[BalanceState], *, repair: bool = False) -> None:
        """Write states that were read from the database before; `cursor` asks it once more.

        `repair` also replaces a value of the same sequence that says something else. Raises
        ReadModelUnavailable, with any part of them written.
        """
        seen = self.write(states, repair=repair)
        self.confirm(seen, sequences(cursor, [each.member for each in seen]))

    def write(self, states: Sequence[BalanceState], *, repair: bool = False) -> list[_Seen]:
        """The first half of `put`: what has to be confirmed."""
        mode = b"repair" if repair else b""
        answers = self._write.run(
            [
                (key_of(state.member), state.sequence, state.value(), UNCONFIRMED_MS, mode)
                for state in states
            ]
        )
        return [
            _Seen(state.member, sequence, ends)
            for state, (unsure, sequence, ends) in zip(states, answers, strict=True)
            if unsure
        ]

    def confirm(self, seen: Sequence[_Seen], present: dict[MemberKey, int]) -> None:
        """The second half of `put`: `present` are sequences of the database, read since."""
        self._confirm.run(
            [(key_of(each.member), present[each.member], each.sequence, each.ends) for each in seen]
        )
