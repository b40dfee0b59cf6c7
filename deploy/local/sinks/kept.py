"""What the sinks got, in the order in which it came."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from deploy.local.sinks.moods import TAKES, Mood, Provider


@dataclass(slots=True)
class Request:
    """One request for a message, and what the sink did with it.

    `at`: seconds since 1970. `taken`: whether the message is delivered by it; False of a repeat
    that the sink knew, which `duplicate` says. `answered`: whether a whole answer was written.
    `notice_id`: as it rides in the request, None where it does not. `content`: text, or a mail.
    """

    number: int
    provider: Provider
    at: float
    mood: Mood
    notice_id: str | None
    to: str
    sender: str
    content: str
    taken: bool
    duplicate: bool = False
    answered: bool = False
    details: dict[str, Any] = field(default_factory=dict)


class Kept:
    """Every request since the start or the last `forget`."""

    def __init__(self) -> None:
        self.requests: list[Request] = []

    def keep(
        self,
        provider: Provider,
        mood: Mood,
        notice_id: str | None,
        *,
        to: str = "",
        sender: str = "",
        content: str = "",
        **details: Any,
    ) -> Request:
        """Keeps a request; whoever answers it says so in what comes back."""
        request = Request(
            number=len(self.requests),
            provider=provider,
            at=time.time(),
            mood=mood,
            notice_id=notice_id,
            to=to,
            sender=sender,
            content=content,
            taken=mood in TAKES,
            details=details,
        )
        self.requests.append(request)
        return request

    def forget(self) -> None:
        """Begins anew."""
        self.requests.clear()

    def lines(self, *, since: int = 0, taken: bool = False) -> Iterator[bytes]:
        """The requests as JSON lines: all from a number on, or those taken alone."""
        for request in self.requests[since:]:
            if request.taken or not taken:
                yield json.dumps(asdict(request), ensure_ascii=False).encode() + b"\n"

    def counts(self) -> dict[str, dict[str, int]]:
        """By provider: requests, taken, answered, duplicates."""
        counts: dict[str, Counter[str]] = {}
        for request in self.requests:
            of = counts.setdefault(request.provider, Counter())
            of["requests"] += 1
            of["taken"] += request.taken
            of["answered"] += request.answered
            of["duplicates"] += request.duplicate
        return {provider: dict(of) for provider, of in counts.items()}
