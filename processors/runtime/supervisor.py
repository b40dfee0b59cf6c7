"""Several workers as a tree of processes: started, restarted, stopped together.

See architecture.md 2.7.
"""

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from processors.registry import WORKERS
from processors.runtime.failures import NEEDS_OPERATOR
from processors.runtime.logs import log
from processors.runtime.loop import Backoff
from processors.runtime.stopping import PARENT_PIPE, Stop
from schemas.errors import Exit

POLL_SECONDS = 0.1
"""Between two looks at the children."""
GRACE_SECONDS = 60.0
"""For a child to finish its batch and leave the group, even with a server that does not answer."""
RESTART_FIRST, RESTART_LONGEST = 0.5, 30.0
HELD_SECONDS = 30.0
"""Between two starts of a child whose cursor or topic an operator must look after."""
PROVEN_SECONDS = 60.0
"""After so long a child counts as well: its next restart waits as little as the first."""


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """A worker to run: its kind, its name in the tree, and its port (0: any)."""

    kind: str
    name: str
    port: int

    @property
    def is_aside(self) -> bool:
        """Whether it is of the notices lane: whatever it is refused for stops nobody else."""
        return WORKERS[self.kind].lane == "notices"


@dataclass(slots=True)
class _Child:
    spec: ChildSpec
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    again_at: float = 0.0
    held: bool = False
    backoff: Backoff = field(default_factory=lambda: Backoff(RESTART_FIRST, RESTART_LONGEST))


def child_specs(kinds: Sequence[str], base_port: int) -> list[ChildSpec]:
    """The workers with their ports, `base_port` and upward.

    Several of a kind are numbered.
    """
    specs = []
    for i, kind in enumerate(kinds):
        name = f"{kind}-{kinds[:i].count(kind) + 1}" if kinds.count(kind) > 1 else kind
        specs.append(ChildSpec(kind, name, base_port + i if base_port else 0))
    return specs


class Supervisor:
    """Runs workers as children of this process."""

    def __init__(
        self,
        command: Sequence[str],
        specs: Sequence[ChildSpec],
        environment: Mapping[str, str],
        stop: Stop,
    ) -> None:
        """`command` and a kind make the command of a child."""
        self._command, self._environment, self._stop = list(command), dict(environment), stop
        self._children = [_Child(spec) for spec in specs]
        # Children watch the reading end. The writing end closes with this process, however it ends.
        self._reading, self._writing = os.pipe()

    def run(self) -> int:
        """Runs until it is asked to stop (0) or an operator is needed (the exit code of a child).

        A topic or a cursor that is not as it must be concerns the workers that read it: the others
        live on, and it is tried again now and then, so that it need not be started when it is
        mended. So is a worker of the notices lane, whatever it is refused for. Only when every
        child waits for that does it end.
        """
        code = Exit.OK
        try:
            while not self._stop.wait(POLL_SECONDS):
                for child in self._children:
                    ended = self._look_after(child)
                    if ended is not None:
                        code = ended
                        return code
        finally:
            self._stop_all()
            log().info("stopped", exit_code=int(code))
        return code

    def _look_after(self, child: _Child) -> Exit | None:
        if child.process is None:
            if time.monotonic() >= child.again_at:
                self._start(child)
            return None
        ended = child.process.poll()
        if ended is None:
            return None
        child.process = None
        stays_with_it = ended == Exit.CURSOR or (child.spec.is_aside and ended in NEEDS_OPERATOR)
        if stays_with_it and not self._all_held(child):
            child.held, child.again_at = True, time.monotonic() + HELD_SECONDS
            log().error(
                "child_held",
                child=child.spec.name,
                exit_code=ended,
                why="see its message above; the other workers go on",
                restart_in_seconds=HELD_SECONDS,
            )
            return None
        child.held = False
        if ended in NEEDS_OPERATOR:
            log().error(
                "child_refused",
                child=child.spec.name,
                exit_code=ended,
                why="see its message above; the other workers are stopped",
            )
            return Exit(ended)
        if time.monotonic() - child.started_at > PROVEN_SECONDS:
            child.backoff.reset()
        wait = child.backoff.next()
        child.again_at = time.monotonic() + wait
        log().warning(
            "child_ended",
            child=child.spec.name,
            exit_code=ended,
            restart_in_seconds=round(wait, 1),
        )
        return None

    def _all_held(self, but: _Child) -> bool:
        others = [child for child in self._children if child is not but]
        return all(child.held and child.process is None for child in others)

    def _start(self, child: _Child) -> None:
        environment = {
            **self._environment,
            PARENT_PIPE: str(self._reading),
            "POINTS_METRICS__PORT": str(child.spec.port),
        }
        command = [*self._command, child.spec.kind]
        child.process = subprocess.Popen(command, env=environment, pass_fds=[self._reading])  # noqa: S603 - our own
        child.started_at = time.monotonic()
        log().info("child_started", child=child.spec.name, pid=child.process.pid)

    def _stop_all(self) -> None:
        running = [(child, child.process) for child in self._children if child.process is not None]
        for _, process in running:
            process.terminate()
        deadline = time.monotonic() + GRACE_SECONDS
        for child, process in running:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                log().error(
                    "child_killed",
                    child=child.spec.name,
                    why=f"it did not end within {GRACE_SECONDS:.0f} s",
                )
                process.kill()
                process.wait()
        os.close(self._writing)
        os.close(self._reading)
