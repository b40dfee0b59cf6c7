"""Where the servers of tests keep their files."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.machine import memory_folder
from tests.support.machine.memory_folder import folder


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder on a disk; there is memory, and as much room in it as anybody wants."""
    memory = tmp_path / "memory"
    memory.mkdir()
    monkeypatch.setattr(memory_folder, "MEMORY", memory)
    monkeypatch.setattr(memory_folder, "ROOM", 0)
    return tmp_path / "disk"


def test_they_are_in_memory_where_others_may_pass_and_none_may_write(disk: Path) -> None:
    for _ in range(2):
        found = folder(otherwise=disk)
        assert found.parent == memory_folder.MEMORY
        assert not stat.S_IMODE(found.stat().st_mode) & 0o022


def test_they_are_on_the_disk_without_room_or_without_such_a_folder(
    disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory_folder, "ROOM", 1 << 60)
    assert folder(otherwise=disk) == disk
    monkeypatch.setattr(memory_folder, "ROOM", 0)
    monkeypatch.setattr(memory_folder, "MEMORY", disk / "none")
    assert folder(otherwise=disk) == disk


def test_what_somebody_else_put_there_is_not_taken(disk: Path) -> None:
    theirs = memory_folder.MEMORY / f"member-points-{os.geteuid()}"
    theirs.symlink_to(disk.parent)
    assert folder(otherwise=disk) == disk
    theirs.unlink()
    theirs.mkdir()
    theirs.chmod(0o777)
    assert folder(otherwise=disk) == disk


def test_what_a_killed_run_left_there_is_removed_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    dead, alive = tmp_path / f"run-{ended.pid}-kafka", tmp_path / f"run-{os.getpid()}-kafka"
    for each in (dead, alive, tmp_path / "run-of-ours"):
        each.mkdir()
    memory_folder.remove_dead(tmp_path)
    assert dead.exists()  # it is young
    monkeypatch.setattr(memory_folder, "LONGEST_RUN", -1.0)
    memory_folder.remove_dead(tmp_path)
    assert sorted(tmp_path.iterdir()) == [alive, tmp_path / "run-of-ours"]
