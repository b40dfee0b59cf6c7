"""The rung for machines with a Docker engine and compose: deploy/compose/compose.yaml.

Kept small on purpose: it is exercised only where an engine answers.
"""

import functools
import hashlib
import json
import os
import secrets
import shutil
import subprocess
from pathlib import Path
from typing import Self

from deploy.local.process import StartError, free_ports, last_lines, private_file

COMPOSE_FILE = Path(__file__).parents[1] / "compose" / "compose.yaml"
UP_SECONDS = 900


@functools.cache
def engine_answers() -> bool:
    """Whether `docker info` reaches an engine that has compose; asked once a process."""
    if shutil.which("docker") is None:
        return False
    try:
        return all(
            subprocess.run(
                ["docker", *words], capture_output=True, timeout=10, check=False
            ).returncode
            == 0
            for words in (["info"], ["compose", "version"])
        )
    except subprocess.TimeoutExpired:
        return False


class Compose:
    """The services asked for, of the compose file, in a project named after `folder`."""

    def __init__(self, folder: Path, services: list[str]) -> None:
        self.folder = folder.resolve()
        self._services = services
        self._project = (
            "member-points-" + hashlib.sha256(str(self.folder).encode()).hexdigest()[:10]
        )
        self._values = self._kept_values()

    @property
    def bootstrap_servers(self) -> str:
        """Where Kafka's clients begin."""
        return f"127.0.0.1:{self._values['POINTS_KAFKA_PORT']}"

    @property
    def database_url(self) -> str:
        """The owner's URL. It holds the password: not for printing."""
        password, port = (
            self._values["POINTS_POSTGRES_PASSWORD"],
            self._values["POINTS_POSTGRES_PORT"],
        )
        return f"postgresql://points_owner:{password}@127.0.0.1:{port}/points"

    @property
    def redis_url(self) -> str:
        """Where Valkey's clients log in. It holds the password: not for printing."""
        password, port = self._values["POINTS_VALKEY_PASSWORD"], self._values["POINTS_VALKEY_PORT"]
        return f"redis://:{password}@127.0.0.1:{port}/0"

    def start(self) -> Self:
        """Pull and start the services and wait until each is healthy."""
        self._compose("up", "--detach", "--wait", *self._services)
        return self

    def stop(self, *, wipe: bool = False) -> None:
        """Stop the services; `wipe` removes their data too."""
        self._compose("down", *(["--volumes"] if wipe else []))

    def _kept_values(self) -> dict[str, str]:
        """Ports and passwords, made up once and kept with the stack's state."""
        kept = self.folder / "compose.json"
        known = json.loads(kept.read_text()) if kept.exists() else {}
        names = ("KAFKA", "POSTGRES", "VALKEY")
        ports = {f"POINTS_{n}_PORT": p for n, p in zip(names, free_ports(3), strict=True)}
        passwords = {f"POINTS_{name}_PASSWORD": secrets.token_urlsafe(24) for name in names[1:]}
        values = {str(k): str(v) for k, v in {**ports, **passwords, **known}.items()}
        if values != known:
            self.folder.mkdir(parents=True, exist_ok=True)
            private_file(kept, json.dumps(values))
        return values

    def _compose(self, *words: str) -> None:
        command = [
            "docker",
            "compose",
            "--project-name",
            self._project,
            "--file",
            str(COMPOSE_FILE),
            *words,
        ]
        environment = {**os.environ, **self._values}
        done = subprocess.run(
            command,
            env=environment,
            capture_output=True,
            text=True,
            timeout=UP_SECONDS,
            check=False,
        )
        if done.returncode:
            raise StartError(
                [f"docker compose {words[0]} failed:", *last_lines(done.stderr).splitlines()]
            )
