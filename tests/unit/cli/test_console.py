"""Everything that commands print passes one filter, and goes wherever the shell sends it."""

import ast
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

import cli
from cli.support import console
from cli.support.errors import Exit, Failure, failure_of
from tests.support.commands import points
from tests.support.machine.inherited import inherited

EVIL = "\x1b]0;owned\x07\x1b[2J\x9b31m\x7f\u202eevil"
FORGED = "evil\n✓ all is well"
ENVIRONMENT = {
    "POINTS_ENVIRONMENT": "development",
    "POINTS_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1",
    "POINTS_DATABASE__URL": "postgresql://me:hushhush@127.0.0.1:1/points",
}


def is_clean(text: str) -> bool:
    return not set("\x1b\x07\x9b\x7f\u202e") & set(text)


def table_of(*cells: Any) -> Table:
    table = Table(EVIL)
    for cell in cells:
        table.add_row(cell)
    return table


@pytest.mark.parametrize(
    "printed",
    [EVIL, Text(EVIL), table_of(EVIL, Text(EVIL)), Panel(EVIL, title=EVIL, subtitle=Text(EVIL))],
    ids=["text", "ready text", "table", "panel"],
)
def test_no_form_of_output_acts_on_the_terminal(
    printed: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    console.out().print(printed)
    console.err().print(printed)
    for written in capsys.readouterr():
        assert "evil" in written
        assert is_clean(written)


def test_errors_and_remarks_stay_on_their_lines(capsys: pytest.CaptureFixture[str]) -> None:
    console.complain(Failure(Exit.USAGE, f"{FORGED}{EVIL}", f"{FORGED}{EVIL}"))
    console.complain(Failure(Exit.USAGE, [FORGED, f"{FORGED}[red]"]))
    console.remark(f"{FORGED}{EVIL}")
    console.out().print(f"[bold]{console.safe(FORGED)}[/]")
    written = "".join(capsys.readouterr())
    assert is_clean(written)
    assert "[red]" in written
    assert not any(line.startswith("✓") for line in written.splitlines())


def test_progress_is_filtered(capsys: pytest.CaptureFixture[str]) -> None:
    with console.slow_progress(EVIL) as advance:
        advance(1, 2)
    assert is_clean(capsys.readouterr().err)


def test_json_of_the_same_value_is_filtered(capsys: pytest.CaptureFixture[str]) -> None:
    console.emit({"merchant": EVIL})
    assert is_clean(capsys.readouterr().out)


def test_every_command_prints_through_the_filter() -> None:
    """Only the console itself may make a console, escape markup, or write to a stream."""
    for file in sorted(Path(cli.__file__).parent.rglob("*.py")):
        if file.parent.name == "support":
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module == "rich.markup":
                pytest.fail(f"{file.name} escapes by itself: use console.safe")
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in {"Console", "print", "sys.stdout.write"}, (file, called)


def test_what_is_refused_or_not_found_has_a_code_word() -> None:
    """As docs/reference/cli.md says; programs compare it."""
    for file in (Path(cli.__file__).parent).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if not (isinstance(node, ast.Call) and ast.unparse(node.func) == "Failure"):
                continue
            ending = ast.unparse(node.args[0]) if node.args else ""
            if ending in {"Exit.REFUSED", "Exit.NOT_FOUND"}:
                assert "code" in {each.arg for each in node.keywords}, (file, node.lineno)


@pytest.mark.parametrize(
    "typed",
    [
        [EVIL],
        ["balance", f"--{EVIL}"],
        ["balance", "a", "b", EVIL],
        ["history", "a", "b", "--limit", EVIL],
        ["run", EVIL],
        ["settings", "show", "a", "--version", EVIL],
        ["carriers", "set", EVIL, "b", "c", "lost", "--note", "why"],
    ],
)
def test_errors_of_usage_repeat_nothing_raw(typed: list[str]) -> None:
    ran = points(ENVIRONMENT, *typed)
    assert ran.code == Exit.USAGE
    assert is_clean(ran.err + ran.out)


def test_a_choice_that_is_none_is_told_with_those_that_are() -> None:
    ran = points(ENVIRONMENT, "notices", "list", "a", "--state", "sentt")
    assert ran.code == Exit.USAGE
    assert "for '--state': 'sentt' is not one of 'parked', 'waiting'" in ran.err


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (psycopg.errors.ReadOnlySqlTransaction, "writes nothing"),
        (psycopg.errors.DiskFull, "writes nothing"),
        (psycopg.errors.TransactionTimeout, "did not answer in time"),
        (psycopg.errors.QueryCanceled, "did not answer in time"),
        (psycopg.errors.AdminShutdown, "cannot be reached"),
    ],
)
def test_what_postgresql_cannot_do_now_is_expected(error: type[Exception], told: str) -> None:
    failure = failure_of(error("says why"))
    assert failure is not None
    assert (failure.exit_code, f"PostgreSQL {told}: says why" in str(failure)) == (7, True)


