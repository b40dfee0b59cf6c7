"""Loads the product, and forks a `points` or a double of it for each request; see loaded.py.

`python -m`, with the number of the socket on which requests come.
"""

import gc
import os
import selectors
import signal
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pkgutil import walk_packages
from typing import Any

import orjson

import cli.commands
from cli.main import app
from processors.registry import WORKERS

LARGEST = 1 << 20
"""Bytes of a request."""
LATER = ("processors.runtime.configuration", "processors.runtime.loop")
"""What `points run` loads besides the module of a worker's kind."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a fork is to become, and where it writes; `module` has the `main` of a double."""

    module: str
    arguments: list[str]
    environment: dict[str, str]
    folder: str
    out: int
    err: int


def load() -> None:
    """Imports what commands and workers load only when they run."""
    for module in walk_packages(cli.commands.__path__, "cli.commands."):
        import_module(module.name)
    for name in (*LATER, *(kind.module for kind in WORKERS.values())):
        import_module(name)


def serve(control: socket.socket) -> Request | None:
    """Forks as it is asked to. The answer in each fork is its request; None at the very end."""
    replies: dict[int, tuple[int, socket.socket]] = {}
    with selectors.DefaultSelector() as selector:
        selector.register(control, selectors.EVENT_READ)
        while True:
            for ready in [key.fd for key, _ in selector.select()]:
                if ready in replies:
                    selector.unregister(ready)
                    _tell(ready, *replies.pop(ready))
                    continue
                said, (*given,), _, _ = socket.recv_fds(control, LARGEST, 3)
                if not said:
                    return None
                asked = orjson.loads(said)
                pid = os.fork()
                if pid == 0:
                    return _forked(asked, given, replies)
                handle = os.pidfd_open(pid)
                replies[handle] = pid, _answered(given, pid)
                selector.register(handle, selectors.EVENT_READ)


def _forked(
    asked: Any, given: list[int], others: Mapping[int, tuple[int, socket.socket]]
) -> Request:
    """What was asked for, without what only the process that forks is to have."""
    out, err, reply = given
    os.close(reply)
    for handle, (_, socket_of_other) in others.items():
        os.close(handle)
        socket_of_other.close()
    return Request(**asked, out=out, err=err)


def _answered(given: list[int], pid: int) -> socket.socket:
    """Where the exit code is to be told, which has heard which process it is."""
    *outputs, reply = given
    for descriptor in outputs:
        os.close(descriptor)
    answering = socket.socket(fileno=reply)
    answering.send(b"%d" % pid)
    return answering


def _tell(handle: int, pid: int, reply: socket.socket) -> None:
    """The exit code of a fork that has ended."""
    _, status = os.waitpid(pid, 0)
    os.close(handle)
    with reply:
        try:
            reply.send(b"%d" % os.waitstatus_to_exitcode(status))
        except BrokenPipeError:
            return  # nobody asks for it any more


def become(request: Request) -> None:
    """Takes on what a process gets when it is started."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.dup2(request.out, 1)
    os.dup2(request.err, 2)
    os.close(request.out)
    os.close(request.err)
    os.chdir(request.folder)
    os.environ.clear()
    os.environ.update(request.environment)
    sys.argv = request.arguments


def main() -> None:
    """Serves until nobody can ask any more; in a fork it is `points` from then on."""
    # Ctrl-C in a terminal comes to us as well, and is for those who run the tests to answer.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    load()
    gc.freeze()  # a collection in a fork would copy all of it
    with socket.socket(fileno=int(sys.argv[1])) as control:
        request = serve(control)
    if request is not None:
        become(request)
        double = import_module(request.module).main if request.module else None
        sys.exit(double(request.arguments[1:]) if double else app())


if __name__ == "__main__":
    main()
