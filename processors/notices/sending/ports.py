"""What sending asks of others: shops as they are in force, texts, seals, wishes, the ledger.

Each is a function or a small protocol, so that the parts of the lane that provide them are put in
at one place (`wiring`), and so that tests can put in others.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from rules.notices.outcomes import OnUnknown
from rules.notices.values import Contact, Values
from schemas.ids import Micros
from schemas.notices.words import Channel, Kind, Why
from store.notices.members.members import Member
from store.notices.members.optouts import OptedOut
from store.notices.sending.queue import Taken
from store.postgres.session import Answer, Cursor


@dataclass(frozen=True, slots=True)
class Shop:
    """What sending needs of a shop that is in force.

    `tells`: whether it has a kind told by a channel. `provider` and `sender` of its SMS; `limit`:
    parts of SMS a month; `webhook_url`: its own address, if it has one. `quiet`: hours by channel,
    such as 21:00-09:00. `settings`: what its texts are made of, for `Wording` alone.
    """

    merchant_no: int
    merchant_id: str
    zone: str
    languages: tuple[str, ...]
    enabled: bool
    entitled: bool
    tells: Callable[[Channel, Kind], bool]
    provider: str | None
    sender: str
    mail_from: str | None
    country: str
    limit: int | None
    webhook_url: str | None
    on_unknown: OnUnknown
    quiet: Mapping[Channel, str | None]
    name: str
    settings: Any

    def provider_of(self, channel: Channel) -> str | None:
        """Who delivers for it."""
        return SMTP if channel is Channel.email else self.provider


SMTP = "smtp"
"""The name of the provider of mail."""


class NotWorded(Exception):
    """A text that cannot be sent: `why` is `render` or `too_long`. Its message is for the log."""

    def __init__(self, why: Why, what: str) -> None:
        super().__init__(what)
        self.why = why


@dataclass(frozen=True, slots=True, repr=False)
class Worded:
    """A message as it is handed over: an SMS's text with its parts, or a whole mail."""

    text: str = ""
    parts: int | None = None
    mail: bytes = b""


class Wording(Protocol):
    """Texts and addresses. Pure: called from a thread."""

    def number(self, text: str, country: str) -> str | None:
        """A phone number in E.164 form; None for what no SMS reaches."""

    def mailbox(self, text: str) -> str | None:
        """An address that a mail can be sent to; None for what is none."""

    def sms(self, shop: Shop, kind: Kind, contact: Contact, values: Values) -> Worded:
        """The text of an SMS. Raises NotWorded."""

    def mail(
        self, shop: Shop, taken: Taken, to: str, contact: Contact, values: Values, at: Micros
    ) -> Worded:
        """A whole mail, sent at an instant. Raises NotWorded."""


class Seals(Protocol):
    """Opens what is sealed under the keys of some members."""

    def open(
        self, merchant_no: int, member_id: str, field: str, sealed: bytes | None
    ) -> str | None:
        """The text, None where there is none."""

    def hmac(self, merchant_no: int, member_id: str, text: str) -> bytes:
        """What tells whether an address is the same."""

    def has_key(self, merchant_no: int, member_id: str) -> bool:
        """Whether the member has a key."""


@dataclass(frozen=True, slots=True)
class Outside:
    """What other parts of the lane answer, each with the loop's own cursor.

    `shops`: those in force, by number. `seals`: for some members; None where nothing is sealed.
    `opted_out`: the channels and kinds (* for all) that members do not want, to be read once the
    answer is there. `lapsing`: of some reminders those whose points still lapse, with how many.
    `month_of`: 202611 in a zone. `not_before`: the first instant that is not quiet.
    """

    shops: Callable[[Cursor, Collection[int]], Mapping[int, Shop]]
    seals: Callable[[Cursor, Collection[Member]], Seals | None]
    opted_out: Callable[[Cursor, Sequence[Member]], Answer[Mapping[Member, OptedOut]]]
    lapsing: Callable[[Cursor, Sequence[Taken]], Mapping[UUID, int]]
    month_of: Callable[[Micros, str], int]
    not_before: Callable[[Micros, str | None, str], Micros]
    wording: Wording
