"""What becomes of a batch of one topic: one transaction, in which the cursors move (I6, I7).

`deciding` has what is done with the records; here is what surrounds it, as in the engine's
pipelines: cursors, counts, gaps, poison, and pauses.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

from psycopg.pq import ConnStatus

from processors import metrics
from processors.notices.stream.places import AssignedPlaces
from processors.pipeline.bisection import process_in_parts
from processors.pipeline.pipeline import (
    NOTICES,
    CountsByPartition,
    Done,
    Pipeline,
    PoisonRecord,
    ends_of,
    records_of,
)
from processors.pipeline.pipeline_metrics import Received, batch_done
from processors.runtime.failures import TopicChanged, one_line
from processors.runtime.kafka.feed import Record
from processors.runtime.logs import log
from processors.runtime.worker import StillTurning
from schemas import remedies
from schemas.errors import Exit, PointsError
from store.postgres.session import Cursor, Database, raw, transaction
from store.streams import cursors, quarantine
from store.streams.cursors import CursorRefused, Opening, PartitionId
from store.streams.quarantine import MustPause, Paused

NOWHERE: Final = 2**63
"""The position of a partition that is not ours: no offset reaches it."""


class Batch(NamedTuple):
    """Records of one topic, and the generation of our partitions in which they were read."""

    records: Sequence[Record]
    generation: int


class Deciding(Protocol):
    """What the lane does with the records of one topic."""

    def use(self, connection: Database) -> None:
        """Goes on with a new connection, and forgets what it remembers of the old one."""

    def process(
        self,
        cursor: Cursor,
        records: Sequence[Record],
        opening: Opening,
        counts: CountsByPartition,
    ) -> list[PoisonRecord]:
        """Writes what a batch makes, and counts what became of each record but the poison."""

    def committed(self) -> None:
        """The transaction of the last batch is committed."""


class Gap(TopicChanged):
    """Records are missing in a topic that has no gaps: notices would be missing as well."""

    code = "gap"


class CursorMoved(PointsError):
    """The cursor was set back while the worker ran: it must start again from there."""

    code = "cursor_moved"
    exit_code = Exit.CURSOR


def set_back(place: PartitionId, before: int, at: int | None) -> CursorMoved:
    """What to raise where a cursor is behind us, or is gone."""
    where = "gone" if at is None else f"at {at}"
    return CursorMoved(
        f"the cursor of {place.topic}/{place.partition} was set back: it was at {before}, and is "
        f"{where}",
        "the worker begins there when it starts again",
    )


class Miscounted(PointsError):
    """What deciding says of a batch does not add up to its records (I7): nothing was written."""

    code = "miscounted"


class Emptied:
    """A message without its content and headers: where it stands and its key are left.

    Whoever wants the rest reads it where it lies; the engine has a dead letter of its own.
    """

    def __init__(self, message: Any) -> None:
        self._message = message

    def __getattr__(self, name: str) -> Any:
        return getattr(self._message, name)

    def value(self) -> None:
        """Nothing."""

    def headers(self) -> None:
        """None."""


class TopicBatches:
    """The batches of one topic, for `process_in_parts`."""

    def __init__(
        self,
        pipeline: Pipeline,
        places: AssignedPlaces,
        deciding: Deciding,
        *,
        gapless: bool,
        personal: bool,
    ) -> None:
        """`gapless`: every offset of the topic is a record, so one that is missing was lost.

        `personal`: its records have names and addresses, so dead letters keep nothing of them.
        """
        self.pipeline_name = pipeline.name
        self._pipeline, self._places, self._deciding = pipeline, places, deciding
        self._gapless, self._personal = gapless, personal
        self._connection: Database | None = None

    @property
    def connection(self) -> Database:
        """The connection in use."""
        if self._connection is None:
            raise RuntimeError("no connection is in use")
        return self._connection

    @property
    def is_connected(self) -> bool:
        """Whether the database is there, as far as the connection knows."""
        return self.connection.pgconn.status == ConnStatus.OK

    def work_off(
        self, connection: Database, batch: Batch, still_turning: StillTurning
    ) -> str | None:
        """Does what a batch asks for, once and for all; or says why the pipeline is paused.

        What lies before the cursor was done before, and is left out. Raises Gap, CursorMoved, and
        Interrupted.
        """
        self._use(connection)
        while ours := self._ours(batch):
            try:
                self._in_parts(ours, still_turning)
            except CursorRefused as error:
                metrics.CURSOR_REFUSALS.inc()
                log().warning("cursor_refused", why=one_line(error))
                self._read_cursors({record.place for record in ours})
            except Paused as error:
                return self._pause(error)
        return None

    def pass_markers(self, connection: Database, topic: str) -> None:
        """Moves the cursors behind markers and aborted records with which logs end.

        Where a gap is an error they stay: the next record shows it. Raises CursorMoved.
        """
        ahead = {} if self._gapless else self._places.ahead(topic)
        if not ahead:
            return
        self._use(connection)
        try:
            self._pipeline.move(connection, ahead)
        except CursorRefused:
            metrics.CURSOR_REFUSALS.inc()
            self._read_cursors(ahead)
        except Paused:
            pass

    def _use(self, connection: Database) -> None:
        if connection is not self._connection:
            self._connection = connection
            self._deciding.use(connection)

    def _ours(self, batch: Batch) -> list[Record]:
        if batch.generation != self._places.generation:
            return []  # whatever is still ours of it is read again
        positions = self._places.positions
        return [each for each in batch.records if each.offset >= positions.get(each.place, NOWHERE)]

    def _in_parts(self, records: Sequence[Record], still_turning: StillTurning) -> None:
        began = time.perf_counter()
        for part, done in process_in_parts(self, records, still_turning):
            received = Received.of(part)
            batch_done(received, done, time.time(), time.perf_counter() - began)
            self._places.processed(done, max(received.times))
            began = time.perf_counter()

    def process(self, records: Sequence[Record]) -> Done:
        """Applies a batch in one transaction. Raises CursorRefused, Paused or Gap."""
        ends, by_place = ends_of(records), records_of(records)
        with transaction(self.connection) as cursor:
            opening, counts = self._pipeline.open(cursor, ends, by_place)
            if self._gapless:
                refuse_gaps(counts)
            poison = self._deciding.process(cursor, records, opening, counts)
            refuse_miscounted(by_place, counts, poison)
            letters = [(self._letter(record), why) for record, why in poison]
            self._pipeline.quarantine(cursor, records, letters, opening.now, counts)
            done = self._pipeline.advance(cursor, ends, counts)
        self._pipeline.committed(done)
        self._deciding.committed()
        return done

    def set_aside(self, record: Record, why: str) -> Done:
        """Quarantines a record that cannot be applied, alone in a transaction."""
        return self._pipeline.set_aside(self.connection, self._letter(record), why, None)

    def _letter(self, record: Record) -> Record:
        """What becomes a dead letter of a record."""
        if not self._personal:
            return record
        emptied: Any = Emptied(record.message)
        return record._replace(message=emptied)

    def forget(self) -> None:
        """Reads again what a batch that failed may have left half remembered."""
        self._deciding.use(self.connection)

    def _read_cursors(self, places: Iterable[PartitionId]) -> None:
        """Takes the cursors as they are: another worker had the partition, and was ahead."""
        found = cursors.positions(raw(self.connection), self._places.cluster)
        for place in places:
            at = found.get((self._pipeline.name, place.topic_uuid, place.partition))
            before = self._places.positions.get(place)
            if before is None:
                continue
            if at is None or at < before:
                raise set_back(place, before, at)
            self._places.done({place: at})

    def _pause(self, error: Paused) -> str:
        """Writes a pause that the batch asks for; why the pipeline is paused."""
        with transaction(self.connection) as cursor:
            if isinstance(error, MustPause):
                quarantine.pause(cursor, self._pipeline.name, str(error))
            pause = quarantine.paused(cursor, self._pipeline.name)
        return pause[1] if pause is not None else str(error)


def refuse_gaps(counts: CountsByPartition) -> None:
    """Raises Gap where offsets brought no record."""
    for place, of_place in counts.items():
        if of_place.control:
            raise Gap(
                f"{of_place.control} records are missing in {place.topic}/{place.partition}: they "
                "were lost to retention or by the client, and with them notices",
                remedies.adopt_cursor(NOTICES),
                where=place.topic,
            )


def refuse_miscounted(
    records: Mapping[PartitionId, int], counts: CountsByPartition, poison: Sequence[PoisonRecord]
) -> None:
    """Raises Miscounted where a record has no outcome, or more than one (I7)."""
    for place, wanted in records.items():
        of_place = counts[place]
        decided = of_place.applied + of_place.duplicate + of_place.ignored + of_place.parked
        dead = sum(record.place == place for record, _ in poison)
        if decided + dead != wanted:
            raise Miscounted(
                f"{wanted} records of {place.topic}/{place.partition} have {decided} outcomes and "
                f"{dead} of them cannot be read"
            )
