"""What becomes of a notice once its provider has answered, or has not (docs/notices.md).

A message may have arrived from the moment at which it is written. Whether it is written again then
depends on who gets it: a mail is, under the same Message-ID; an SMS only while its provider knows
our id and takes it once; otherwise nobody knows, and it is not said again by itself.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final, Literal

from schemas.ids import Micros
from schemas.notices.words import Channel, State, Why

MARGIN: Final = timedelta(minutes=10)
"""So much sooner than a provider says we count on its forgetting our id: its clock is not ours."""

_MICROSECOND: Final = timedelta(microseconds=1)


class Answered(StrEnum):
    """What a provider said of a message; the same words as in the providers' port."""

    taken = "taken"
    later = "later"
    wrong = "wrong"
    unknown = "unknown"
    credentials = "credentials"
    shop_refused = "shop_refused"


@dataclass(frozen=True, slots=True)
class Custom:
    """What a provider does with a message that it gets twice.

    `window`: for how long it knows our id and takes a message of the same id once only, zero for
    never. Of a `mail` the recipient's program shows one, since both have one Message-ID.
    """

    mail: bool
    window: timedelta

    def takes_again(self, asked_us: Micros | None, now: Micros) -> bool:
        """Whether a message may be written (again) without being said twice.

        `asked_us`: when it was first written in such a way that it may have arrived; None for
        never.
        """
        if self.mail or asked_us is None:
            return True
        if not self.window:
            return False
        return now - asked_us < (self.window - min(MARGIN, self.window / 10)) // _MICROSECOND


@dataclass(frozen=True, slots=True)
class Next:
    """What a notice becomes.

    `may_have_arrived`: whether a former request still counts as one that may have arrived. Of a
    waiting notice `backs_off` says whether it waits a growing time first.
    """

    state: State
    reason: str | None = None
    may_have_arrived: bool = True
    backs_off: bool = False


OnUnknown = Literal["hold", "resend"]


def custom_of(channel: Channel, window: timedelta) -> Custom:
    """The custom of a provider of a channel."""
    return Custom(channel is Channel.email, window)


def after_answer(
    answered: Answered,
    custom: Custom,
    asked_us: Micros,
    attempt_us: Micros,
    now: Micros,
    on_unknown: OnUnknown,
) -> Next:
    """What an answer makes of a notice whose last request was at `attempt_us`.

    `asked_us`: its first request that may have arrived, the same instant if it was the last one.
    """
    match answered:
        case Answered.taken:
            return Next(State.sent)
        case Answered.wrong:
            return Next(State.failed, Why.refused)
        case Answered.later | Answered.credentials | Answered.shop_refused:
            # This one did not arrive; an earlier one may have.
            earlier = asked_us < attempt_us
            return Next(State.waiting, answered.value, may_have_arrived=earlier, backs_off=True)
        case Answered.unknown:
            return unanswered(custom, asked_us, now, on_unknown)


def unanswered(
    custom: Custom, asked_us: Micros | None, now: Micros, on_unknown: OnUnknown = "hold"
) -> Next:
    """What a request without an answer makes of a notice; the same when its sender died over it.

    Also where its shop would rather tell twice it may have arrived, should it not be told again.
    """
    if custom.takes_again(asked_us, now) or on_unknown == "resend":
        return Next(State.waiting, "unanswered", backs_off=True)
    return Next(State.unknown)


def not_written(asked_us: Micros | None, state: State, reason: str | None) -> Next:
    """What a notice becomes that is not to be written (again): `state`, as `reason` says.

    Nobody says of one that may have arrived that its member was not told.
    """
    return Next(state, reason) if asked_us is None else Next(State.unknown)


def given_up(asked_us: Micros | None, *, has_provider: bool = True, is_off: bool = False) -> Next:
    """What a notice becomes that could not go out in time.

    One that may have arrived is not said to have expired. `has_provider`: whether there is one
    that could have taken it; `is_off`: whether its shop has switched it off, maybe for that.
    """
    if is_off:
        return not_written(asked_us, State.skipped, Why.off)
    if has_provider:
        return not_written(asked_us, State.expired, None)
    return not_written(asked_us, State.failed, Why.no_provider)
