"""When a provider gets nothing for a while: after failures in a row, or when it lets us not in.

Closed, everything goes. Open, nothing, until an instant; then one message is a probe, which closes
it, or opens it for twice as long. A shop's sender and gateway have one of their own.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from rules.notices.outcomes import Answered
from schemas.ids import Micros

FAILURES: Final = 20
"""In a row: a few refusals may be the recipients' servers, so many are the provider."""
FIRST_OPEN: Final = timedelta(seconds=5)
LONGEST_OPEN: Final = timedelta(minutes=5)

_AT_ONCE: Final = frozenset({Answered.credentials, Answered.shop_refused})
"""What somebody must mend first."""
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Breaker:
    """How a provider did lately. `failures` in a row, and how often it `opened` since it worked.

    `open_until`: 0 while it is closed; in the past, the next message is a probe.
    """

    failures: int = 0
    opened: int = 0
    open_until: Micros = 0
    why: str | None = None

    def is_open(self, now: Micros) -> bool:
        """Whether nothing may go."""
        return now < self.open_until

    def probes(self, now: Micros) -> bool:
        """Whether one message may go, and no more."""
        return 0 < self.open_until <= now

    def after(self, answers: Iterable[Answered], now: Micros) -> "Breaker":
        """How it is after some answers. Whatever says that it worked closes it."""
        breaker = self
        for answered in answers:
            breaker = breaker._after_one(answered, now)
        return breaker

    def after_shared(self, answers: Iterable[Answered], now: Micros) -> "Breaker":
        """The same of a provider that shops share, which may refuse one of them.

        A probe that is answered so closes it: the provider is there, and lets us in. Else that says
        nothing of it, neither that it fails nor that it works: it may refuse every shop.
        """
        breaker = self
        for answered in answers:
            if answered is not Answered.shop_refused:
                breaker = breaker._after_one(answered, now)
            elif breaker.probes(now):
                breaker = CLOSED
        return breaker

    def _after_one(self, answered: Answered, now: Micros) -> "Breaker":
        if answered in {Answered.taken, Answered.wrong}:
            return CLOSED
        failures = self.failures + 1
        at_once = answered in _AT_ONCE or self.probes(now)
        if self.is_open(now) or not (at_once or failures >= FAILURES):
            return replace(self, failures=failures)
        wait = min(LONGEST_OPEN, FIRST_OPEN * (1 << min(self.opened, 16)))
        return Breaker(failures, self.opened + 1, now + wait // _MICROSECOND, answered.value)


CLOSED: Final = Breaker()
