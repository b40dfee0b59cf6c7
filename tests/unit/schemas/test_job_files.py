"""Files of jobs (account.md 7): what each line is, and every problem of a file."""

import io
import tracemalloc
from typing import Any, BinaryIO, cast

import pytest

from schemas.bulk import file
from schemas.bulk.file import MOST_ROWS, InvalidFile, JobRow, Problems, rows_of
from schemas.commands.reading import row_id


def read(content: str | bytes, points: int | None = None) -> tuple[list[JobRow], list[str]]:
    """The rows of a file, and its problems as they are told."""
    source = io.BytesIO(content if isinstance(content, bytes) else content.encode())
    problems = Problems()
    rows = list(rows_of(source, problems, points))
    try:
        problems.refuse("a file")
    except InvalidFile as refused:
        return rows, [line.strip() for line in refused.lines[1:]]
    return rows, []


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        ("member_id,points\nann,5\n", [JobRow(2, "ann", 5, None)]),
        ("member_id,points\nann,5", [JobRow(2, "ann", 5, None)]),
        ("\ufeffmember_id,points\r\nann,5\r\n", [JobRow(2, "ann", 5, None)]),
        ('\ufeff"member_id","points"\n"ann","5"\n', [JobRow(2, "ann", 5, None)]),
        ("\n\nmember_id,points\n  \nann,999999\n", [JobRow(5, "ann", 999_999, None)]),
        ("reason,points,member_id\n thanks ,5,ann\n", [JobRow(2, "ann", 5, "thanks")]),
        ('member_id,points\n"a,""n",5\n', [JobRow(2, 'a,"n', 5, None)]),
        ("member_id,points\n李,5\n", [JobRow(2, "李", 5, None)]),
    ],
)
def test_a_file_is_read_as_it_is_written(content: str, rows: list[JobRow]) -> None:
    assert read(content) == (rows, [])


@pytest.mark.parametrize("quoting", ['"ann', 'a"nn', '"ann"x', '"an"n"', '"ann",5"'])
def test_quoting_that_is_wrong_is_a_problem_of_its_line_alone(quoting: str) -> None:
    rows, problems = read(f"member_id,points\n{quoting},5\nbea,6\n")
    assert rows == [JobRow(3, "bea", 6, None)]
    assert [problem.partition(":")[0] for problem in problems] == ["line 2"]


@pytest.mark.parametrize(
    "points", ["0", "-1", "1.0", "1e3", " 5", "007", "+5", "1000000", "9" * 5, "٣", "five"]
)
def test_points_are_whole_numbers_within_the_limit(points: str) -> None:
    _, problems = read(f"member_id,points\nann,{points}\n")
    assert bool(problems) is (points != "9" * 5)


@pytest.mark.parametrize("member", ["", " ann", "ann ", "a\x00n", "a\tn", "\u3000ann", "x" * 101])
def test_a_member_has_an_id_that_commands_can_have(member: str) -> None:
    assert read(f"member_id,points\n{member},5\n")[1][0].startswith("line 2: member_id")


def test_ids_of_a_hundred_characters_are_taken() -> None:
    assert read(f"member_id,points\n{'x' * 100},5\n")[1] == []


def test_points_that_a_row_does_not_say_are_those_of_the_job() -> None:
    assert [row.points for row in read("member_id\nann\n", 7)[0]] == [7]
    assert [row.points for row in read("member_id,points\nann,\nbea,8\n", 7)[0]] == [7, 8]
    assert read("member_id,points\nann,\n")[1]


def test_all_problems_of_a_row_and_of_a_file_come_together_by_line() -> None:
    rows = f"ann,0,{'x' * 51}\nbea,5,\nbea,5,\nbea,5,\n"
    told = read(f"member_id,points,reason\n{rows}")[1]
    assert [problem.partition(" ")[2].partition(":")[0] for problem in told] == [
        "2", "2", "3", "3", "4", "5",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "header",
    ["member_id,points,tier", "Member_Id,points", "member_id,points,points", "member_id;points"],
)
def test_a_header_with_a_problem_is_all_that_is_told(header: str) -> None:
    rows, problems = read(f"{header}\nann,x\n")
    assert rows == []
    assert all(problem.startswith("line 1: ") for problem in problems)


@pytest.mark.parametrize("separator", [";", "\t"])
def test_cells_that_are_set_apart_otherwise_are_told_so(separator: str) -> None:
    first, *_ = read(f"member_id{separator}points\nann{separator}5\n")[1]
    assert first.endswith("use member_id, points, reason, set apart by commas")


def test_a_file_of_utf_16_is_refused() -> None:
    assert read("member_id,points\nann,5\n".encode("utf-16"))[1]


class Endless(io.RawIOBase):
    """A file of so many rows that is made while it is read."""

    def __init__(self, count: int) -> None:
        self.left, self.header = count, True

    def readline(self, size: int | None = -1, /) -> bytes:
        del size
        if self.header:
            self.header = False
            return b"member_id,points\n"
        self.left -= 1
        return b"%024x,5\n" % self.left if self.left >= 0 else b""


def test_a_file_is_read_in_as_much_memory_as_its_ids_need() -> None:
    """A tenth of the largest file; a whole one takes ten times as much, and minutes when traced."""
    rows, problems = MOST_ROWS // 10, Problems()
    tracemalloc.start()
    try:
        read_rows = rows_of(cast("BinaryIO", Endless(rows)), problems)
        assert sum(row.points for row in read_rows) == 5 * rows
        assert tracemalloc.get_traced_memory()[1] < 25 << 20
    finally:
        tracemalloc.stop()
    assert problems.count == 0


def test_a_million_rows_are_taken_and_one_more_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST_ROWS == 1_000_000
    monkeypatch.setattr(file, "MOST_ROWS", 1_000)
    problems = Problems()
    assert sum(1 for _ in rows_of(cast("BinaryIO", Endless(1_000)), problems)) == 1_000
    assert problems.count == 0
    for _ in rows_of(cast("BinaryIO", Endless(1_005)), problems):
        pass
    with pytest.raises(InvalidFile, match="line 1002: more than 1,000 rows"):
        problems.refuse("a file")


def test_no_two_rows_of_two_jobs_have_one_command_id() -> None:
    assert row_id("june", "ann") == "job:june:ann"
    assert row_id("a:b", "c") != row_id("a", "b:c")


def test_a_file_without_lines_is_refused_and_not_read_to_its_end() -> None:
    class Device(io.RawIOBase):
        """As /dev/zero: bytes without end."""

        given = 0

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            buffer[:] = bytes(len(buffer))
            self.given += len(buffer)
            assert self.given < 4 << 20
            return len(buffer)

    problems = Problems()
    assert list(rows_of(io.BufferedReader(Device()), problems)) == []
    assert problems.count == 1


def test_a_member_who_is_there_twice_is_told_also_where_a_row_is_wrong_otherwise() -> None:
    _, problems = read("member_id,points\nann,0\nann,5\n")
    assert problems == [
        "line 2: member_id: the same as in line 3",
        "line 2: points: must be a whole number from 1 to 999,999",
        "line 3: member_id: the same as in line 2",
    ]
