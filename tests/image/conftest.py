"""The image, built once for a run of tests, and the engine that runs it."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.images import base, build, tool
from deploy.images.build import Built
from deploy.images.tool import Tool
from tests.support.operate.containers import engine_of

STORAGE = Path(__file__).parents[2].resolve() / ".cache" / "images"
"""Podman's storage for tests, so that nothing of a developer's is touched."""
TAG = f"{build.NAME}:tests"


@pytest.fixture(scope="session")
def image_tool() -> Tool:
    """What builds images here."""
    if (reason := tool.missing()) is not None:
        pytest.skip(reason)
    made = tool.builder(STORAGE.resolve())
    if made.name == "podman" and (reason := base.missing()) is not None:
        pytest.skip(reason)
    return made


@pytest.fixture(scope="session")
def built(image_tool: Tool) -> Built:
    """The image of the repository as it is."""
    image = build.build(image_tool, tag=TAG)
    if image_tool.name == "podman":
        image_tool.do("image", "prune", "--force")  # the one of the run before
    return image


@pytest.fixture(scope="session")
def container_engine(image_tool: Tool) -> Iterator[str | None]:
    """Where the engine answers that has the image; None is Docker's usual address."""
    # The path of a socket has room for a hundred characters.
    with (
        tempfile.TemporaryDirectory(prefix="points-") as folder,
        engine_of(image_tool, Path(folder)) as address,
    ):
        yield address
