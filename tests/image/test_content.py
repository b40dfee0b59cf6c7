"""What lies in the image, and what must not."""

import json
import re
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from deploy.images.build import Built
from deploy.images.source import ROOT, git
from deploy.images.tool import Tool
from tests.support.database.locks import pinned
from tests.support.upstream import Json

SITE = re.compile(r"opt/points/lib/python3\.\d+/site-packages/")
PACKAGES = ("api", "cli", "deploy", "processors", "rules", "schemas", "store")
PRIVATE_KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/]{40}")
MIRROR = re.compile(
    rb"^\s*((extra-)?index-url|trusted-host|https?_proxy)\s*=|^\s*Acquire::https?::Proxy",
    re.MULTILINE,
)
"""Where this machine gets its packages."""
COMPILERS = re.compile(
    r"(^|/)bin/([\w-]+-)?(gcc|g\+\+|cc|c\+\+|clang|ld|as|make|cargo|go)(-[\d.]+)?$"
)


@pytest.fixture(scope="module")
def exported(built: Built, image_tool: Tool, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The image's file system as an archive."""
    archive = tmp_path_factory.mktemp("image") / "files.tar"
    container = image_tool.ask("create", "--network=none", built.tag)
    assert container
    try:
        image_tool.do("export", "--output", str(archive), container)
    finally:
        image_tool.do("rm", container)
    return archive


@pytest.fixture(scope="module")
def files(exported: Path) -> Mapping[str, int]:
    """Its files with their sizes."""
    with tarfile.open(exported) as archive:
        return {each.name.removeprefix("./"): each.size for each in archive if not each.isdir()}


@pytest.fixture(scope="module")
def config(built: Built, image_tool: Tool) -> Json:
    """What the image says of itself."""
    return dict(json.loads(image_tool.ask("image", "inspect", built.tag) or "[{}]")[0]["Config"])


def ours(exported: Path) -> Iterator[tuple[str, bytes]]:
    """Files that the build added or could have changed, with their bytes."""
    with tarfile.open(exported) as archive:
        for each in archive:
            if each.isfile() and each.name.startswith(("opt/", "etc/", "root/", "home/", "run/")):
                stream = archive.extractfile(each)
                assert stream is not None
                yield each.name, stream.read()


def test_it_runs_the_command_as_an_ordinary_user(config: Json) -> None:
    assert config["User"] == "10001:10001"
    assert config["Entrypoint"] == ["points"]
    assert not config.get("Cmd") or config["Cmd"] == []
    assert config["StopSignal"] == "SIGTERM"
    assert list(config["ExposedPorts"]) == ["9464/tcp"]
    assert "Healthcheck" not in config


def test_its_labels_say_what_it_is(config: Json) -> None:
    prefix = "org.opencontainers.image."
    labels = {k.removeprefix(prefix): v for k, v in config["Labels"].items() if prefix in k}
    version = re.search(
        r'^version = "(.*)"', (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE
    )
    assert version is not None
    assert labels["title"] == "Member Points"
    assert labels["version"] == version[1]
    assert labels["licenses"] == "Apache-2.0"
    assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?", labels["revision"])
    assert labels["base.name"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", labels["created"])


def test_it_sets_only_variables_that_every_container_needs(config: Json) -> None:
    ours = {each.partition("=")[0] for each in config["Env"] if each.startswith(("POINTS", "PIP"))}
    assert ours == {"POINTS_LOG_FORMAT", "POINTS_METRICS__HOST"}


def test_no_compiler_and_nothing_of_the_build_is_in_it(files: Mapping[str, int]) -> None:
    assert [name for name in files if COMPILERS.search(name)] == []
    left = ("opt/build", "src/", "usr/include/", "root/.cache", "etc/pip.conf", "run/secrets")
    assert [name for name in files if name.startswith(left)] == []
    assert [name for name in files if re.search(r"opt/points/.*/pip/", name)] == []
    assert "opt/points/bin/pip" not in files


def test_no_private_key_and_no_setting_of_the_building_machine_is_in_it(exported: Path) -> None:
    # librdkafka's library holds a key for its own tests.
    found = [
        name
        for name, content in ours(exported)
        if ".so" not in name
        if PRIVATE_KEY.search(content) or MIRROR.search(content)
    ]
    assert found == []


def test_it_trusts_and_asks_no_one_that_only_the_building_machine_knows(
    files: Mapping[str, int],
) -> None:
    known = ("usr/local/share/ca-certificates/", "etc/resolv.conf", "etc/hostname")
    assert [name for name in files if name.startswith(known) and files[name]] == []


def test_of_the_repository_only_the_packages_are_in_it_and_all_of_their_files(
    files: Mapping[str, int],
) -> None:
    inside = {SITE.sub("", name) for name in files if SITE.match(name)}
    listed = git(ROOT, "ls-files", *PACKAGES).decode().splitlines()
    tracked = {
        name
        for name in listed
        if not name.startswith("deploy/") or name.startswith(("deploy/local/", "deploy/__init__"))
    }
    assert tracked - inside == set()
    assert {name.split("/")[0] for name in inside} & {"tests", "bench", "docs", ".git"} == set()


def test_it_holds_the_locked_packages_and_no_other(files: Mapping[str, int]) -> None:
    metadata = re.compile(SITE.pattern + r"([^/]+)-([^/-]+)\.dist-info/METADATA")
    found = {
        match[1].lower().replace("_", "-"): match[2]
        for match in map(metadata.fullmatch, files)
        if match
    }
    assert found.pop("member-points")
    locked = pinned(ROOT / "deploy" / "images" / "runtime.lock")
    assert found.items() <= locked.items()
    assert {"confluent-kafka", "psycopg", "opentelemetry-sdk"} <= found.keys()


def test_its_modules_are_compiled_since_nothing_can_be_written_later(
    files: Mapping[str, int],
) -> None:
    modules = [name for name in files if SITE.match(name) and "/processors/" in name]
    sources = {name for name in modules if name.endswith(".py")}
    compiled = [name for name in modules if name.endswith(".pyc")]
    assert len(compiled) == len(sources) > 0
