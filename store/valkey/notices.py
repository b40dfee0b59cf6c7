"""What senders share in Redis or Valkey: rates, breakers and a fence; never the truth.

Flushed or away, senders go on by the database alone (docs/notices.md). Every call raises
ReadModelUnavailable when the server does not answer.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

import orjson

from schemas.ids import SECOND, Micros, record_key
from store.valkey.client import Client, answering
from store.valkey.scripts import Script

SECONDS: Final = 0.5
"""For an answer: a request waits for it, and can do without."""
FENCE_HOURS: Final = 48
"""An attempt is remembered for longer than an SMS or a frozen process can be about."""

_PREFIX: Final = b"points:notices:v1:"
_FENCE_MS: Final = FENCE_HOURS * 3_600_000
_LET: Final = ord("1")


class Bucket(NamedTuple):
    """A rate that all processes share: of a provider, and of a sender's name with it.

    `rate` in messages a second; `holds` as many at once.
    """

    provider: str
    sender: str
    rate: float
    holds: float


class Granted(NamedTuple):
    """How many messages may go now, and in how many microseconds the others could."""

    messages: int
    wait_us: int


class Rates:
    """Token buckets, by the server's time."""

    def __init__(self, client: Client) -> None:
        self._take = Script(client, "notices_take")

    def take(self, wanted: Mapping[Bucket, int]) -> dict[Bucket, Granted]:
        """Takes up to so many tokens out of each bucket."""
        calls = [
            (_key(b"rate", bucket.provider, bucket.sender), bucket.rate, bucket.holds, count)
            for bucket, count in wanted.items()
        ]
        answers = self._take.run(calls)
        pairs = zip(wanted, answers, strict=True)
        return {bucket: Granted(*map(int, got)) for bucket, got in pairs}

    def give_back(self, unused: Mapping[Bucket, int]) -> None:
        """Puts tokens back that were taken and not used."""
        self.take({bucket: -count for bucket, count in unused.items()})


class Fence:
    """The attempts at each notice that were let through: an earlier one is not, after a later."""

    def __init__(self, client: Client) -> None:
        self._let = Script(client, "notices_fence")

    def passed(self, attempts: Sequence[tuple[UUID, int]]) -> list[bool]:
        """Which attempts may be made, in their order."""
        if not attempts:
            return []
        keys = [_PREFIX + b"notice:" + notice.hex.encode() for notice, _ in attempts]
        let: bytes = self._let.run_once(keys, _FENCE_MS, *(attempt for _, attempt in attempts))
        return [each == _LET for each in let]


class Breakers:
    """Until when nothing goes to a provider, and why."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def read(self, provider: str) -> tuple[Micros, str | None] | None:
        """Until when it is open, by the database's clock, and why; None when nothing is said."""
        with answering():
            value: Any = self._client.get(_key(b"breaker", provider))
        try:
            until, why = orjson.loads(value or b"")
            return int(until), None if why is None else str(why)
        except (ValueError, TypeError):
            return None

    def write(self, provider: str, until: Micros, why: str | None, now: Micros) -> None:
        """It opened until an instant; 0 for closed."""
        key = _key(b"breaker", provider)
        with answering():
            if until <= now:
                self._client.delete(key)
            else:
                seconds = (until - now) // SECOND + 60
                self._client.set(key, orjson.dumps([until, why]), ex=seconds)


def _key(what: bytes, *parts: str) -> bytes:
    return _PREFIX + what + b":{" + record_key(*parts) + b"}"
