"""Whose turn it is in a batch of commands: no shopper waits for a job (account.md 3, 7).

A part of a job is one command for up to a thousand members, or a row that the command line applied
and publishes. What lies behind it in its partition goes ahead of it, as long as the commands of
each key keep their order, and those of a shop keep theirs with its `bulk_assign`: a hold may count
on what that gives.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from processors.runtime.kafka.feed import Record
from schemas.commands.reading import BULK, JOB
from store.streams.cursors import PartitionId

MOST_AT_ONCE: Final = 512 << 10
"""Bytes of one transaction: two thousand ordinary commands."""
WEIGHT: Final = 8
"""Bytes of `bulk_assign` count so many times: some two thousand members at once, whose accounts are
locked for a few tenths of a second, as long as a shopper may have to wait.
"""
_BULK: Final = f'"{BULK}"'.encode()
_ROW: Final = f'"{JOB}"'.encode()


class Turns(NamedTuple):
    """A batch by what goes first, in slices of which each is a transaction.

    `ordinary` have no part of a job before them. `ahead` lie behind one, and go ahead of it; they
    are in `behind` as well, where all is in its order from the first part on.
    """

    ordinary: Sequence[Sequence[Record]]
    ahead: Sequence[Sequence[Record]]
    behind: Sequence[Sequence[Record]]


def turns_of(records: Sequence[Record]) -> Turns:
    """So many records at once that no account stays locked for long."""
    slow: set[PartitionId] = set()
    quick: list[Record] = []
    rest: list[Record] = []
    for record in records:
        if is_of_a_job(record):
            slow.add(record.place)
        (rest if record.place in slow else quick).append(record)
    return Turns(list(_slices(quick)), list(_slices(_ahead(rest))), list(_slices(rest)))


def is_of_a_job(record: Record) -> bool:
    """Whether it is a part of a job; what only looks like one waits as one."""
    value = record.message.value()
    return value is not None and (_BULK in value or _ROW in value)


def _ahead(records: Sequence[Record]) -> list[Record]:
    """Those that need not wait for a part of a job: nothing of their key or shop stays behind."""
    waiting: dict[PartitionId, set[bytes | None]] = {}
    ahead = []
    for record in records:
        key = record.message.key()
        if is_of_a_job(record):
            waiting.setdefault(record.place, set()).add(key)
        elif (behind := waiting.get(record.place)) and behind.isdisjoint(_with_shop(key)):
            ahead.append(record)
    return ahead


def _with_shop(key: bytes | None) -> Iterable[bytes | None]:
    """A command's key, and that of its shop's `bulk_assign` (account.md 3)."""
    return (key,) if key is None else (key, key.partition(b":")[0])


def _weight(record: Record) -> int:
    value = record.message.value() or b""
    return len(value) * WEIGHT if _BULK in value else len(value)


def _slices(records: Sequence[Record]) -> Iterator[Sequence[Record]]:
    """Records in their order, so many at once that they weigh at most `MOST_AT_ONCE`, or one."""
    first, weight = 0, 0
    for number, record in enumerate(records):
        own = _weight(record)
        if weight and weight + own > MOST_AT_ONCE:
            yield records[first:number]
            first, weight = number, 0
        weight += own
    if records:
        yield records[first:]