def shell(
    line: str, environment: Mapping[str, str] = ENVIRONMENT
) -> "subprocess.CompletedProcess[bytes]":
    """A shell's line with `points` in it; only a process has streams that are closed."""
    command = f'points() {{ {sys.executable} -m cli "$@"; }}; {line}'
    return subprocess.run(
        ["/bin/bash", "-c", command], capture_output=True, check=False, timeout=60,
        env={**inherited(), **environment},
    )  # fmt: skip


@pytest.mark.parametrize("output", [">&-", ">/dev/full"])
def test_an_answer_that_cannot_be_written_is_an_expected_failure(output: str) -> None:
    ran = shell(f"points doctor {output}")
    assert ran.returncode == Exit.USAGE
    assert b"the answer cannot be written" in ran.stderr
    assert b"unexpected" not in ran.stderr


@pytest.mark.parametrize("errors", ["2>&-", "2>/dev/full", "<&- 2>&-"])
def test_the_exit_code_is_the_same_where_errors_cannot_be_written(errors: str) -> None:
    assert shell(f"points balance shop member {errors}").returncode == Exit.UNREACHABLE


def test_a_reader_that_leaves_ends_a_command_quietly() -> None:
    ran = shell("{ sleep 1; points --help; } | true; exit ${PIPESTATUS[0]}")
    assert (ran.returncode, ran.stderr) == (Exit.UNEXPECTED, b"")


def test_a_terminal_without_our_signs_gets_others() -> None:
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    ran = shell("points doctor", {**ENVIRONMENT, **plain})
    assert ran.returncode == Exit.UNREACHABLE
    assert ran.stdout.isascii()
    assert b"ok configuration" in ran.stdout
    assert b"unexpected" not in ran.stderr


def test_bytes_that_are_no_utf8_are_told_as_such() -> None:
    for command in ("settings apply $'a\\xff' /dev/null", "history shop $'a\\xff'"):
        ran = shell(f"points {command}")
        assert ran.returncode == Exit.USAGE
        assert rb"a\xff" in ran.stderr
        assert b"UTF-8" in ran.stderr


def test_a_file_without_end_is_read_only_to_the_limit() -> None:
    ran = shell("ulimit -v 2000000; points settings apply shop /dev/zero")
    assert ran.returncode == Exit.REFUSED
    assert b"larger than 1048576 bytes" in ran.stderr


def test_tracebacks_are_filtered_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise RuntimeError(f"{EVIL} postgresql://me:hushhush@host/db")

    monkeypatch.setattr("processors.runtime.configuration.load_database_only", fail)
    ran = points(ENVIRONMENT, "--debug", "balance", "shop", "member")
    assert ran.code == Exit.UNEXPECTED
    assert "Traceback" in ran.err
    assert is_clean(ran.err)
    assert "hushhush" not in ran.err


def test_colons_in_ids_make_no_emoji(capsys: pytest.CaptureFixture[str]) -> None:
    id_ = "a:b:smile:"
    console.remark(f"job {id_}: goes on")
    console.complain(Failure(Exit.USAGE, id_, id_))
    console.out().print(Panel(console.safe(id_), title=console.panel_title(console.safe(id_))))
    written = capsys.readouterr()
    assert (written.err.count(id_), written.out.count(id_)) == (3, 2)
