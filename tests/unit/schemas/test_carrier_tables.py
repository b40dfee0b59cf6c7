"""A table of codes that leaves something open is refused, with the file and the line.

See rules.md 6.
"""

import csv
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

from docs import generate
from schemas.carriers import WORDS, TableError, carrier_lines, check_tables, shipped_codes
from schemas.carriers import table_files as tables_module

HEADING = "service,code,text,word,effect,note\n"
LINES = "carrier,line,services,note\n"
GOOD = "home,100,已集貨,in transit,,\n"
WORD_LIST = ", ".join(WORDS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one good table."""
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "van.csv").write_text(HEADING + GOOD, "utf-8")
    (tmp_path / "delivery_lines.csv").write_text(LINES + "Van,To the door,van/home,\n", "utf-8")
    return tmp_path


def refused(folder: Path) -> str:
    with pytest.raises(TableError) as found:
        check_tables(folder)
    return str(found.value)


def test_the_shipped_tables_and_a_good_one_pass(folder: Path) -> None:
    check_tables()
    check_tables(folder)


@pytest.mark.parametrize(
    ("row", "wrong"),
    [
        ("home,200,配完,,,", f"van.csv, line 3: home 200 has no word; write one of: {WORD_LIST}"),
        (
            "home,200,配完,arrived,,",
            f"van.csv, line 3: home 200 has the unknown word 'arrived'; write one of: {WORD_LIST}",
        ),
        ("home,200,配完,unknown,,", "van.csv, line 3: home 200 has the unknown word 'unknown'"),
        ("home,200,配完,Delivered,,", "van.csv, line 3: home 200 has the unknown word 'Delivered'"),
        ("home,100,配完,delivered,,", "van.csv, line 3: home 100 has line 2 already; keep one"),
        ("home,0100,配完,delivered,,", "van.csv, line 3: home 0100 has line 2 already; keep one"),
        (
            "home,,配完,delivered,,",
            "van.csv, line 3: has no code; write the carrier's code, or its text",
        ),
        ("home,。,配完,delivered,,", "van.csv, line 3: has no code"),
        ("home,200,,delivered,,", "van.csv, line 3: home 200 has no text; repeat the code"),
        (
            ",200,配完,delivered,,",
            "van.csv, line 3: service is ''; write it in small letters, digits and _",
        ),
        ("Home,200,配完,delivered,,", "van.csv, line 3: service is 'Home'"),
        (
            "home,200,配完,delivered,returning,",
            "van.csv, line 3: home 200 has the effect 'returning'; only reversed has one",
        ),
        (
            "home,200,配完,reversed,delivered,",
            "van.csv, line 3: home 200 has the effect 'delivered'; only reversed has one",
        ),
        (
            "home,200,配完,delivered,",
            "van.csv, line 3: has 5 fields of 6; put a field with a comma in quotes",
        ),
        ("home,200,配完,delivered,,a, b", "van.csv, line 3: has 7 fields of 6"),
        ("", "van.csv, line 3: has 0 fields of 6"),
        (
            "home, 200,配完,delivered,,",
            "van.csv, line 3: code has a space or a line break at an end or within",
        ),
        ('home,200,"配\n完",delivered,,', "van.csv, line 4: text has a space or a line break"),
        (
            'home,200,"配完,delivered,,',
            "van.csv, line 3: cannot be read (unexpected end of data); look at its quotes",
        ),
    ],
)
def test_a_row_that_does_not_say_is_refused(folder: Path, row: str, wrong: str) -> None:
    with (folder / "tables" / "van.csv").open("a", encoding="utf-8") as table:
        table.write(f"{row}\n")
    assert refused(folder).startswith(wrong)


@pytest.mark.parametrize(
    ("row", "wrong"),
    [
        (",Another,van/home,", "delivery_lines.csv, line 3: has no carrier; write its name"),
        ("Van,,,", "delivery_lines.csv, line 3: Van has neither a delivery line nor a service"),
        (
            "Van,Another,van/boat,",
            "delivery_lines.csv, line 3: there is no table for van/boat; write carrier/service",
        ),
        (
            "Van,To the door,,",
            "delivery_lines.csv, line 3: To the door has line 2 already; keep one",
        ),
        ("Van,Another,van/home", "delivery_lines.csv, line 3: has 3 fields of 4"),
    ],
)
def test_a_line_of_the_carriers_that_does_not_say_is_refused(
    folder: Path, row: str, wrong: str
) -> None:
    with (folder / "delivery_lines.csv").open("a", encoding="utf-8") as table:
        table.write(f"{row}\n")
    assert refused(folder).startswith(wrong)


def test_a_table_that_no_carrier_names_is_refused(folder: Path) -> None:
    (folder / "tables" / "boat.csv").write_text(HEADING + GOOD, "utf-8")
    assert (
        refused(folder)
        == "delivery_lines.csv: boat/home has a table and no line; name it under services"
    )


def test_other_columns_are_refused(folder: Path) -> None:
    (folder / "tables" / "van.csv").write_text("service,code,word\nhome,100,delivered\n", "utf-8")
    assert (
        refused(folder) == "van.csv, line 1: the columns must be service,code,text,word,effect,note"
    )
    (folder / "tables" / "van.csv").write_text("", "utf-8")
    assert refused(folder).startswith("van.csv, line 1: the columns must be")


def test_a_file_that_is_not_text_is_refused(folder: Path) -> None:
    (folder / "tables" / "van.csv").write_bytes(
        HEADING.encode() + "home,200,配完,delivered,,\n".encode("big5")
    )
    assert refused(folder).startswith("van.csv: is not UTF-8 at byte")


def test_a_file_whose_name_is_no_carrier_is_refused(folder: Path) -> None:
    (folder / "tables" / "Van 2.csv").write_text(HEADING + GOOD, "utf-8")
    assert refused(folder).startswith("Van 2.csv: the file's name is the carrier's")


def test_missing_files_are_refused(tmp_path: Path, folder: Path) -> None:
    (folder / "delivery_lines.csv").unlink()
    assert (
        refused(folder)
        == "delivery_lines.csv: is missing; the data files (*.csv) were not installed"
    )
    (folder / "tables" / "van.csv").unlink()
    assert (
        refused(tmp_path)
        == "there is no table of codes at all; the data files (*.csv) were not installed"
    )


SHIPPED = files("schemas.carriers")
TABLES = sorted(file.name for file in SHIPPED.joinpath("tables").iterdir())


@pytest.mark.parametrize("name", TABLES)
def test_every_shipped_table_is_under_guard(tmp_path: Path, name: str) -> None:
    """Take the word out of the last row of a copy: whichever file it is, the check must see it."""
    (tmp_path / "tables").mkdir()
    for table in (*[f"tables/{each}" for each in TABLES], "delivery_lines.csv"):
        (tmp_path / table).write_bytes(SHIPPED.joinpath(table).read_bytes())
    check_tables(tmp_path)
    with (tmp_path / "tables" / name).open(encoding="utf-8", newline="") as table_read:
        rows = list(csv.reader(table_read))
    rows[-1][3] = ""
    with (tmp_path / "tables" / name).open("w", encoding="utf-8", newline="") as table_written:
        csv.writer(table_written).writerows(rows)
    assert refused(tmp_path).startswith(
        f"{name}, line {len(rows)}: {rows[-1][0]} {rows[-1][1]} has no word"
    )


def test_a_broken_shipped_table_is_refused_by_who_reads_codes(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "tables" / "van.csv").write_text(f"{HEADING}home,100,已集貨,,,\n", "utf-8")
    monkeypatch.setattr(tables_module, "files", lambda _: folder)
    with pytest.raises(TableError, match=r"van\.csv, line 2: home 100 has no word"):
        shipped_codes.__wrapped__()


def test_reading_codes_loads_no_yaml() -> None:
    code = (
        "import sys; from schemas.carriers import CodeTable; "
        "CodeTable(); print('yaml' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        check=True,
        text=True,
        cwd=generate.DOCS.parent,
    )
    assert done.stdout == "False\n"


# The page


def test_the_page_explains_every_word_and_every_service() -> None:
    page = (generate.DOCS / "reference" / "carriers.md").read_text("utf-8")
    assert [word for word in WORDS if f"| {word} |" not in page] == []
    services = {(carrier, service) for carrier, service, _ in shipped_codes()}
    assert [
        service for service in sorted(services) if f"### {service[0]} {service[1]}\n" not in page
    ] == []
    assert [
        line.line for line in carrier_lines() if f"| {line.line} |" not in page and line.line
    ] == []


def test_no_cell_of_the_page_breaks_its_table() -> None:
    cells = [part for row in shipped_codes().values() for part in (row.code, row.text, row.note)]
    cells += [part for line in carrier_lines() for part in (line.carrier, line.line, line.note)]
    assert [cell for cell in cells if "|" in cell or "\n" in cell] == []
