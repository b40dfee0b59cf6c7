"""The compose files, as the tools that read them take them."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.operate.compose import ENGINE, EXAMPLE, FOLDER, SERVERS, our_services

PODMAN_COMPOSE = Path(sys.executable).with_name("podman-compose")


def rendered(*options: str, env_file: Path = EXAMPLE) -> Any:
    """The whole configuration with its variables filled in."""
    if not PODMAN_COMPOSE.exists() or shutil.which("podman") is None:
        pytest.skip("podman-compose or podman is not installed")
    files = ("-f", str(SERVERS), "-f", str(ENGINE), "--env-file", str(env_file))
    done = subprocess.run(
        [str(PODMAN_COMPOSE), *files, *options, "config"],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin"},
    )
    return yaml.safe_load(done.stdout)


def test_compose_takes_the_files_with_every_profile() -> None:
    services = rendered("--profile", "monitoring", "--profile", "notices")["services"]
    servers = {"kafka", "postgres", "valkey", "prometheus", "grafana"}
    assert services.keys() == servers | our_services().keys()


def test_variables_of_the_example_are_filled_in() -> None:
    config = rendered("--profile", "monitoring", "--profile", "notices")
    assert "${" not in yaml.safe_dump(config)
    url = config["services"]["intake"]["environment"]["POINTS_DATABASE__URL"]
    assert url == "postgresql://points_owner:change-me-1@postgres:5432/points"


def test_prometheus_takes_its_file() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed")
    done = subprocess.run(
        [promtool, "check", "config", "prometheus.yaml"],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
