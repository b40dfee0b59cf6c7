"""Why an order is looked at: what the entries name as their cause."""

from typing import NamedTuple

from confluent_kafka import Message

from processors.tracing import context
from processors.tracing.spans import spans
from schemas.events import CauseKind
from schemas.ids import Micros


class Trigger(NamedTuple):
    """What made us look at an order: shown as the cause of the entries, and when it occurred.

    `plan` is the packed trace context that was stored with the plan that has fallen due.
    """

    occurred_at: Micros
    cause: CauseKind = CauseKind.order
    cause_id: bytes | None = None
    message: Message | None = None
    plan: bytes | None = None

    def traceparent(self) -> bytes | None:
        """The trace that the effects belong to: the record's, or one of the plan's that is due."""
        if self.message is not None:
            return spans().of_record(self.message)
        return None if self.plan is None else spans().of_plan(self.plan)

    def planned_by(self) -> bytes | None:
        """The packed trace context to store with a plan; what has none yet keeps the plan's own."""
        traceparent = self.traceparent()
        return None if traceparent is None else context.packed(traceparent)
