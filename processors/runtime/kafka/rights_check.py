"""Whether a worker has the rights in Kafka that its kind needs; the one that is missing is named.

It asks now and then. A right that was taken away shows only when it is used, which an idle worker
does not do, and the broker's errors do not say which it was.
"""

import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from typing import Any, Final

from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from processors.runtime.configuration import KafkaConfiguration
from processors.runtime.kafka.clients import common
from processors.runtime.kafka.errors import NOT_ALLOWED, kafka_error
from processors.runtime.kafka.rights import Right

LOOK_SECONDS: Final = 5.0
LOOK_SECONDS_WITHOUT: Final = 1.0
"""While a right is missing: what comes back is to be seen soon."""
TIMEOUT: Final = 5.0


class RightsCheck:
    """Looks without waiting: what was asked in one turn is answered in another."""

    def __init__(self, kafka: KafkaConfiguration, worker: str, needed: Iterable[Right]) -> None:
        """Connects at the first look. On a listener without identities nothing is to be asked."""
        self._kafka, self._worker = kafka, worker
        self._needed = tuple(needed) if kafka.security_protocol != "PLAINTEXT" else ()
        self._admin: AdminClient | None = None
        self._asked: dict[Right, Future[Any]] = {}
        self._look_at = 0.0
        self.known = not self._needed
        self.lacking: tuple[Right, ...] = ()

    def look(self) -> None:
        """Takes the answers that have come; asks again where it is time."""
        if self._asked and all(answer.done() for answer in self._asked.values()):
            self._take()
        if self._needed and not self._asked and time.monotonic() >= self._look_at:
            self._ask()

    def now(self) -> str | None:
        """As `trouble`, asked now and waited for."""
        if self._needed:
            self._ask()
            self._take()
        return self.trouble()

    def _ask(self) -> None:
        if self._admin is None:
            self._admin = AdminClient(common(self._kafka, name=f"points-{self._worker}"))
        self._asked = ask(self._admin, self._needed)

    def _take(self) -> None:
        asked, self._asked = self._asked, {}
        lacking = tuple(right for right, answer in asked.items() if is_denied(right, answer))
        self.lacking, self.known = lacking, True
        self._look_at = time.monotonic() + (LOOK_SECONDS_WITHOUT if lacking else LOOK_SECONDS)

    def trouble(self) -> str | None:
        """Which rights are missing; None when all are there, or it is not known."""
        return words(self.lacking) if self.lacking else None


def words(lacking: Iterable[Right]) -> str:
    """A sentence for an operator."""
    named = ", ".join(str(right) for right in lacking)
    return f"kafka: this user lacks {named}"


def ask(admin: AdminClient, needed: Iterable[Right]) -> dict[Right, Future[Any]]:
    """Asks the brokers what we may do; an answer to come for every right."""
    rights = tuple(needed)
    topics = sorted({right.name for right in rights if right.resource == "topic"})
    groups = sorted({right.name for right in rights if right.resource == "group"})
    also: dict[str, Any] = {"include_authorized_operations": True, "request_timeout": TIMEOUT}
    answers: Mapping[str, Mapping[str, Future[Any]]] = {
        "topic": admin.describe_topics(TopicCollection(topics), **also) if topics else {},
        "group": admin.describe_consumer_groups(groups, **also) if groups else {},
    }
    return {right: answers[right.resource][right.name] for right in rights}


def is_denied(right: Right, answer: Future[Any]) -> bool:
    """Whether a broker says that we may not. Another error, or no list, says nothing of it."""
    try:
        described = answer.result()
    except KafkaException as error:
        return kafka_error(error).code() in NOT_ALLOWED
    permitted = described.authorized_operations
    return bool(permitted) and right.operation not in {each.name.lower() for each in permitted}
