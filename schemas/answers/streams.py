"""Answers about what is read: `points dlq`, `points cursor`, `points resume`."""

from datetime import date
from typing import Annotated, Any

from pydantic import BeforeValidator

from schemas.answers.base import AnswerModel, Instant


class DeadLetterListEntry(AnswerModel):
    """A record that could not be read: where it came from and why it was refused."""

    id: int
    topic: str
    partition: int
    offset: int
    reason: str
    message: str
    received_at: Instant
    redriven_at: Instant | None


class DeadLetterState(DeadLetterListEntry):
    """A record that could not be read, and what became of it."""

    discarded_at: Instant | None


class DeadLetterAnswer(DeadLetterState):
    """One dead letter, redacted: `key`, `headers` and `value` show nothing that may be personal."""

    pipeline: str
    merchant_id: str | None
    timestamp: Instant
    key: str | None
    headers: tuple[tuple[str, str | None], ...]
    value: Any
    value_bytes: int | None


class RedriveResult(AnswerModel):
    """The ids of the dead letters that were queued for the topics they came from."""

    redriven: tuple[int, ...]


class CountedPoison(AnswerModel):
    """One merchant's unreadable records of a day (UTC) that were more than is kept of them.

    `kept` are in the list of dead letters; `counted` were only counted, and are in their topic for
    as long as that keeps them.
    """

    pipeline: str
    merchant_id: str
    day: date
    kept: int
    counted: int
    counted_bytes: int


class DiscardResult(AnswerModel):
    """The ids of the dead letters that were given up."""

    discarded: tuple[int, ...]


def _zero_is_never(moment: object) -> object:
    """A cursor that no batch has moved yet has 0 as its time."""
    return moment or None


class CursorAnswer(AnswerModel):
    """Where a pipeline is in a partition, and what became of its records (I7).

    The counts add up to the offsets from `first_offset` up to `next_offset`; `control` are those
    without a record. `retired`: a row of a former topic or log, kept as history.
    """

    pipeline: str
    topic: str
    partition: int
    cluster: str
    topic_uuid: str
    first_offset: int
    next_offset: int
    applied: int
    duplicate: int
    ignored: int
    parked: int
    dead: int
    control: int
    updated_at: Annotated[Instant | None, BeforeValidator(_zero_is_never)]
    retired: bool

    @property
    def place_in_cluster(self) -> tuple[str, str, int]:
        """The partition as it really is: cluster, topic uuid, number."""
        return self.cluster, self.topic_uuid, self.partition


class AdoptedPartition(AnswerModel):
    """A partition in which a pipeline starts again at `start`, and why."""

    pipeline: str
    topic: str
    topic_uuid: str
    partition: int
    start: int
    why: str


class SkippedRecord(AnswerModel):
    """A record that was set aside unread; the partition goes on at `next_offset`."""

    topic: str
    partition: int
    offset: int
    next_offset: int


class ResumeResult(AnswerModel):
    """The pipelines that were resumed; the next `grace` records of a partition do not count."""

    resumed: tuple[str, ...]
    grace: int


class RefusedRowListEntry(AnswerModel):
    """A row of the outbox that the broker refused for good; `size` is the record's, in bytes.

    `key` shows nothing that may be personal.
    """

    id: int
    kind: str
    topic: str
    key: str | None
    size: int
    reason: str
    refused_at: Instant


class OutboxRetryResult(AnswerModel):
    """The ids of the rows that are back in the outbox, where they get new ones."""

    retried: tuple[int, ...]


class OutboxDiscardResult(AnswerModel):
    """The ids of the rows that were given up."""

    discarded: tuple[int, ...]
