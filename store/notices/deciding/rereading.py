"""Reading again what the notices lane could not read: its cursors go back to where it lies.

A dead letter of the lane is a record of a topic that the engine reads too, or others do: sending it
there again would repeat it for all of them. The lane reads from there on again instead, and a
repeat changes nothing for it.
"""

from collections.abc import Mapping, Sequence

from schemas.answers.notices import RereadPartition
from schemas.errors import Exit, PointsError
from store.notices import reads
from store.postgres.session import Cursor
from store.streams import adoption, dead_letters
from store.streams.adoption import Adoption
from store.streams.cursors import PartitionId


class CannotReread(PointsError):
    """The records are not in their topics any more."""

    code = "cannot_reread"
    exit_code = Exit.CURSOR


def partitions(cursor: Cursor, letters: Sequence[int], *, again: bool) -> list[PartitionId]:
    """The partitions that dead letters came from; the letters are locked.

    Raises UnknownLetters, and AlreadyDone for those dealt with before, unless `again`.
    """
    dead_letters.check(cursor, sorted(set(letters)), again=again)
    return [PartitionId(topic, uuid, n) for topic, uuid, n, _ in reads.earliest(cursor, letters)]


def reread(
    cursor: Cursor, letters: Sequence[int], firsts: Mapping[PartitionId, int]
) -> list[RereadPartition]:
    """Moves the lane's cursors back to the earliest of these dead letters in each partition.

    `firsts` are the first offsets of the logs, by the partitions that are there now. Raises
    CannotReread when a topic was recreated or has forgotten a record.
    """
    moved = []
    for topic, uuid, number, offset in reads.earliest(cursor, letters):
        place = PartitionId(topic, uuid, number)
        at = reads.position(cursor, uuid, number)
        if at is None or place not in firsts:
            raise CannotReread(
                f"{topic} was created again since: what lay in it is gone",
                "discard these letters",
            )
        if offset < firsts[place]:
            raise CannotReread(
                f"{topic}/{number} begins at {firsts[place]} and has forgotten offset {offset}",
                "discard these letters",
            )
        cluster, before = at
        if offset < before:
            why = "dead letters are read again"
            adoption.begin(cursor, cluster, Adoption(reads.PIPELINE, place, offset, why))
            moved.append(
                RereadPartition(topic=topic, partition=number, start=offset, before=before)
            )
    dead_letters.mark_redriven(cursor, letters)
    return moved
