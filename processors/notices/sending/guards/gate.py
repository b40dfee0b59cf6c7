"""Whether a provider gets anything: paused by an operator or its breaker open, for all senders."""

from dataclasses import replace
from enum import StrEnum

from processors.runtime.logs import log
from rules.notices.breaker import CLOSED
from rules.notices.outcomes import Answered
from schemas.ids import Micros, iso
from store.notices.sending import breakers
from store.notices.sending.breakers import ProviderState
from store.postgres.session import Cursor
from store.valkey.errors import ReadModelUnavailable
from store.valkey.notices import Breakers


class Shut(StrEnum):
    """Why a provider gets nothing: it does not let us in, it fails, or an operator paused it."""

    credentials = "credentials"
    failing = "failing"
    paused = "paused"


class Gate:
    """One provider's gate, as this process knows it."""

    def __init__(self, provider: str, shared: Breakers | None) -> None:
        """`shared`: Valkey, if there is one."""
        self._provider, self._shared = provider, shared
        self.breaker = CLOSED
        self.paused: ProviderState | None = None
        self.has_moved = False
        """Whether the breaker opened or closed here, and the others were not told yet (`write`)."""
        self._now: Micros = 0

    def look(self, cursor: Cursor, now: Micros) -> None:
        """Learns what operators and other processes say."""
        state = breakers.states(cursor).get(self._provider, ProviderState(self._provider))
        self._now = now
        self.paused = state if state.paused_us is not None else None
        if state.open_until_us == 0:
            # An operator let it go on: that goes for whatever anybody remembers.
            self.breaker = CLOSED
            self._tell(0, None, now)
            breakers.opened(cursor, self._provider, None, None)
            return
        if self.has_moved:
            return  # what the others say is older than what was learnt here
        until, why = state.open_until_us or 0, state.why
        found = self._heard()
        if found is not None and found[0] > until:
            until, why = found
        if until != self.breaker.open_until:
            closed = self.breaker if until else CLOSED
            self.breaker = replace(closed, open_until=until, why=why)

    def room(self, now: Micros, most: int) -> int:
        """How many messages may go: all of `most`, one as a probe, or none."""
        self._now = now
        if self.paused is not None or self.breaker.is_open(now):
            return 0
        return 1 if self.breaker.probes(now) else most

    def learn(self, answers: list[Answered], now: Micros) -> None:
        """Takes a chunk's answers: the breaker may open or close."""
        before, self.breaker = self.breaker, self.breaker.after_shared(answers, now)
        moved = before.open_until != self.breaker.open_until
        self.has_moved |= moved
        if moved and self.breaker.open_until:
            log().error(
                "breaker_opened",
                provider=self._provider,
                why=self.breaker.why,
                until=iso(self.breaker.open_until),
            )
        elif moved:
            log().info("breaker_closed", provider=self._provider)

    def write(self, cursor: Cursor, now: Micros) -> None:
        """Tells the others."""
        until = self.breaker.open_until
        breakers.opened(cursor, self._provider, until or None, self.breaker.why)
        self._tell(until, self.breaker.why, now)

    @property
    def shut(self) -> Shut | None:
        """Why nothing goes, in a word; None while it does."""
        if self.paused is not None:
            return Shut.paused
        if self.breaker.open_until == 0:
            return None
        return Shut.credentials if self.breaker.why == Shut.credentials else Shut.failing

    def trouble(self) -> str | None:
        """Why nothing goes; None while it does."""
        if self.paused is not None:
            return f"{self._provider}: paused by {self.paused.paused_by}"
        if self.breaker.open_until == 0:
            return None
        said = {
            "credentials": "it does not let us in: check the account's name and password",
            "unknown": "it does not answer",
        }.get(self.breaker.why or "", "it takes nothing")
        return f"{self._provider}: {said}; tried again at {iso(self.breaker.open_until)}"

    def _heard(self) -> tuple[Micros, str | None] | None:
        if self._shared is None:
            return None
        try:
            return self._shared.read(self._provider)
        except ReadModelUnavailable:
            return None

    def _tell(self, until: Micros, why: str | None, now: Micros) -> None:
        if self._shared is None:
            return
        try:
            self._shared.write(self._provider, until, why, now)
        except ReadModelUnavailable as error:
            log().warning("breaker_not_shared", why=str(error))
