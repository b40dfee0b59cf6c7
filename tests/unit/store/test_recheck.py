"""Asking for orders to be looked at again, for however many at once."""

from store.postgres.arrays import Byteas
from store.postgres.together import Together
from store.streams import recheck
from store.streams.recheck import RecheckKind, RecheckRequest


def test_very_many_rows_are_added_by_several_statements_each_once() -> None:
    """One statement of a million rows takes longer than any may."""
    noted = Together()
    count = 2 * recheck.ADDED + 1
    requests = [RecheckRequest(RecheckKind.ORDER, 1, number.to_bytes(4)) for number in range(count)]
    recheck.add(noted, [*requests, *requests])
    keys = [column for column in noted.parameters if isinstance(column, Byteas)]
    assert [_length(column) for column in keys] == [recheck.ADDED, recheck.ADDED, 1]
    assert len(noted.queries) == len(keys)


def _length(array: Byteas) -> int:
    """Behind dimensions, flags and type."""
    return int.from_bytes(array[12:16])


def test_nothing_is_added_by_no_statement() -> None:
    noted = Together()
    recheck.add(noted, [])
    assert not noted.queries
