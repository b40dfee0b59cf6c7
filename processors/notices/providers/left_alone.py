"""What is a shop's own, a sender's address or name or its gateway, and is left alone for a while.

A provider refuses it, or it fails: then nothing of that shop is handed over, and the others go on.
Now and then one message tries whether it was mended.
"""

import time
from collections.abc import Callable, Collection
from datetime import timedelta
from typing import Final

from processors.notices.providers.port import LEFT_ALONE, Answer, Outcome
from processors.runtime.logs import log
from rules.notices.backoff import LONGEST
from rules.notices.breaker import CLOSED, Breaker
from rules.notices.outcomes import Answered
from schemas.ids import SECOND

MOST_REMEMBERED: Final = 10_000
"""Of which it is remembered that they failed."""
OF_SENDERS: Final = frozenset({Outcome.taken, Outcome.wrong, Outcome.shop_refused})
"""What says something of a sender; everything else says it of the provider that all share."""
OF_GATEWAYS: Final = frozenset(Outcome)
"""What says something of a shop's own gateway: nobody shares it, so whatever comes of it does."""


class LeftAlone:
    """Those of one provider, by address or name."""

    def __init__(
        self,
        provider: str,
        clock: Callable[[], float] = time.monotonic,
        *,
        told_by: Collection[Outcome],
    ) -> None:
        """Knows of none yet. `clock`: seconds. `told_by`: which answers say something of them."""
        self._provider, self._clock, self._told_by = provider, clock, told_by
        self._breakers: dict[str, Breaker] = {}

    def instead(self, of: str, probed: set[str]) -> Answer | None:
        """The answer to a message that is not handed over; None where it may be.

        `probed`: those that a message of the same chunk tries just now.
        """
        now = self._now()
        breaker = self._breakers.get(of, CLOSED)
        if breaker.is_open(now) or (breaker.probes(now) and of in probed):
            wait = timedelta(seconds=max(1, (breaker.open_until - now) // SECOND))
            refused = breaker.why == Outcome.shop_refused
            outcome = Outcome.shop_refused if refused else Outcome.later
            return Answer(outcome, retry_after=wait, code=LEFT_ALONE)
        if breaker.probes(now):
            probed.add(of)
        return None

    def learn(self, of: str, merchant_id: str, answer: Answer) -> None:
        """Takes the answer to a message of a shop that was handed over."""
        if answer.outcome not in self._told_by:
            return
        before = self._breakers.get(of, CLOSED)
        learnt = before.after([Answered(answer.outcome.value)], self._now())
        if learnt.open_until > before.open_until:
            log().warning(
                "shop_left_alone", provider=self._provider, merchant_id=merchant_id, why=answer.code
            )
        if learnt == CLOSED:
            self._breakers.pop(of, None)
        elif of in self._breakers or len(self._breakers) < MOST_REMEMBERED:
            self._breakers[of] = learnt

    def now(self) -> frozenset[str]:
        """Those that get nothing at the moment. Other threads may ask."""
        if not self._breakers:
            return frozenset()
        now = self._now()
        return frozenset(of for of, each in list(self._breakers.items()) if each.is_open(now))

    def lately(self) -> int:
        """How many do not work, of those that were tried not long ago. Other threads may ask."""
        least = self._now() - int(2 * LONGEST.total_seconds()) * SECOND
        return sum(each.open_until > max(0, least) for each in list(self._breakers.values()))

    def _now(self) -> int:
        return int(self._clock() * SECOND)
