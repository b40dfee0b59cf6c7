"""A job's file (account.md 7): CSV by RFC 4180, read as a stream, with all its problems by line.

No cell can hold a line feed, as ids and reasons have no control characters. So a record is one
line, and a quoted cell that does not end on its line is a problem of that line alone: a quotation
mark that is missing does not swallow the rest of the file.
"""

import re
from bisect import insort
from collections.abc import Iterator, Sequence
from typing import BinaryIO, Final, NamedTuple

from schemas.commands.bodies import MOST_ASSIGNED, NAME_PATTERN, reason_of
from schemas.errors import Exit, PointsError

MOST_ROWS: Final = 1_000_000
SHOWN: Final = 100
"""Problems that are shown; all are counted."""
LONGEST_LINE: Final = 4_096
"""Bytes: far more than three cells of full length have, and little enough for any memory."""
LONGEST_SKIPPED: Final = 1 << 20
"""Bytes of a line that are passed over to find the next one: what has longer ones is no text."""

MEMBER, POINTS, REASON = "member_id", "points", "reason"
COLUMNS: Final = (MEMBER, POINTS, REASON)
_BOM: Final = b"\xef\xbb\xbf"
_QUOTE: Final = '"'
_OTHER_SEPARATOR: Final = re.compile(r"[;\t]")
"""What spreadsheets of some countries write between cells."""
_CELL: Final = re.compile(r'"((?:[^"]|"")*)"|([^",]*)')
_is_name: Final = re.compile(NAME_PATTERN.removeprefix("^").removesuffix("$")).fullmatch
_is_number: Final = re.compile(r"[1-9][0-9]{0,6}", re.ASCII).fullmatch


class JobRow(NamedTuple):
    """A row: its line in the file (1 is the header), and what the member is given.

    `reason` is None where the job's holds.
    """

    line: int
    member_id: str
    points: int
    reason: str | None


class InvalidFile(PointsError):
    """The file was refused, and nothing was done; the problems are told by line."""

    code = "invalid_file"
    exit_code = Exit.REFUSED


class Problems:
    """The problems of a file: those on the first lines are kept, all are counted."""

    def __init__(self) -> None:
        """None so far."""
        self.count = 0
        self._first: list[tuple[int, str]] = []

    def add(self, line: int, wrong: str) -> None:
        """One more; `wrong` names no value of the file."""
        self.count += 1
        insort(self._first, (line, wrong))
        del self._first[SHOWN:]

    def refuse(self, name: str) -> None:
        """Raises InvalidFile when there are any."""
        if not self.count:
            return
        found = "1 problem" if self.count == 1 else f"{self.count:,} problems"
        lines = [f"{name}: {found}", *(f"  line {line}: {wrong}" for line, wrong in self._first)]
        if self.count > SHOWN:
            lines.append(f"  and {self.count - SHOWN:,} more")
        raise InvalidFile(lines, "correct the file; nothing was done", where=name)


def rows_of(source: BinaryIO, problems: Problems, points: int | None = None) -> Iterator[JobRow]:
    """The rows that are right, in their order, and into `problems` whatever is wrong.

    `points` are given where the file does not say how many. At the end all problems are known; in
    memory there is one id for each row, to find members that are there twice.
    """
    lines = _lines(source, problems)
    columns = _header(lines, problems, has_points=points is not None)
    if columns is None:
        return
    seen: dict[str, int] = {}
    count = 0
    for line, text in lines:
        count += 1
        if count > MOST_ROWS:
            problems.add(line, f"more than {MOST_ROWS:,} rows")
            return
        cells = _cells(line, text, len(columns), problems)
        if cells is None:
            continue
        named = dict(zip(columns, cells, strict=True))
        row = _row(line, named, points, problems)
        # Also of a row that is wrong otherwise, or the next try would find what this one could.
        first = seen.setdefault(named[MEMBER], line)
        if first != line:
            problems.add(first, f"{MEMBER}: the same as in line {line}")
            problems.add(line, f"{MEMBER}: the same as in line {first}")
        elif row is not None:
            yield row
    if not count and not problems.count:
        problems.add(1, "no rows")


