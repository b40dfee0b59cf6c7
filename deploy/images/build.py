"""Building the image: a clean copy of the repository, a base, and deploy/images/Dockerfile."""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from deploy.images import mirror
from deploy.images.base import base_of
from deploy.images.source import copy_to
from deploy.images.tool import Tool
from deploy.local.progress import step

NAME = "localhost/member-points"


@dataclass(frozen=True, slots=True)
class Built:
    """An image: its tag, its bytes on disk, and the seconds that it took."""

    tag: str
    size: int
    seconds: float


def build(tool: Tool, *, tag: str | None = None, base: str | None = None) -> Built:
    """Build the image as `tag` (by default its version) on `base`; see `base_of`."""
    started = time.monotonic()
    chosen = base_of(tool, base)
    with tempfile.TemporaryDirectory() as scratch:
        context, private = Path(scratch, "context"), Path(scratch, "private")
        context.mkdir()
        private.mkdir()
        source = copy_to(context)
        name = tag or f"{NAME}:{source.version}"
        values = source.values() | ({"BASE": chosen} if chosen else {})
        with step(f"Building {name} of {source.revision}"):
            tool.build(context, name, values=values, secrets=mirror.secrets(private))
    return Built(name, tool.size(name), time.monotonic() - started)
