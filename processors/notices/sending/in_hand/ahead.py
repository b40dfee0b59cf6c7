"""Notices in hand that have no words yet: worded while PostgreSQL writes a commit down.

The connection's thread waits for each chunk's commit, and the event loop for that thread: the core
has nothing else to do then. It is that thread which words some meanwhile: another would take more
time to be woken than it takes to word a chunk.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from processors.notices.directory.port import MemberKey
from processors.notices.sending.in_hand.hand import Hand
from processors.notices.sending.in_hand.preparing import Background, Preparing
from rules.notices.values import Contact
from schemas.ids import Micros
from store.notices.sending.queue import Taken

_Piece: TypeAlias = tuple[Sequence[Taken], Background, Mapping[MemberKey, Contact]]
"""Notices that were taken together, and what was read of their shops and members."""


class Ahead:
    """Words what was taken in hand, in its order, a chunk's worth at a time."""

    def __init__(self, hand: Hand, preparing: Preparing) -> None:
        """Has nothing yet. `hand`: where it goes, and what becomes of those without a message."""
        self._hand, self._preparing = hand, preparing
        self._pieces: deque[_Piece] = deque()
        self._failure: Exception | None = None
        self.count = 0
        """How many have no words yet; other threads ask, too."""

    def add(
        self, taken: Sequence[Taken], known: Background, contacts: Mapping[MemberKey, Contact]
    ) -> None:
        """Takes more, behind the others, with what was read of their shops and members."""
        self._pieces.append((taken, known, contacts))
        self.count += len(taken)

    def word_beside(self, room: int) -> None:
        """Words so many while something else goes on, which nothing may break off."""
        try:
            if room and self._pieces:
                self._word(room)
        except Exception as error:  # noqa: BLE001 - raised once the chunk's way is over
            self._failure = error

    def have(self, room: int) -> None:
        """Has so many in the hand that may go, if there are. Raises what failed beside, too."""
        if self._failure is not None:
            raise self._failure
        while self._pieces and self._hand.free() < room:
            self._word(room)

    def older_than(self, instant: Micros) -> list[Taken]:
        """Takes out those that were taken before an instant: their leases run out."""
        old = [piece for piece in self._pieces if piece[0][0].now < instant]
        self._pieces = deque(piece for piece in self._pieces if piece[0][0].now >= instant)
        return self._out(old)

    def empty(self) -> list[Taken]:
        """Takes out all."""
        everything, self._pieces = self._pieces, deque()
        return self._out(everything)

    def _word(self, room: int) -> None:
        taken, known, contacts = self._pieces.popleft()
        if len(taken) > room:
            self._pieces.appendleft((taken[room:], known, contacts))
        prepared = self._preparing.prepare(taken[:room], known, contacts)
        self._hand.add(prepared.ready)
        self._hand.done += prepared.ended
        self.count -= len(taken[:room])

    def _out(self, pieces: Iterable[_Piece]) -> list[Taken]:
        taken = [each for piece in pieces for each in piece[0]]
        self.count -= len(taken)
        return taken
