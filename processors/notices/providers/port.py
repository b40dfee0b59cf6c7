"""What a provider is to the sender: it takes messages, and says of each what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol
from uuid import UUID

from schemas.ids import Micros

if TYPE_CHECKING:
    from processors.notices.providers.left_alone import LeftAlone

NO_TIME: Final = "no-time"
"""The code of ours for what could have been written too late only."""
LEFT_ALONE: Final = "left-alone"
"""The code of ours for what is not handed over, since its shop's own does not work (left_alone)."""


class Own(NamedTuple):
    """What of a shop a provider may refuse, or may fail: its sender's address or name, its gateway.

    Others may name the same, in error or in malice: what is answered to them says nothing of it.
    """

    merchant_id: str
    name: str


@dataclass(frozen=True, slots=True, repr=False)
class Tells:
    """The change that a message tells of, for those who word it by themselves.

    `expires_us`: as of PointsChange.
    """

    event_id: UUID
    member_id: str
    kind: str
    points: int
    balance: int
    expires_us: Micros | None


@dataclass(frozen=True, slots=True, repr=False)
class SmsMessage:
    """An SMS: its notice, the E.164 number, who it is from, the text. Never shown or logged.

    `url`: the shop's own address, where it has one; `tells` is for it.
    """

    notice_id: UUID
    merchant_id: str
    to: str
    sender: str
    text: str
    attempt: int
    url: str | None = None
    tells: Tells | None = None

    def __repr__(self) -> str:
        return f"SmsMessage({self.notice_id})"


@dataclass(frozen=True, slots=True, repr=False)
class Mail:
    """A mail, built: its notice, the envelope's sender and recipient, and the whole message."""

    notice_id: UUID
    merchant_id: str
    sender: str
    to: str
    message: bytes
    attempt: int

    def __repr__(self) -> str:
        return f"Mail({self.notice_id})"


class Outcome(StrEnum):
    """What became of a message.

    taken: the provider has it. later: it was never taken, and may be tried again. wrong: never
    taken, and wrong for good. unknown: written, and no answer came. credentials: never taken, since
    we are not let in; nothing goes until somebody mends it. shop_refused: never taken, since the
    shop's sender or gateway is refused; nothing of it goes until the shop mends that.
    """

    taken = "taken"
    later = "later"
    wrong = "wrong"
    unknown = "unknown"
    credentials = "credentials"
    shop_refused = "shop_refused"


@dataclass(frozen=True, slots=True)
class Answer:
    """A provider's answer to one message.

    `provider_id` and `parts`: as the provider says, where it does. `retry_after`: what it asks for.
    `code`: its own code, in a few printable characters without any address or text.
    """

    outcome: Outcome
    provider_id: str | None = None
    parts: int | None = None
    retry_after: timedelta | None = None
    code: str | None = None


class SmsProvider(Protocol):
    """Who delivers SMS. Never raises for what one message or the network does: it answers.

    `name`: as in settings and metrics. `window`: for how long it knows our notice id and takes a
    message of the same id once only; zero if never. `shared`: whether one shop's failures say
    something of all. `alone`: the shops' senders, or own addresses, that do not work.
    """

    name: str
    window: timedelta
    shared: bool
    alone: "LeftAlone"

    def send(self, chunk: Sequence[SmsMessage]) -> Sequence[Answer | None]:
        """Hands over some messages, all at once; an answer for each, in their order.

        The thread waits for them. For one at a time. None of those whose answers it does not wait
        for, since they hold up others: `came` has them. Until then nothing more goes to their
        address.
        """

    def came(self, seconds: float) -> Sequence[tuple[UUID, Answer]]:
        """Answers that were not waited for and have come, by their notices.

        Waits so long for the first of them, if there are any to come.
        """

    def close(self) -> None:
        """Closes its connections."""


class MailProvider(Protocol):
    """Who delivers mail; as SmsProvider, but asked by an event loop, to which it belongs."""

    name: str
    window: timedelta
    shared: bool
    alone: "LeftAlone"

    async def send(self, chunk: Sequence[Mail]) -> Sequence[Answer]:
        """Hands over some mails, all at once; an answer for each, in their order."""

    async def close(self) -> None:
        """Closes its connections."""
