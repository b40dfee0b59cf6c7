"""What builds and keeps images here: Docker where its engine answers, else Podman."""

import functools
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.local.process import StartError, last_lines

BUILD_SECONDS = 1200
ASK_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Tool:
    """A container engine's command; `words` are how each of its command lines begins.

    `for_builds` are options of its `build` alone.
    """

    name: str
    words: tuple[str, ...]
    for_builds: tuple[str, ...] = ()

    def ask(self, *words: str) -> str | None:
        """What it prints; None when it fails, or does not answer."""
        command = [*self.words, *words]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=ASK_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            return None
        return None if done.returncode else done.stdout.strip()

    def do(self, *words: str) -> None:
        """Run one of its commands; StartError with the end of what it said when it fails."""
        command = [*self.words, *words]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False
        )
        if done.returncode:
            said = last_lines(done.stdout + done.stderr).splitlines()
            raise StartError([f"{self.name} {words[0]} failed:", *said])

    def build(
        self, context: Path, tag: str, *, values: Mapping[str, str], secrets: Mapping[str, Path]
    ) -> None:
        """Build deploy/images/Dockerfile in `context`: `values` are its ARGs."""
        options = [f"--build-arg={name}={value}" for name, value in values.items()]
        options += [f"--secret=id={name},src={path}" for name, path in secrets.items()]
        dockerfile = context / "deploy" / "images" / "Dockerfile"
        files = ("--tag", tag, "--file", str(dockerfile), str(context))
        self.do("build", *self.for_builds, *options, *files)

    def size(self, tag: str) -> int:
        """The image's bytes on disk, those of its base included."""
        return int(self.ask("image", "inspect", "--format", "{{.Size}}", tag) or 0)


def podman(storage: Path | None = None) -> Tool:
    """Podman, on its usual storage or on one of its own in a folder."""
    own = ("--root", str(storage / "root"), "--runroot", str(storage / "run")) if storage else ()
    # A chroot on the machine's network builds where containers cannot run, and leaves no layers.
    return Tool(
        "podman", ("podman", *own), ("--isolation=chroot", "--network=host", "--layers=false")
    )


def builder(storage: Path | None = None) -> Tool:
    """The tool of this machine; StartError says what is missing when there is none.

    `storage` is where Podman keeps images instead of its usual place.
    """
    if _docker_answers():
        return Tool("docker", ("docker",))
    if (lack := missing()) is not None:
        raise StartError(f"No image can be built: {lack}")
    return podman(storage)


def missing() -> str | None:
    """Why no image can be built here, in words; None when one can."""
    if _docker_answers() or shutil.which("podman"):
        return None
    return "no Docker engine answers, and podman is not installed"


@functools.cache
def _docker_answers() -> bool:
    if shutil.which("docker") is None:
        return False
    return Tool("docker", ("docker",)).ask("info") is not None
