"""`points` of tests, started by a fork of a process that has loaded the product.

To load it costs a second and more of CPU, which most of a worker's life in a test was. Each is a
process of its own as ever, with its own environment, output, signals and exit code. Those that
`points run all` starts load the product themselves, and so do those of `make coverage`.

All forks order their sets in one way, and have loaded more than they need: what depends on either
shows in processes that are started plainly, as those of PLAINLY are.
"""

import atexit
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import orjson

POINTS = str(Path(sys.executable).with_name("points"))
SERVER = "tests.support.machine.loaded_server"
ROOT = Path(__file__).parents[3]
READ_AT_START = ("LANG", "LC_", "LD_", "MALLOC_", "OPENSSL_", "PYTHON", "SSL_", "TZ")
"""Beginnings of variables that Python and its libraries read once, while they load."""
PLAINLY = "TESTS_START_PLAINLY"
"""The variable that has everything started as an operator starts it: tests about faults set it."""
COVERAGE = "COVERAGE_PROCESS_"
"""Beginnings of variables by which a process that starts measures what it runs."""

Output = int | IO[Any]


class Forked:
    """A `points` that was forked, with what tests use of a `subprocess.Popen`."""

    def __init__(self, pid: int, reply: socket.socket) -> None:
        self.pid, self._reply = pid, reply
        self.returncode: int | None = None
        try:
            self._handle: int | None = os.pidfd_open(pid)
        except ProcessLookupError:  # it has ended already
            self._handle = None

    def poll(self) -> int | None:
        """The exit code, None while it runs; less than 0 when a signal ended it."""
        with suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, once it ends; subprocess.TimeoutExpired after so many seconds."""
        if self.returncode is None:
            if not select.select([self._reply], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired([POINTS], timeout or 0.0)
            answer = self._reply.recv(64)
            if not answer and self._handle is not None:  # nobody would ever hear of its end
                with suppress(ProcessLookupError):
                    signal.pidfd_send_signal(self._handle, signal.SIGKILL)
            self.returncode = int(answer or -signal.SIGKILL)
            self._close()
            assert answer, "the process that forks has died"
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Sends a signal, unless it has ended."""
        if self.poll() is None and self._handle is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, number)

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def _close(self) -> None:
        self._reply.close()
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def __del__(self) -> None:
        self._close()


class _Loaded:
    """The process that forks, one of each process that runs tests."""

    def __init__(self) -> None:
        self.read = _told_apart(os.environ)
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            command = [sys.executable, "-m", SERVER, str(theirs.fileno())]
            self._process = subprocess.Popen(
                command, pass_fds=[theirs.fileno()], stdout=subprocess.DEVNULL, cwd=ROOT
            )
        atexit.register(self._end)

    @property
    def has_died(self) -> bool:
        """Whether it cannot fork any more."""
        return self._process.poll() is not None

    def fork(
        self,
        module: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        out: int,
        err: int,
    ) -> Forked:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            request = {
                "module": module,
                "arguments": [module or POINTS, *arguments],
                "environment": dict(environment),
                "folder": str(Path.cwd()),
            }
            descriptors = [out, err, theirs.fileno()]
            socket.send_fds(self._control, [orjson.dumps(request)], descriptors)
        answer = ours.recv(64)
        assert answer, "the process that forks has died"
        return Forked(int(answer), ours)

    def _end(self) -> None:
        self._control.close()
        self._process.wait()


_first = threading.Lock()
_loaded: list[_Loaded] = []


def start(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    *,
    stdout: Output,
    stderr: Output,
    module: str = "",
) -> "Forked | subprocess.Popen[bytes]":
    """Starts `points <arguments>`, or `python -m <module> <arguments>`, a double of it."""
    if not _can_fork(environment):
        program = [sys.executable, "-m", module] if module else [POINTS]
        return subprocess.Popen(
            [*program, *arguments],
            env={**environment, "PYTHONPATH": str(ROOT)} if module else dict(environment),
            stdout=stdout,
            stderr=stderr,
        )
    out = stdout if isinstance(stdout, int) else stdout.fileno()
    err = stderr if isinstance(stderr, int) else stderr.fileno()
    err = out if err == subprocess.STDOUT else err
    return _that_forks().fork(module, arguments, environment, out, err)


def _can_fork(environment: Mapping[str, str]) -> bool:
    if PLAINLY in os.environ or not hasattr(os, "pidfd_open"):
        return False
    if any(name.startswith(COVERAGE) for name in environment):
        return False
    return _told_apart(environment) == _that_forks().read


def _that_forks() -> _Loaded:
    with _first:
        if not _loaded or _loaded[-1].has_died:
            _loaded.append(_Loaded())
        return _loaded[-1]


def _told_apart(environment: Mapping[str, str]) -> dict[str, str]:
    return {k: v for k, v in environment.items() if k.startswith(READ_AT_START)}
