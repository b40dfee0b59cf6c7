"""Takes a chunk out of the hand and makes it ready to be written: in the connection's thread.

In this order: the rates let it go, a transaction commits that it is being sent (together with what
became of the chunk before), and the fence is asked.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from uuid import UUID

import psycopg

from processors.notices.sending.chunks.exchange import Exchange
from processors.notices.sending.guards.fence import Gatekeeper
from processors.notices.sending.guards.gate import Gate
from processors.notices.sending.guards.rates import SharedRates
from processors.notices.sending.in_hand.ahead import Ahead
from processors.notices.sending.in_hand.hand import Hand, Ready, Sent
from processors.notices.sending.measuring import observe, tell
from schemas.ids import Micros
from store.postgres.session import Database, transaction


@dataclass(frozen=True, slots=True)
class Guards:
    """What keeps a loop in its bounds: rates, the fence, the provider's gate."""

    rates: SharedRates
    gatekeeper: Gatekeeper
    gate: Gate


class Handing:
    """Hands over one hand's messages, as its guards let them."""

    def __init__(self, hand: Hand, ahead: Ahead, exchange: Exchange, guards: Guards) -> None:
        self._hand, self._ahead, self._exchange, self._guards = hand, ahead, exchange, guards

    @property
    def has_something_done(self) -> bool:
        """Whether something is to be written down, though no message may go."""
        return bool(self._hand.done) or self._guards.gate.has_moved

    def next_chunk(
        self, connection: Database, room: int, least: UUID, now: Micros
    ) -> list[Sent] | None:
        """As many as may go now, marked; None when none may, and what is done is settled then."""
        self._ahead.have(room)
        chunk = self._hand.chunk(room, self._guards.rates.take)
        if not chunk and not self.has_something_done:
            return None
        sent: list[Sent] = []
        try:
            sent = self._exchanged(connection, chunk, least, now)
        finally:
            self._give_tokens_back(chunk, sent)
        return sent if chunk else None

    def settle(self, connection: Database, least: UUID, now: Micros) -> None:
        """Writes down what is done."""
        self._exchanged(connection, [], least, now)

    def _give_tokens_back(self, chunk: Sequence[Ready], sent: Sequence[Sent]) -> None:
        """What is not written after all takes nothing out of its rate."""
        if len(sent) < len(chunk):
            going = self._hand.buckets(each.ready for each in sent)
            self._guards.rates.give_back(self._hand.buckets(chunk) - going)

    def _exchanged(
        self, connection: Database, chunk: Sequence[Ready], least: UUID, now: Micros
    ) -> list[Sent]:
        """Commits what became of the last chunk, and that this one is being sent; asks the fence.

        What the transaction does not keep is done again: whatever was kept all the same is no
        longer as it was.
        """
        # Before the commit: whoever is frozen while it waits for that has lost its lease as well.
        began = time.monotonic()
        done, self._hand.done = self._hand.done, []
        try:
            exchanged = self._exchange.run(
                connection, done, chunk, least, partial(self._ahead.word_beside, len(chunk))
            )
        except psycopg.Error:
            self._hand.add(chunk)
            self._hand.done += done
            raise
        self._hand.done += exchanged.afterwards
        observe(exchanged.ended)
        tell(exchanged.used_up)
        if self._guards.gate.has_moved:
            with transaction(connection) as cursor:
                self._guards.gate.write(cursor, now)
            self._guards.gate.has_moved = False
        if not exchanged.sent:
            return []
        return self._guards.gatekeeper.passed(connection, exchanged.sent, began)
