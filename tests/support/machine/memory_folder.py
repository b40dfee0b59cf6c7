"""Where the servers of tests keep their files: in memory, where there is room enough.

They are as durable as ever, and what they wrote is there when one of them is killed. But a disk
takes most of the time of all that tests make and remove, a database or a topic for each of them.
"""

import os
import shutil
import stat
import time
from contextlib import suppress
from pathlib import Path

import psutil

MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
ROOM = 6 << 30
"""Bytes that must be free: a process of a run writes one or two of these, and there are three."""

LONGEST_RUN = 6 * 3600.0
"""Seconds."""


def folder(otherwise: Path) -> Path:
    """A folder in memory that nobody else writes to, or `otherwise` where there can be none."""
    mine = MEMORY / f"member-points-{os.geteuid()}"
    if not MEMORY.is_dir() or min(shutil.disk_usage(MEMORY).free, _available()) < ROOM:
        return otherwise
    try:
        # PostgreSQL, which may run as another user, passes through it.
        mine.mkdir(mode=0o711, exist_ok=True)
    except OSError:
        return otherwise
    return mine if _is_ours(mine) else otherwise


def remove_dead(state: Path) -> None:
    """Removes what runs left there that were killed (`run-<pid>-<part>`): it would fill the memory.

    Not what is young: a run that we cannot see may live in a container that shares the folder.
    """
    for each in state.glob("run-*-*"):
        pid = each.name.split("-")[1]
        with suppress(FileNotFoundError):  # another process of the run is quicker
            is_old = time.time() - each.stat().st_ctime > LONGEST_RUN
            if is_old and pid.isdecimal() and not psutil.pid_exists(int(pid)):
                shutil.rmtree(each, ignore_errors=True)


def _is_ours(path: Path) -> bool:
    """Whether nobody else can put anything there, or has put something in its place."""
    found = path.lstat()
    return (
        stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o022
    )


def _available() -> int:
    return int(psutil.virtual_memory().available)
