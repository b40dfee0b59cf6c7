"""How a sink behaves: a mood for each message, drawn by weights and a seed."""

import asyncio
from enum import StrEnum
from random import Random
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Provider = Literal["smtp", "twilio", "mitake", "webhook"]
PROVIDERS: tuple[Provider, ...] = ("smtp", "twilio", "mitake", "webhook")


class Mood(StrEnum):
    """What a sink does with a message.

    It keeps it as taken: normal; slow (answers after `delay_ms`); held (answers once it is given
    another manner); deaf (never answers); drop (half an answer, then closes); half_line (the whole
    answer is cut within a line).

    It does not: lost (closes without a word); busy (429, 503 and the like, with Retry-After);
    wrong (a bad number, 550); credentials; html (a 200 of somebody in between); error_inside (a
    200 with an error in it); empty; redirect; garbled (other letters); endless (an answer without
    end); silent (accepts a connection and says nothing).
    """

    normal = "normal"
    slow = "slow"
    held = "held"
    deaf = "deaf"
    drop = "drop"
    half_line = "half_line"
    lost = "lost"
    busy = "busy"
    wrong = "wrong"
    credentials = "credentials"
    html = "html"
    error_inside = "error_inside"
    empty = "empty"
    redirect = "redirect"
    garbled = "garbled"
    endless = "endless"
    silent = "silent"


TAKES = frozenset({Mood.normal, Mood.slow, Mood.held, Mood.deaf, Mood.drop, Mood.half_line})
"""The moods in which a sink keeps the message as taken."""


class Manner(BaseModel):
    """How one sink is to behave: one mood, or several by weight, drawn by the seed.

    `delay_ms`: before the answer in the mood slow. `retry_after`: seconds that the mood busy asks
    for, if any; with `retry_at` it names the instant. `status`: what busy and wrong answer, where
    not the usual (429 or 503 in turn; of mail 451 and 550). `code`: the provider's own in the mood
    wrong, where not that of a bad number. `stage`: at what a mail is refused (greeting, mail, rcpt,
    data, end). `sender`: whose messages the mood is for; all others find the sink in a good one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    mood: Mood | None = None
    weights: dict[Mood, float] = Field(default_factory=dict)
    seed: int = 0
    delay_ms: float = Field(1000, ge=0)
    retry_after: float | None = Field(None, ge=0)
    retry_at: bool = False
    status: int | None = Field(None, ge=100, le=599)
    code: str | None = None
    sender: str | None = None
    stage: Literal["greeting", "mail", "rcpt", "data", "end"] = "rcpt"

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if self.mood is not None and self.weights:
            raise ValueError("give a mood or weights, not both")
        if self.weights and (min(self.weights.values()) < 0 or not any(self.weights.values())):
            raise ValueError("weights are not negative, and one is more than 0")
        return self


class Moods:
    """The mood of each message, as the manner in force says."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()
        self.become(Manner())

    def become(self, manner: Manner) -> None:
        """Behaves so from the next message on."""
        self._changed.set()
        self._changed = asyncio.Event()
        self.manner = manner
        self.drawn = 0
        self._random = Random(manner.seed)  # noqa: S311
        self._moods = list(manner.weights)
        self._weights = list(manner.weights.values())

    async def released(self, manner: Manner) -> None:
        """Returns once another manner is in force."""
        while self.manner is manner:
            await self._changed.wait()

    def draw(self, sender: str) -> Mood:
        """The mood for the next message, which is of a sender."""
        self.drawn += 1
        if self.manner.sender not in {None, sender}:
            return Mood.normal
        if not self._moods:
            return self.manner.mood or Mood.normal
        return self._random.choices(self._moods, self._weights)[0]
