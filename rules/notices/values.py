"""What a text can say: the closed list of values, and who is told."""

from dataclasses import dataclass

from schemas.ids import Micros
from schemas.notices.words import Channel


@dataclass(frozen=True, slots=True)
class Values:
    """The values of one notice, as they are at the moment of sending.

    `expires_us`: the exclusive instant at which the points lapse, None for never, ALL_PAID where
    none are left to. `member_name` and `reason` are text from outside.
    """

    points: int
    balance: int
    expires_us: Micros | None
    order_number: str | None
    reason: str | None
    shop: str
    member_name: str | None


@dataclass(frozen=True, slots=True, repr=False)
class Contact:
    """How a member is reached, in the clear: for the moment of sending, never kept or shown.

    `language` is the platform's locale, such as `zh-hant`. Empty texts are None.
    """

    name: str | None
    language: str | None
    email: str | None
    phone: str | None

    def address(self, channel: Channel) -> str | None:
        """Where a channel writes to, as it was given."""
        return self.email if channel is Channel.email else self.phone

    def __repr__(self) -> str:
        return "Contact(…)"
