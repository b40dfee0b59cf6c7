"""Why an order is looked at: what the entries name as their cause."""

from typing import NamedTuple

from confluent_kafka import Message

from processors.runtime.kafka.records import traceparent_of
from schemas.events import CauseKind
from schemas.ids import Micros


class Trigger(NamedTuple):
    """What made us look at an order: shown as the cause of the entries, and when it occurred."""

    occurred_at: Micros
    cause: CauseKind = CauseKind.order
    cause_id: bytes | None = None
    message: Message | None = None

    def traceparent(self) -> bytes | None:
        """The trace that the record belongs to, if it says one."""
        return None if self.message is None else traceparent_of(self.message)
