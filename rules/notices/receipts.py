"""What receipts make of a notice (docs/notices.md).

They come in any order, any number of times, beside answers, leases that end, and what an operator
says or sends again. One that says delivered is proof: the message is with its member, whatever else
was tried, and nothing that comes later takes that back. One that says failed counts where nobody
knows better, and of the last request alone.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple, TypeAlias
from uuid import UUID

from schemas.notices.words import State

Becomes: TypeAlias = tuple[State | None, State | None]
"""By a receipt that says delivered, and by one that says failed; None where it says nothing."""

TABLE: Final[Mapping[State, Becomes]] = {
    State.parked: (None, None),
    State.waiting: (State.sent, State.failed),
    State.claimed: (State.sent, State.failed),
    State.sending: (State.sent, State.failed),
    State.sent: (State.sent, State.failed),
    State.failed: (State.sent, None),
    State.unknown: (State.sent, State.failed),
    State.expired: (State.sent, None),
    State.skipped: (State.sent, None),
    State.withdrawn: (State.sent, None),
}
"""Of a notice that was written at least once. Those that were sent again by hand may end anyhow,
and the message of the first time arrives all the same.
"""
_WAITS: Final = frozenset({State.waiting, State.claimed})


class Receipt(NamedTuple):
    """What a provider says later of a message: whether it arrived, and what it charges."""

    notice_id: UUID
    delivered: bool
    provider_id: str | None = None
    parts: int | None = None
    provider: str | None = None


class Standing(NamedTuple):
    """A notice as receipts find it.

    `attempt`: how often it was written. `may_have_arrived`: whether a request counts of which that
    is so. `is_delivered`: whether a receipt has said it. `provider` is that of the last request;
    `provider_id` that of the last one that was taken.
    """

    state: State
    attempt: int
    may_have_arrived: bool
    is_delivered: bool = False
    provider: str | None = None
    provider_id: str | None = None
    provider_parts: int | None = None

    def after(self, receipt: Receipt) -> "Standing":
        """How it stands after a receipt; itself where that says nothing new."""
        delivered, failed = TABLE[self.state] if self.attempt else (None, None)
        becomes = delivered if receipt.delivered else failed
        if becomes is None or not (receipt.delivered or self._may_fail(receipt)):
            return self
        return self._replace(
            state=becomes,
            is_delivered=receipt.delivered,
            provider_id=self.provider_id or receipt.provider_id,
            provider_parts=self.provider_parts if receipt.parts is None else receipt.parts,
        )

    def _may_fail(self, receipt: Receipt) -> bool:
        if self.is_delivered or self._is_of_another_request(receipt):
            return False
        # What waits as if it had never been written has a new request before it.
        return self.may_have_arrived or self.state not in _WAITS

    def _is_of_another_request(self, receipt: Receipt) -> bool:
        """Whether a notice that was written again hears of a request before the last one.

        What has been taken has the id of its last request; everything else, if it has one, that of
        a request which was taken before it was sent again.
        """
        if self.attempt == 1:
            return False
        if receipt.provider is not None and self.provider not in {None, receipt.provider}:
            return True
        if receipt.provider_id is None or self.provider_id is None:
            return False
        is_known = receipt.provider_id == self.provider_id
        return is_known is not (self.state is State.sent)
