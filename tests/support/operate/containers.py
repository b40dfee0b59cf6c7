"""Containers of the image: Podman's API for a run of tests, and a container as a test uses it."""

import json
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any, Self

from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer

from deploy.images.tool import Tool
from tests.support.engine import wait_for
from tests.support.upstream import Json

CONFIGURATION = """
[engine]
runtime = "{runtime}"
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
"""
"""Limits below our own can be set without CAP_SYS_RESOURCE; runc takes every layout of cgroups."""
HARDENED: Mapping[str, Any] = {
    "network": "host",  # where the test's servers listen
    "read_only": True,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges"],
    "mem_limit": "256m",
}
"""How a container of the image can be run, and how orchestrators of care run it."""
GRACE_SECONDS = 30
"""What Kubernetes waits by default between asking a container to stop and killing it."""


@contextmanager
def engine_of(tool: Tool, folder: Path) -> Iterator[str | None]:
    """The address at which the tool's engine answers Docker's API; None is Docker's usual one.

    Podman's is started for it, in `folder`, and ended.
    """
    if tool.name == "docker":
        yield None
        return
    configuration, socket = folder / "containers.conf", folder / "podman.sock"
    configuration.write_text(
        CONFIGURATION.format(runtime="runc" if shutil.which("runc") else "crun"), "utf-8"
    )
    address = f"unix://{socket}"
    # The reaper's image would have to be pulled; every test removes its containers itself.
    testcontainers_config.ryuk_disabled = True
    with (folder / "podman.log").open("wb") as log:
        service = subprocess.Popen(
            [*tool.words, "system", "service", "--time=0", address],
            env={"CONTAINERS_CONF": str(configuration), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_for("Podman's socket", socket.is_socket)
        yield address
    finally:
        service.terminate()
        service.wait(30)


class Contained:
    """A container of the image, run as `HARDENED` says; `with` starts and removes it."""

    def __init__(
        self,
        image: str,
        words: Sequence[str],
        environment: Mapping[str, str],
        address: str | None,
        files: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        """`words` are those after `points`, `more` other options of the container.

        `files`: those of this machine that it may read, by their path in the container.
        """
        where = {"environment": {"DOCKER_HOST": address}} if address else {}
        self._container = DockerContainer(image, docker_client_kw=where)
        self._container.with_envs(**environment).with_command(list(words))
        self._container.with_kwargs(**{**HARDENED, **more})
        for inside, outside in (files or {}).items():
            self._container.with_volume_mapping(outside, inside, "ro")

    def __enter__(self) -> Self:
        self._container.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._container.stop()

    @property
    def output(self) -> str:
        """All that it wrote so far."""
        return b"".join(self._container.get_logs()).decode(errors="replace")

    @property
    def attributes(self) -> Json:
        """What the engine says of it."""
        self._container.reload()
        return dict(self._container.get_wrapped_container().attrs)

    def ended(self) -> int:
        """Its exit code, once it ends by itself."""
        return int(self._container.wait())

    def stopped(self) -> int:
        """Its exit code after the image's STOPSIGNAL; 137 when it had to be killed."""
        self._container.get_wrapped_container().stop(timeout=GRACE_SECONDS)
        return self.ended()

    def run_inside(self, *words: str) -> tuple[int, str]:
        """Exit code and output of a command in the running container."""
        done = self._container.exec(list(words))
        return int(done.exit_code or 0), done.output.decode(errors="replace")

    def get(self, path: str) -> tuple[int, str]:
        """Status and body of one of the worker's pages."""
        try:
            with urllib.request.urlopen(self.url() + path, timeout=30) as answer:  # noqa: S310 - our own http URL
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def alive(self) -> bool:
        """Whether /healthz says yes."""
        return self.get("/healthz")[0] == HTTPStatus.OK

    def ready(self) -> bool:
        """Whether /readyz says yes."""
        return self.get("/readyz")[0] == HTTPStatus.OK

    def url(self) -> str:
        """Where its pages are; waits until that is logged."""

        def served_at() -> str | None:
            lines = [line for line in self.output.splitlines() if '"serving"' in line]
            return str(json.loads(lines[-1])["url"]) if lines else None

        return wait_for("the address of its pages", served_at) or ""
