"""What is a shop's own, a sender's address or name or its gateway, and is left alone for a while.

A provider refuses it, or it fails: then nothing of that shop is handed over, and the others go on.
Now and then one message tries whether it was mended.
"""

import heapq
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from processors.notices.providers.port import LEFT_ALONE, NO_TIME, Answer, Outcome, Own
from processors.runtime.logs import log
from rules.notices.backoff import LONGEST
from rules.notices.breaker import CLOSED, LONGEST_OPEN, Breaker
from rules.notices.outcomes import Answered
from schemas.ids import SECOND

MOST_REMEMBERED: Final = 10_000
"""Shops of whose own it is remembered that it failed; then the one that was heard of longest ago is
forgotten, and tried with the next message. A shop has one at a time, so that none fills it.
"""
OF_SENDERS: Final = frozenset({Outcome.taken, Outcome.shop_refused})
"""What says something of a sender; everything else says it of the provider that all share.

Or of the recipient alone, where it is *wrong*: a provider may say that before it looks at senders.
"""
OF_GATEWAYS: Final = frozenset(Outcome)
"""What says something of a shop's own gateway: nobody shares it, so whatever comes of it does."""
OF_OURS: Final = frozenset({LEFT_ALONE, NO_TIME})
"""Codes of answers that we gave ourselves, without asking anybody."""
DOUBT: Final = 2 * LONGEST_OPEN
"""For how long nothing of anybody's is taken before it may be the provider: longer than any shop is
left alone between two tries.
"""


@dataclass(frozen=True, slots=True)
class _Failing:
    """A shop's own that did not work lately, and since when.

    `is_former`: whether something of the shop was handed over to another of its own since.
    """

    name: str
    breaker: Breaker
    since: int
    is_former: bool = False


class LeftAlone:
    """Those of one provider. One thread hands over and learns; others may ask."""

    def __init__(
        self,
        provider: str,
        clock: Callable[[], float] = time.monotonic,
        *,
        told_by: Collection[Outcome],
    ) -> None:
        """Knows of none yet. `clock`: seconds. `told_by`: which answers say something of them."""
        self._provider, self._clock, self._told_by = provider, clock, told_by
        self._failing: dict[str, _Failing] = {}
        """By their shops; whoever was heard of last is the last."""
        self._worked = self._now()
        """When it took something from anybody the last time, or this process began."""

    def __bool__(self) -> bool:
        """Whether there are any at all."""
        return bool(self._failing)

    def is_open(self, own: Own) -> bool:
        """Whether it gets nothing at the moment."""
        breaker = self._breaker(own)
        return breaker is not CLOSED and breaker.is_open(self._now())

    def probes(self, own: Own) -> bool:
        """Whether one message may try it, and no more."""
        breaker = self._breaker(own)
        return breaker is not CLOSED and breaker.probes(self._now())

    def instead(self, own: Own, probed: set[Own]) -> Answer | None:
        """The answer to a message that is not handed over; None where it may be.

        `probed`: those that a message of the same chunk tries just now.
        """
        if not self._failing:
            return None
        self._move_on(own)
        now, breaker = self._now(), self._breaker(own)
        if breaker.is_open(now) or (breaker.probes(now) and own in probed):
            wait = timedelta(seconds=max(1, (breaker.open_until - now) // SECOND))
            refused = breaker.why == Outcome.shop_refused
            outcome = Outcome.shop_refused if refused else Outcome.later
            return Answer(outcome, retry_after=wait, code=LEFT_ALONE)
        if breaker.probes(now):
            probed.add(own)
        return None

    def learn(self, own: Own, answer: Answer) -> None:
        """Takes the answer to a message that was handed over."""
        if answer.outcome not in self._told_by or answer.code in OF_OURS:
            return
        now, before = self._now(), self._breaker(own)
        if answer.outcome is Outcome.taken:
            self._worked = now
        if self._is_late(own):
            return
        learnt = before.after([Answered(answer.outcome.value)], now)
        if learnt.open_until > before.open_until:
            log().warning(
                "shop_left_alone",
                provider=self._provider,
                merchant_id=own.merchant_id,
                why=answer.code,
            )
        self._remember(own, learnt, now)

    def _remember(self, own: Own, learnt: Breaker, now: int) -> None:
        failing = self._failing.pop(own.merchant_id, None)
        is_new = failing is None or failing.name != own.name
        if learnt == CLOSED:
            if failing is not None and is_new:
                self._failing[own.merchant_id] = failing
            return
        since = now if failing is None or is_new else failing.since
        self._failing[own.merchant_id] = _Failing(own.name, learnt, since)
        if len(self._failing) > MOST_REMEMBERED:
            del self._failing[next(iter(self._failing))]

    def doubted_us(self) -> int | None:
        """For how long it may have been the provider that does not work, rather than the shops.

        Several fail, and nothing of anybody's was taken meanwhile. None where it is likely theirs.
        """
        first = heapq.nsmallest(2, (each.since for each in self._tried_lately()))
        if len(first) < 2:  # noqa: PLR2004 - one alone has a fault of its own
            return None
        us = self._now() - max(first[-1], self._worked)
        return us if us >= int(DOUBT.total_seconds()) * SECOND else None

    def lately(self) -> int:
        """How many do not work, of those that were tried not long ago."""
        return len(self._tried_lately())

    def _tried_lately(self) -> list[_Failing]:
        least = self._now() - int(2 * LONGEST.total_seconds()) * SECOND
        failing = list(self._failing.values())
        return [each for each in failing if each.breaker.open_until > max(0, least)]

    def _move_on(self, own: Own) -> None:
        """Notes whether the shop has another by now than the one that fails."""
        failing = self._failing.get(own.merchant_id)
        if failing is not None and failing.is_former != (failing.name != own.name):
            self._failing[own.merchant_id] = replace(failing, is_former=not failing.is_former)

    def _is_late(self, own: Own) -> bool:
        """Whether the shop has another by now, which is left alone: what comes late is no news."""
        failing = self._failing.get(own.merchant_id)
        if failing is None or failing.name == own.name or failing.is_former:
            return False
        return failing.breaker.open_until > 0

    def _breaker(self, own: Own) -> Breaker:
        failing = self._failing.get(own.merchant_id)
        return failing.breaker if failing is not None and failing.name == own.name else CLOSED

    def _now(self) -> int:
        return int(self._clock() * SECOND)
