"""Every named statement gives each column the value of its own name."""

import re
from pathlib import Path

import pytest

from store.orders import orders
from store.orders.orders import OrdersRow
from store.postgres import tables

STORE = Path(__file__).parents[4] / "store"
FILES = sorted(
    str(path.relative_to(STORE).with_suffix(""))
    for path in STORE.rglob("*.sql")
    if "migrations" not in path.parts
)
MEANT = {
    *(("source", "order_id"), ("remaining", "lot_points")),
    *(("changed_us", "now_us"), ("not_before_us", "now_us")),
}
"""Columns that get another's value on purpose: a new lot is described by its entry, what becomes
of a notice by the clock that its statement has read once.
"""
_NAMES = r"[\w\s,\".:{}$]+?"
_INSERT = re.compile(
    rf"INSERT INTO \w+(?: AS \w+)? \(({_NAMES})\)\s+SELECT ({_NAMES})\s+FROM", re.IGNORECASE
)
_SET = re.compile(
    r"(?:SET|,)\s+(\w+) = (?:\w+\.)(\w+)(?=\s*(?:,|$|\n|FROM|WHERE|;))", re.IGNORECASE
)
_COLUMN = re.compile(r"(?:\w+\.)?(\"?\w+\"?|\{(?:\w+\.)?\w+\})")
_LITERAL_ARRAYS = re.compile(r"unnest\(\s*\$\d+::\w+\[\]\s*,")


def misplaced(sql: str) -> list[tuple[str, str]]:
    """Pairs of a column and the other column whose value the statement gives it."""
    pairs: list[tuple[str, str]] = []
    for columns, values in _INSERT.findall(sql):
        pairs += zip(_split(columns), _split(values), strict=True)
    pairs += _SET.findall(sql)
    return [
        (column, given)
        for column, value in pairs
        if (given := _name_of(value)) is not None
        and given != _name_of(column)
        and (column, given) not in MEANT
    ]


def _split(names: str) -> list[str]:
    return [name.strip() for name in names.split(",")]


def _name_of(value: str) -> str | None:
    """The column that a value is, or the list of columns; None for another expression."""
    match = _COLUMN.fullmatch(value)
    if match is None or match[1].isdigit():
        return None
    return re.sub(r"\{(?:\w+\.)?(\w+)\}", r"{\1}", match[1])


@pytest.mark.parametrize("file", FILES)
def test_values_have_the_names_of_their_columns(file: str) -> None:
    assert misplaced((STORE / f"{file}.sql").read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("file", FILES)
def test_several_arrays_come_with_a_declared_list_of_columns(file: str) -> None:
    assert not _LITERAL_ARRAYS.search((STORE / f"{file}.sql").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("INSERT INTO t (a, due_us, planned) SELECT k.a, k.due_us, k.planned FROM k",
         "INSERT INTO t (a, planned, due_us) SELECT k.a, k.due_us, k.planned FROM k"),
        ("INSERT INTO t ({row}, at_us) SELECT {k.row}, $1 FROM k",
         "INSERT INTO t ({row}, {other}) SELECT {k.other}, {k.row} FROM k"),
        ("UPDATE t SET due_us = k.due_us, planned = k.planned FROM k",
         "UPDATE t SET due_us = k.planned, planned = k.due_us FROM k"),
        ("DO UPDATE SET points = excluded.points, remaining = excluded.remaining;",
         "DO UPDATE SET points = excluded.remaining, remaining = excluded.points;"),
    ],
)  # fmt: skip
def test_two_swapped_names_are_found(right: str, wrong: str) -> None:
    assert misplaced(right) == []
    assert misplaced(wrong)


def test_swapping_any_two_neighbours_of_an_order_is_found() -> None:
    sql = orders._SQL["insert_reported"].decode()
    assert misplaced(sql) == []
    names = list(OrdersRow._fields)
    for at in range(len(names) - 1):
        swapped = [*names[:at], names[at + 1], names[at], *names[at + 2 :]]
        assert misplaced(sql.replace(", ".join(names), ", ".join(swapped), 1)), names[at]


def test_a_row_has_the_columns_of_its_table() -> None:
    assert OrdersRow._fields == tuple(tables.orders.columns.keys())
