"""Processes of the local stack tell why they failed, and are found by more than their number."""

import os
import signal
import stat
import sys
from pathlib import Path

import pytest

from deploy.local.process import (
    Daemon,
    Identity,
    StartError,
    free_ports,
    last_lines,
    private_file,
    private_folder,
    run_tool,
)

FOREVER = [sys.executable, "-c", "import signal; signal.pause()"]
STUBBORN = [
    sys.executable,
    "-c",
    (
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "print('deaf', flush=True); signal.pause()"
    ),
]


def test_a_start_that_fails_shows_the_end_of_the_log(tmp_path: Path) -> None:
    broken = Daemon(
        "The broker", [sys.executable, "-c", "print('port in use'); exit(3)"], tmp_path / "log"
    )
    with pytest.raises(
        StartError, match=r"The broker did not start: it ended with exit code 3(.|\n)*port in use"
    ):
        broken.wait_until(lambda: False, within=30)


def test_a_start_that_hangs_is_ended(tmp_path: Path) -> None:
    silent = Daemon("The broker", FOREVER, tmp_path / "log")
    with pytest.raises(StartError, match="did not answer within 0 s"):
        silent.wait_until(lambda: False, within=0.1)
    assert silent.identity.process() is None


def test_a_process_that_ignores_the_signal_is_killed(tmp_path: Path) -> None:
    log = tmp_path / "log"
    deaf = Daemon("The broker", STUBBORN, log)
    deaf.wait_until(lambda: "deaf" in log.read_text(), within=30)
    deaf.stop(signal.SIGTERM, patience=0.1)
    assert deaf.identity.process() is None


def test_another_process_of_the_same_number_is_not_taken_for_ours() -> None:
    ourselves = Identity.of(os.getpid())
    assert ourselves.process() is not None
    assert Identity(ourselves.pid, ourselves.created - 60).process() is None


def test_a_tool_that_fails_shows_what_it_said() -> None:
    with pytest.raises(StartError, match=r"The tool failed with exit code 2:\n  no space left"):
        run_tool("The tool", [sys.executable, "-c", "print('no space left'); exit(2)"], within=30)


def test_free_ports_are_different() -> None:
    assert len(set(free_ports(6))) == 6


def test_only_the_last_lines_are_shown() -> None:
    assert last_lines("\n".join(str(n) for n in range(100))).splitlines()[-1] == "  99"
    assert len(last_lines("line\n" * 100).splitlines()) == 15


def test_a_private_file_is_closed_to_others_even_where_an_open_one_was(tmp_path: Path) -> None:
    file = tmp_path / "stack.env"
    file.write_text("old")
    file.chmod(0o644)
    private_file(file, "secret")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text() == "secret"


def test_what_a_server_writes_is_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "kafka"
    folder.mkdir(mode=0o755)
    private_folder(folder)
    log = folder / "log"
    log.touch(0o644)
    writes = (
        f"import os; os.mkdir({str(folder / 'data')!r}); open({str(folder / 'data/00.log')!r}, 'w')"
    )
    server = Daemon(
        "The broker", [sys.executable, "-c", f"{writes}; import signal; signal.pause()"], log
    )
    try:
        server.wait_until((folder / "data/00.log").exists, within=30)
    finally:
        server.stop(signal.SIGKILL)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.rglob("*"))}
    assert modes == {"kafka": 0o700, "log": 0o600, "data": 0o700, "00.log": 0o600}
