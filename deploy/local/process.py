"""Processes of the local stack: started with a log file, found again by pid, always stopped."""

import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

import psutil

from schemas.errors import Exit, PointsError

# Below the range Linux gives to outgoing connections, so that a port stays free while its server
# restarts.
PORTS = range(20_000, 32_000)
LOG_LINES_SHOWN = 15
PRIVATE = 0o077
"""The umask of servers: the orders and passwords in their files are for their owner alone."""


class StartError(PointsError):
    """A part of the stack did not start.

    The message says which, why, and shows the end of its log.
    """

    code = "stack_not_started"
    exit_code = Exit.UNREACHABLE


@dataclass(frozen=True, slots=True)
class Identity:
    """Which process it is.

    A pid may be given to another process, so its start (seconds since the epoch) goes with it.
    """

    pid: int
    created: float

    def process(self) -> psutil.Process | None:
        """The process while it lives, else None."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.created) < 1
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None

    def stop(self, by: signal.Signals = signal.SIGTERM, patience: float = 30.0) -> None:
        """Ask with a signal, wait `patience` seconds, then insist with SIGKILL."""
        process = self.process()
        if process is None:
            return
        try:
            process.send_signal(by)
            process.wait(patience)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait(patience)
        except psutil.NoSuchProcess:
            return

    @classmethod
    def of(cls, pid: int) -> Self:
        """The identity of a living process; raises psutil.NoSuchProcess when there is none."""
        return cls(pid, psutil.Process(pid).create_time())


class Daemon:
    """One server process that this process started, with its log."""

    def __init__(
        self, name: str, command: Sequence[str], log: Path, *, run_as: int | None = None
    ) -> None:
        self.name = name
        self.log = log
        with private_log(log) as sink:
            # An own session: Ctrl-C reaches the caller alone, who then stops its servers in order.
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd="/",
                umask=PRIVATE,
                **as_user(run_as),  # type: ignore[call-overload]
            )
        try:
            self.identity = Identity.of(self._child.pid)
        except psutil.NoSuchProcess:
            raise self.failure("it ended at once") from None

    def wait_until(self, ready: Callable[[], bool], *, within: float) -> None:
        """Poll `ready` until it answers True.

        StartError when the process ends or `within` seconds pass.
        """
        deadline = time.monotonic() + within
        while not ready():
            if self._child.poll() is not None:
                raise self.failure(f"it ended with exit code {self._child.returncode}")
            if time.monotonic() > deadline:
                self.stop()
                raise self.failure(f"it did not answer within {within:.0f} s")
            time.sleep(0.05)

    def ask_to_stop(self, by: signal.Signals = signal.SIGTERM) -> None:
        """Send the signal, without waiting for the end."""
        if self._child.poll() is None:
            self._child.send_signal(by)

    def stop(self, by: signal.Signals = signal.SIGTERM, patience: float = 30.0) -> None:
        """Stop the process and reap it; nothing happens when it has ended already."""
        self.ask_to_stop(by)
        try:
            self._child.wait(patience)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()

    def failure(self, why: str) -> StartError:
        """The error that says why this process is of no use, with the end of its log."""
        return StartError(
            [
                f"{self.name} did not start: {why}. The end of {self.log}:",
                *tail(self.log).splitlines(),
            ]
        )


def as_user(uid: int | None) -> dict[str, int | list[int]]:
    """What subprocess needs to run a child as another user (None: as ourselves)."""
    return {} if uid is None else {"user": uid, "group": uid_group(uid), "extra_groups": []}


def uid_group(uid: int) -> int:
    """The main group of a user."""
    import pwd  # noqa: PLC0415 - not on every platform, and asked for by root on Unix alone

    return pwd.getpwuid(uid).pw_gid


def run_tool(
    name: str,
    command: Sequence[str],
    *,
    within: float,
    run_as: int | None = None,
    umask: int = -1,
) -> None:
    """Run a tool to its end; `umask` -1 is that of this process.

    StartError with the end of its output when it fails or takes over `within` seconds.
    """
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=within,
            check=False,
            text=True,
            cwd="/",
            umask=umask,
            **as_user(run_as),  # type: ignore[call-overload]
        )
    except subprocess.TimeoutExpired:
        raise StartError(f"{name} did not finish within {within:.0f} s") from None
    if done.returncode:
        raise StartError(
            [
                f"{name} failed with exit code {done.returncode}:",
                *last_lines(done.stdout).splitlines(),
            ]
        )


def tail(log: Path) -> str:
    """The last lines of a log, indented."""
    return last_lines(log.read_text(errors="replace")) if log.exists() else "  (no log)"


def last_lines(text: str) -> str:
    """The last lines of a text, indented."""
    return "\n".join(f"  {line}" for line in text.splitlines()[-LOG_LINES_SHOWN:]) or "  (empty)"


def free_ports(count: int) -> list[int]:
    """`count` different TCP ports of 127.0.0.1 on which nothing listens."""
    ports: list[int] = []
    for port in random.sample(PORTS, len(PORTS)):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        ports.append(port)
        if len(ports) == count:
            return ports
    raise StartError(f"no {count} free ports between {PORTS.start} and {PORTS.stop}")


def listens(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a process accepts connections on this port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((host, port)) == 0


def wait_until(ready: Callable[[], bool], *, within: float) -> bool:
    """Poll `ready` until it answers True; False when `within` seconds pass first."""
    deadline = time.monotonic() + within
    while not ready():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def private_log(path: Path) -> BinaryIO:
    """A log to add to, which its owner alone can read, also where an open one was."""
    sink = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")
    os.fchmod(sink.fileno(), 0o600)
    return sink


def private_folder(path: Path) -> None:
    """Make a folder that its owner alone can enter, also where an open one was."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o700)


def private_file(path: Path, text: str) -> None:
    """Write a file that its owner alone can read."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as sink:
        sink.write(text)


def environment_lines(values: Mapping[str, str]) -> str:
    """Shell lines that export the values."""
    return "".join(f"export {name}='{value}'\n" for name, value in values.items())