def _lines(source: BinaryIO, problems: Problems) -> Iterator[tuple[int, str]]:
    """Number and text of each line that is not blank, without its end."""
    number = 0
    while raw := source.readline(LONGEST_LINE):
        number += 1
        if number == 1:
            raw = raw.removeprefix(_BOM)
        if len(raw) >= LONGEST_LINE - len(_BOM) and not raw.endswith(b"\n"):
            problems.add(number, f"longer than {LONGEST_LINE:,} bytes")
            if not _skip_line(source):
                return
            continue
        raw = raw.removesuffix(b"\n").removesuffix(b"\r")
        if not raw.strip():
            continue
        try:
            yield number, raw.decode()
        except UnicodeDecodeError:
            problems.add(number, "is not UTF-8")


def _skip_line(source: BinaryIO) -> bool:
    """Passes over the rest of a line; False where no end is found (a device has none)."""
    for _ in range(LONGEST_SKIPPED // LONGEST_LINE):
        if source.readline(LONGEST_LINE).endswith(b"\n"):
            return True
    return False


def _header(
    lines: Iterator[tuple[int, str]], problems: Problems, *, has_points: bool
) -> Sequence[str] | None:
    """The columns in their order; None where the rows cannot be read."""
    before = problems.count
    number, text = next(lines, (1, ""))
    if problems.count > before:
        return None  # the header itself could not be read: what follows is none
    if not text:
        problems.add(1, f"no header; it is {','.join(COLUMNS)}")
        return None
    columns = _cells(number, text, None, problems)
    if columns is None:
        return None
    for column in dict.fromkeys(columns):
        if column not in COLUMNS:
            apart = ", set apart by commas" if _OTHER_SEPARATOR.search(column) else ""
            problems.add(number, f"a column that is not known; use {', '.join(COLUMNS)}{apart}")
        elif columns.count(column) > 1:
            problems.add(number, f"{column}: two columns of that name")
    if MEMBER not in columns:
        problems.add(number, f"{MEMBER}: the column is missing")
    if POINTS not in columns and not has_points:
        problems.add(number, f"{POINTS}: the column is missing; add it, or --points")
    return columns if problems.count == before else None


def _cells(line: int, text: str, wanted: int | None, problems: Problems) -> list[str] | None:
    """The cells of a line, `wanted` of them."""
    cells = _quoted(text) if _QUOTE in text else text.split(",")
    if cells is None:
        problems.add(line, "a quotation mark that is out of place, or not closed on its line")
        return None
    if wanted is not None and len(cells) != wanted:
        found = "1 cell" if len(cells) == 1 else f"{len(cells)} cells"
        problems.add(line, f"{found} instead of {wanted}")
        return None
    return cells


def _quoted(text: str) -> list[str] | None:
    """Cells of which some are quoted; None where the quoting is wrong."""
    cells, at = [], 0
    while True:
        found = _CELL.match(text, at)
        if found is None:
            return None
        inner, plain = found.groups()
        cells.append(plain if inner is None else inner.replace('""', _QUOTE))
        at = found.end()
        if at == len(text):
            return cells
        if text[at] != ",":
            return None
        at += 1


def _row(line: int, cells: dict[str, str], points: int | None, problems: Problems) -> JobRow | None:
    before = problems.count
    member_id, number, reason = cells[MEMBER], cells.get(POINTS, ""), cells.get(REASON, "")
    if not _is_name(member_id):
        problems.add(
            line,
            f"{MEMBER}: must be 1 to 100 characters without control characters or white space at "
            "an end",
        )
    given = points if not number else int(number) if _is_number(number) else None
    if given is None or given > MOST_ASSIGNED:
        problems.add(line, f"{POINTS}: must be a whole number from 1 to {MOST_ASSIGNED:,}")
    own: str | None = None
    if reason:
        try:
            own = reason_of(reason)
        except ValueError as error:
            problems.add(line, f"{REASON}: {error}")
    if problems.count > before or given is None:
        return None
    return JobRow(line, member_id, given, own)
