"""What is installed without a clone: the wheel has every file, and the engine needs no extra."""

import json
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from email.parser import BytesParser
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from deploy.images.source import ROOT, copy_to, git
from processors.registry import ENGINE, WORKERS
from tests.support.machine.inherited import inherited

PACKAGES = ("api", "cli", "deploy", "processors", "rules", "schemas", "store")
IS_MISSING = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())
"""
"""A machine on which the modules of an extra are not installed."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    """The wheel of the repository as it is."""
    source = copy_to(tmp_path_factory.mktemp("source"))
    built = tmp_path_factory.mktemp("built")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "--wheel-dir", str(built), str(source.folder)], check=True)
    (file,) = built.glob("*.whl")
    with zipfile.ZipFile(file) as opened:
        yield opened


@pytest.fixture(scope="module")
def project() -> Any:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


@pytest.fixture(scope="module")
def without_the_extra(
    wheel: zipfile.ZipFile, project: Any, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """The environment of a machine where the wheel is installed and nothing of the extra is."""
    folder = tmp_path_factory.mktemp("installed")
    wheel.extractall(folder)
    wanted = {names_of(each) for each in project["optional-dependencies"]["notices"]}
    modules = {
        module for module, owners in metadata.packages_distributions().items()
        if wanted & {names_of(owner) for owner in owners}
    }  # fmt: skip
    assert {"faust", "aiosmtplib", "jinja2", "mrml", "phonenumbers"} <= modules
    (folder / "sitecustomize.py").write_text(IS_MISSING.format(names=sorted(modules)))
    return inherited() | {"PYTHONPATH": str(folder), "PYTHONSAFEPATH": "1"}


def names_of(requirement: str) -> str:
    """The package that a requirement names, as registries compare names."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\s<>=!~;\[]", requirement)[0]).lower()


def run(environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words],
        cwd=environment["PYTHONPATH"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_file_of_the_packages_is_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    tracked = set(git(ROOT, "ls-files", *PACKAGES).decode().splitlines())
    needed = {
        name for name in tracked
        if not name.startswith("deploy/") or name.startswith(("deploy/local/", "deploy/__init__"))
    }  # fmt: skip
    assert needed - set(wheel.namelist()) == set()
    of_the_lane = {"store/notices/sending/queue.sql", "rules/notices/texts/mail/layout.mjml"}
    of_the_lane |= {f"rules/notices/texts/words/{each}.yaml" for each in ("en", "zh-hant")}
    assert of_the_lane <= needed


def test_the_extra_asks_for_all_that_the_project_says(wheel: zipfile.ZipFile, project: Any) -> None:
    (name,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    said = BytesParser().parsebytes(wheel.read(name)).get_all("Requires-Dist") or []
    for extra, wanted in {
        "": project["dependencies"],
        "notices": project["optional-dependencies"]["notices"],
    }.items():
        marker = f'extra == "{extra}"' if extra else None
        found = {
            names_of(each) for each in said
            if (marker in each if marker else "extra ==" not in each)
        }  # fmt: skip
        assert found == {names_of(each) for each in wanted}


def test_without_the_extra_the_engine_can_be_loaded(without_the_extra: dict[str, str]) -> None:
    modules = sorted({WORKERS[kind].module for kind in ENGINE})
    words = "".join(f"import {module}\n" for module in ["cli.main", *modules])
    words += "import store, sys; print(store.__file__)"
    done = run(without_the_extra, "-c", words)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(without_the_extra["PYTHONPATH"])


EVERY_COMMAND = """
import json, sys
from cli.main import app
from typer.testing import CliRunner

ends = {}
for words in json.loads(sys.argv[1]):
    result = CliRunner().invoke(app, words)
    error = result.exception
    said = " ".join((str(error) + " " + result.output).split())
    ends[" ".join(words)] = [type(error).__name__, said]
print(json.dumps(ends))
"""
COMMANDS = {
    True: (
        "run notices",
        "run notices-send",
        "notices preview shop --kind earned",
        "notices settings apply shop settings.yaml",
        "notices erase shop ann",
        "notices keys rotate",
    ),
    False: (
        "notices status",
        "notices list shop",
        "notices usage shop --month 2026-11",
        "notices unknown list",
        "notices settings show shop",
        "notices pause",
        "notices dlq list",
        "notices outbox list",
        "notices optout list shop ann",
        "notices optout add shop ann --channel sms",
        "doctor",
    ),
}
"""Commands that need packages of the extra, and those that do not."""


def test_without_the_extra_commands_that_need_it_say_what_to_install(
    without_the_extra: dict[str, str],
) -> None:
    folder = Path(without_the_extra["PYTHONPATH"])
    (folder / "settings.yaml").write_text("languages: [en]\n")
    (folder / "keys").write_text(f"first:{'A' * 43}=\n")
    environment = without_the_extra | {
        "POINTS_ENVIRONMENT": "development",
        "POINTS_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "POINTS_DATABASE__URL": "postgresql://points@127.0.0.1:1/points",
        "POINTS_NOTICES__KEY_FILE": str(folder / "keys"),
        "POINTS_NOTICES__TOKEN_KEYS": f"link:{'A' * 43}=",
    }
    words = [each.split() for needs in (True, False) for each in COMMANDS[needs]]
    done = run(environment, "-c", EVERY_COMMAND, json.dumps(words))
    assert done.returncode == 0, done.stderr
    ends = json.loads(done.stdout.splitlines()[-1])
    for command, (error, said) in ends.items():
        assert error != "ModuleNotFoundError", (command, said)
        assert "Usage:" not in said, said
        asks = "which is not installed" in said and "member-points[notices]" in said
        assert asks is (command in COMMANDS[True]), (command, error, said)


def test_without_the_extra_the_commands_of_the_lane_can_be_looked_up(
    without_the_extra: dict[str, str],
) -> None:
    done = run(without_the_extra, "-c", "from cli.main import app; app()", "notices", "--help")
    assert done.returncode == 0, done.stderr
    assert "preview" in done.stdout
