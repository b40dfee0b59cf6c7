"""The image, built once for a run of tests, and the engine that runs it."""

import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from deploy.images import base, build, tool
from deploy.images.build import Built
from deploy.images.tool import Tool
from deploy.local.sinks.process import SinksProcess
from deploy.local.stack import Stack
from processors.registry import WORKERS
from tests.support.engine import Engine
from tests.support.operate.busy_lane import BusyLane
from tests.support.operate.containers import engine_of
from tests.support.operate.fleet import PARTITIONS, Fleet
from tests.support.parcels import M
from tests.support.servers import Databases

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


@pytest.fixture(scope="module")
def fleet(
    built: Built,
    container_engine: str | None,
    stack: Stack,
    postgres: Databases,
    valkey_server: Stack,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Fleet]:
    """All kinds on a database and topics that containers have made, and one merchant."""
    folder: Path = tmp_path_factory.mktemp("fleet")
    url, prefix = postgres.database(), f"t{uuid.uuid4().hex[:10]}."
    with (
        Engine(stack.bootstrap_servers, url, prefix, folder, PARTITIONS) as engine,
        SinksProcess() as sinks,
        ExitStack() as running,
    ):
        lane = BusyLane(engine, sinks)
        fleet = Fleet(lane, built.tag, container_engine, valkey_server.redis_url)
        fleet.once("migrate")
        fleet.once("topics")
        engine.merchant(M)
        lane.settle_in([M])
        for kind in WORKERS:
            fleet.workers[kind] = running.enter_context(fleet.container(kind))
        yield fleet
    postgres.drop(url)
