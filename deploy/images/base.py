"""The base of the image: what BASE names, Docker Hub's Python, or a Debian made on this machine."""

import platform
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from deploy.images.tool import BUILD_SECONDS, Tool
from deploy.local.process import StartError, last_lines
from deploy.local.progress import note, step

OWN = "localhost/member-points-base"
PACKAGES = ("ca-certificates", "python3", "python3-venv", "tzdata")
FRESH_SECONDS = 7 * 86_400
"""A base of our own is made again after a week, to have Debian's security updates."""
_LEFT_OUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*")
_MACHINES_OWN = ("etc/resolv.conf", "etc/hostname", "etc/apt/apt.conf.d/99mmdebstrap")
"""Files that mmdebstrap takes from the machine or writes for itself."""


def base_of(tool: Tool, asked: str | None) -> str | None:
    """The image to build on; None takes the Dockerfile's own, which has to be pulled.

    Docker pulls. Podman builds on a base of our own unless another is `asked` for, since it is also
    what builds on machines that reach no registry.
    """
    if asked or tool.name == "docker":
        return asked
    name = f"{OWN}:{_release()}"
    made = tool.ask("image", "inspect", "--format", "{{.Created.Unix}}", name)
    if made is not None and time.time() - int(made) < FRESH_SECONDS:
        note(f"Base: {name}, made before (podman rmi {name} to have it made again)")
        return name
    with step(f"Making the base {name} of Debian's packages"):
        _make(tool, name)
    return name


def missing() -> str | None:
    """Why no base can be made here, in words; None when one can."""
    if shutil.which("mmdebstrap"):
        return None
    return "mmdebstrap is not installed, and no other base is named"


def _release() -> str:
    """This machine's release of Debian, whose keys it has; elsewhere the newest that we know."""
    try:
        system = platform.freedesktop_os_release()
    except OSError:
        return "trixie"
    return system["VERSION_CODENAME"] if system["ID"] == "debian" else "trixie"


def _make(tool: Tool, name: str) -> None:
    if (lack := missing()) is not None:
        raise StartError(f"There is no base to build on: {lack}")
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "base.tar"
        command = [
            *("mmdebstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}"),
            *(f"--dpkgopt=path-exclude={pattern}" for pattern in _LEFT_OUT),
            "--dpkgopt=path-include=/usr/share/doc/*/copyright",
            *(f'--customize-hook=rm -f "$1/{file}"' for file in _MACHINES_OWN),
            *(_release(), str(archive)),
        ]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False
        )
        if done.returncode:
            raise StartError(["mmdebstrap failed:", *last_lines(done.stderr).splitlines()])
        tool.do("import", "--change", "ENV LANG=C.UTF-8", str(archive), name)
