"""A `points` that is forked is a process as one that is started."""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.engine import wait_for
from tests.support.machine import loaded
from tests.support.machine.inherited import inherited
from tests.support.machine.loaded import Forked

NOWHERE = {
    **inherited(),
    "POINTS_ENVIRONMENT": "development",
    "POINTS_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1",
    "POINTS_DATABASE__URL": "postgresql://me:x@127.0.0.1:1/points",
    "POINTS_METRICS__PORT": "0",
}


@contextmanager
def started(
    folder: Path, *words: str, environment: Mapping[str, str] = NOWHERE, module: str = ""
) -> Iterator[Any]:
    """Writes to `out` and `err` there."""
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
        process = loaded.start(words, environment, stdout=out, stderr=err, module=module)
    try:
        yield process
    finally:
        process.kill()
        process.wait(60)


def test_its_exit_code_and_each_output_are_its_own(tmp_path: Path) -> None:
    with started(tmp_path, "--version") as right:
        assert right.wait(60) == right.poll() == 0
    assert (tmp_path / "out").read_text().startswith("points ")
    assert (tmp_path / "err").read_text() == ""
    with started(tmp_path, "run", "nobody") as wrong:
        assert wrong.wait(60) == 2
    assert "no worker is called nobody" in (tmp_path / "err").read_text()
    assert (tmp_path / "out").read_text() == ""


def test_two_have_an_environment_each_and_neither_has_ours(tmp_path: Path) -> None:
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        with started(
            folder, "config", "show", environment={**NOWHERE, "POINTS_KAFKA__GROUP_ID": name}
        ) as process:
            assert process.wait(60) == 0
        assert f"POINTS_KAFKA__GROUP_ID={name}" in " ".join((folder / "out").read_text().split())
    assert "POINTS_KAFKA__GROUP_ID" not in os.environ


def test_signals_reach_it_and_its_end_by_one_is_told(tmp_path: Path) -> None:
    for number, code in ((signal.SIGTERM, 0), (signal.SIGINT, 0), (signal.SIGKILL, -9)):
        with started(tmp_path, "run", "grants") as process:
            wait_for("its loop", lambda: "not_ready" in (tmp_path / "err").read_text())
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.01)
            process.send_signal(number)
            assert process.wait(60) == code
            process.send_signal(number)  # it has ended: nothing happens


@pytest.mark.parametrize("variable", ["PYTHONUTF8", "TZ", "LC_ALL", "COVERAGE_PROCESS_CONFIG"])
def test_what_python_reads_at_its_start_is_read_at_its_start(variable: str, tmp_path: Path) -> None:
    other = {name: value for name, value in NOWHERE.items() if name != variable}
    if variable not in os.environ:
        other[variable] = {"TZ": "UTC", "LC_ALL": "C"}.get(variable, "")
    with started(tmp_path, "--version", environment=other) as process:
        assert not isinstance(process, Forked)
        assert process.wait(60) == 0


@pytest.mark.usefixtures("started_plainly")
def test_where_it_is_asked_for_a_process_is_started_plainly(tmp_path: Path) -> None:
    with started(tmp_path, "--version") as process:
        assert not isinstance(process, Forked)
        assert process.wait(60) == 0


def test_a_double_that_cannot_be_loaded_ends_alone(tmp_path: Path) -> None:
    before = loaded._that_forks()
    with started(tmp_path, module="tests.support.nobody") as double:
        assert isinstance(double, Forked)
        assert double.wait(60) == 1
    assert "No module named 'tests.support.nobody'" in (tmp_path / "err").read_text()
    with started(tmp_path, "--version") as next_one:
        assert next_one.wait(60) == 0
    assert loaded._that_forks() is before


def test_another_process_forks_when_the_first_one_has_died(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loaded, "_loaded", [])
    with started(tmp_path, "run", "grants") as orphan:
        loaded._that_forks()._process.kill()
        with pytest.raises(AssertionError, match="has died"):
            orphan.wait(60)
        # Nobody would hear of its end: it has ended, too.
        wait_for("its end", lambda: _is_over(orphan.pid))
    with started(tmp_path, "--version") as process:
        assert isinstance(process, Forked)
        assert process.wait(60) == 0


def _is_over(pid: int) -> bool:
    """Whether no such process runs; whoever inherits it may take it away later."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
