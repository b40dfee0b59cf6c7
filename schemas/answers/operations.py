"""Answers for people who run the product: `points status`, `doctor`, `migrate`, `topics`, `run`."""

from typing import Literal

from schemas.answers.base import AnswerModel, Instant
from schemas.answers.parked import ParkedAnswer
from schemas.answers.streams import CursorAnswer


class CursorLag(CursorAnswer):
    """A cursor and how many records lie behind it; null while Kafka cannot be reached."""

    lag: int | None


class DueFigures(AnswerModel):
    """The plan: orders due and not granted yet, orders planned in all, and the next due instant."""

    overdue: int
    planned: int
    next: Instant | None


class OutboxFigures(AnswerModel):
    """What waits to be sent.

    `oldest`: when its oldest row was recorded. `relayed_shards`: those that a relay serves now.
    """

    rows: int
    oldest: str | None
    relayed_shards: tuple[int, ...]


class DeadLetterFigures(AnswerModel):
    """Dead letters: all, those neither redriven nor discarded, and when the newest came."""

    all: int
    open: int
    newest: Instant | None


class UnknownCodeFigures(AnswerModel):
    """Carriers' codes that are in no table, and the reports that carried them."""

    codes: int
    reports: int


class PausedPipeline(AnswerModel):
    """A pipeline that too much poison paused."""

    pipeline: str
    since: Instant | None
    reason: str | None


class HoldFigures(AnswerModel):
    """Holds that live, and those still unreleased some seconds after their end; the oldest's end.

    An expiry worker releases a hold within a second.
    """

    live: int
    overdue: int
    oldest: Instant | None


class JobFigures(AnswerModel):
    """Bulk jobs with rows left to apply, those of them that wait for a second person.

    `oldest`: when the oldest was made that nobody has to approve.
    """

    open: int
    waiting: int
    oldest: Instant | None


class ReadModelFigures(AnswerModel):
    """The read model in Redis. `trouble`: why Redis does not answer; null when it does.

    `lag`: changes that were published and that the worker has not followed yet, and `lag_seconds`
    the age of the oldest; null while Kafka cannot be reached, or before a worker has run.
    """

    trouble: str | None
    lag: int | None
    lag_seconds: float | None


class NoticesFigures(AnswerModel):
    """Notices to members: those that wait, could go now, and of which nobody knows the end.

    `paused`: its pipeline is. `stopped`: providers that are paused or left alone.
    """

    waiting: int
    due: int
    unknown: int
    open_dead_letters: int
    paused: bool
    stopped: tuple[str, ...]


class StatusAnswer(AnswerModel):
    """How everything is doing, at the database's `now`.

    `ignored`: records ignored by pipeline and reason. `recheck`: rows of its queue by kind.
    `read_model`: null where no Redis is named. `notices`: null where the lane has heard of no
    merchant, or this login may not ask it.
    """

    now: Instant
    merchants: int
    members: int
    cursors: tuple[CursorLag, ...]
    ignored: dict[str, dict[str, int]]
    due: DueFigures
    outbox: OutboxFigures
    dead_letters: DeadLetterFigures
    parked: ParkedAnswer
    unknown_codes: UnknownCodeFigures
    recheck: dict[str, int]
    holds: HoldFigures
    jobs: JobFigures
    paused: tuple[PausedPipeline, ...]
    read_model: ReadModelFigures | None
    notices: NoticesFigures | None


class DoctorFinding(AnswerModel):
    """One check: its verdict, what was found, and what to do (null where nothing is)."""

    verdict: Literal["ok", "warning", "wrong"]
    what: str
    remedy: str | None


class MigrateResult(AnswerModel):
    """The schema's revision before (null: an empty database) and after."""

    before: str | None
    after: str
    changed: bool


class TopicPlan(AnswerModel):
    """What `points topics apply` would do with a topic.

    `warnings`: what its changes do to those who read the topic. `differs`: what it leaves as it is.
    """

    topic: str
    exists: bool
    changes: tuple[str, ...]
    warnings: tuple[str, ...]
    differs: tuple[str, ...]


class TopicResult(AnswerModel):
    """A topic of the product as it is now: whether it was created, what was changed, what differs.

    `warnings`: what the changes do to those who read the topic.
    """

    topic: str
    created: bool
    partitions: int
    replication: int
    changes: tuple[str, ...]
    warnings: tuple[str, ...]
    differs: tuple[str, ...]


class VariableAnswer(AnswerModel):
    """A variable of the environment: its value, masked where it is a secret; null: not set."""

    name: str
    value: str | None
    origin: Literal["default", "environment", "file"]


class AclAnswer(AnswerModel):
    """A right in Kafka of a kind of worker, or of the operator.

    `state`: null when the cluster was not asked; `given` now, `there` before, or `beyond` what the
    kind needs.
    """

    principal: str
    kind: str
    resource: Literal["topic", "group", "cluster", "transactional_id"]
    name: str
    operation: str
    state: Literal["given", "there", "beyond"] | None


class WorkerAddress(AnswerModel):
    """A worker of `points run` and the address of its health and metrics; null: any free port."""

    worker: str
    url: str | None
