"""Whether a request may be made now: a sender that was frozen beyond its lease must not make it.

Another sender may have the notice by then. Valkey remembers the attempts that were let through; the
table is asked where Valkey is away, and by whoever was slow since its marking began, since
Valkey may have been emptied meanwhile.
"""

import time
from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from processors.notices.sending.in_hand.hand import Sent
from processors.runtime.logs import log
from store.notices.sending import queue
from store.postgres.session import Database, raw
from store.valkey.errors import ReadModelUnavailable
from store.valkey.notices import Fence

REST_SECONDS = 2.0
"""After Valkey failed it is not asked for so long."""


class Gatekeeper(Protocol):
    """Who is asked just before a chunk's requests are made."""

    def passed(self, connection: Database, sent: Sequence[Sent], began: float) -> list[Sent]:
        """Those that may be written. `began`: when their marking did, monotonic."""


class SharedFence:
    """Valkey, and the table behind it."""

    def __init__(self, fence: Fence | None, lease_seconds: float) -> None:
        """Without a `fence` there is no Valkey."""
        self._fence, self._slow = fence, lease_seconds / 2
        self._again_at = 0.0

    def passed(self, connection: Database, sent: Sequence[Sent], began: float) -> list[Sent]:
        """Those that may be written."""
        let = self._let_by_valkey(sent)
        if let is None:
            let, asks_table = list(sent), True
        else:
            asks_table = time.monotonic() - began > self._slow
        if asks_table and let:
            ours: set[UUID] = queue.still_ours(raw(connection), [each.marked for each in let])
            let = [each for each in let if each.marked.notice_id in ours]
        if len(let) < len(sent):
            log().warning("fenced", why="another sender has them", notices=len(sent) - len(let))
        return let

    def _let_by_valkey(self, sent: Sequence[Sent]) -> list[Sent] | None:
        if self._fence is None or time.monotonic() < self._again_at:
            return None
        attempts = [(each.marked.notice_id, each.marked.attempt) for each in sent]
        try:
            passed = self._fence.passed(attempts)
        except ReadModelUnavailable as error:
            self._again_at = time.monotonic() + REST_SECONDS
            log().warning("fence_away", why=str(error))
            return None
        return [each for each, lets in zip(sent, passed, strict=True) if lets]
