"""Lists of columns in SQL and the arrays that Python sends come from one declaration."""

import pytest
from sqlalchemy import Boolean, Column, DateTime

from store.postgres import arrays
from store.postgres.columns import Columns, fill_in
from store.postgres.tables import lot, quarantine

ROW = Columns(lot, "account_no", "source", "points", "remaining")


@pytest.mark.parametrize(
    ("fragment", "filled"),
    [
        ("{row}", "account_no, source, points, remaining"),
        ("{k.row}", "k.account_no, k.source, k.points, k.remaining"),
        ("{arrays row}", "(SELECT $1::bigint[]), $2::bytea[], $3::bigint[], $4::bigint[]"),
        ("{arrays row from 3}", "(SELECT $3::bigint[]), $4::bytea[], $5::bigint[], $6::bigint[]"),
        ("{key row}", "account_no, source"),
        ("{set row}", "points = k.points, remaining = k.remaining"),
        ("{set row from excluded}", "points = excluded.points, remaining = excluded.remaining"),
    ],
)
def test_lists_are_filled_in(fragment: str, filled: str) -> None:
    assert fill_in(f"a {fragment} b", {"row": ROW}) == f"a {filled} b"


def test_a_list_that_is_not_given_and_a_column_that_is_none_are_refused() -> None:
    with pytest.raises(KeyError, match="other"):
        fill_in("{other}", {"row": ROW})
    with pytest.raises(KeyError, match="point"):
        Columns(lot, "point")


def test_arrays_have_the_types_of_the_columns() -> None:
    columns = ROW.plus(Column("is_new", Boolean))
    assert columns.arrays([(1, b"s", 3, 4, True)]) == [
        arrays.int8s([1]),
        arrays.byteas([b"s"]),
        arrays.int8s([3]),
        arrays.int8s([4]),
        arrays.bools([True]),
    ]
    assert "is_new" in columns.listed()


def test_rows_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        ROW.arrays([(1, b"s", 3)])


def test_reserved_words_are_quoted() -> None:
    assert Columns(quarantine, "partition", "offset").listed("q") == 'q.partition, q."offset"'


def test_types_without_arrays_are_refused() -> None:
    with pytest.raises(TypeError, match="at"):
        ROW.plus(Column("at", DateTime))
