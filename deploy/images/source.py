"""The clean copy of the repository that an image is built of: no file that git does not know."""

import os
import subprocess
import tarfile
import tomllib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from deploy.local.process import StartError

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Source:
    """A copy in `folder`, and what the image's labels say of it.

    `revision` is the commit, with `-dirty` when changes are in it that are not committed;
    `created` is the commit's time in UTC, so that the same commit makes the same labels.
    """

    folder: Path
    version: str
    revision: str
    created: str

    def values(self) -> dict[str, str]:
        """The ARGs of the Dockerfile that become labels."""
        return {"VERSION": self.version, "REVISION": self.revision, "CREATED": self.created}


def copy_to(folder: Path, root: Path = ROOT) -> Source:
    """Copy what git tracks, as it is in the working tree; StartError outside a clone."""
    changed = git(root, "stash", "create").strip().decode()
    with tarfile.open(fileobj=BytesIO(git(root, "archive", changed or "HEAD"))) as archive:
        archive.extractall(folder, filter="data")
    project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
    words = ("log", "-1", "--date=format-local:%Y-%m-%dT%H:%M:%SZ", "--format=%H %cd")
    revision, created = git(root, *words).decode().split()
    dirty = "-dirty" if changed else ""
    return Source(folder, str(project["version"]), revision + dirty, created)


def git(root: Path, *words: str) -> bytes:
    """What git answers about a clone, in UTC."""
    done = subprocess.run(
        ["git", "-C", str(root), *words],
        capture_output=True,
        check=False,
        env={**os.environ, "TZ": "UTC"},
    )
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        raise StartError(f"An image is built from a clone of the repository, and git says: {said}")
    return done.stdout
