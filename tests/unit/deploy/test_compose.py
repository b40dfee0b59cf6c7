"""The compose files agree with the code: kinds of worker, variables, ports, versions."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.images.build import NAME
from deploy.images.source import ROOT
from deploy.local import containers
from deploy.local.kafka_local import KAFKA_VERSION
from docs.generate import configuration_fields
from processors.registry import WORKERS
from processors.runtime.configuration import MetricsConfiguration
from tests.support.operate.compose import (
    FOLDER,
    SERVERS,
    asked_of_the_environment,
    example,
    our_services,
    services,
)
from tests.support.operate.containers import GRACE_SECONDS, HARDENED

OURS = our_services()
PORT = MetricsConfiguration.model_fields["port"].default
OTHERS = services(SERVERS) | {name: s for name, s in services().items() if name not in OURS}


def test_every_kind_of_worker_is_a_service_that_runs_it_and_the_rest_ends() -> None:
    words = {name: service["command"] for name, service in OURS.items()}
    assert words == {
        "migrate": ["migrate"],
        "topics": ["topics", "apply"],
        **{kind: ["run", kind] for kind in WORKERS},
    }


@pytest.mark.parametrize("kind", WORKERS)
def test_worker_waits_for_schema_and_topics_and_comes_back(kind: str) -> None:
    worker = OURS[kind]
    done = {"condition": "service_completed_successfully"}
    assert worker["depends_on"]["migrate"] == worker["depends_on"]["topics"] == done
    assert worker["restart"] == "unless-stopped"
    assert worker["stop_grace_period"] == f"{GRACE_SECONDS}s"
    assert f"http://127.0.0.1:{PORT}/readyz" in worker["healthcheck"]["test"][-1]


def test_the_notices_lane_starts_only_where_it_is_asked_for_and_has_its_keys_in_a_file() -> None:
    for kind, worker in ((kind, OURS[kind]) for kind in WORKERS):
        is_lane = WORKERS[kind].lane == "notices"
        assert worker.get("profiles", []) == (["notices"] if is_lane else []), kind
        assert ("POINTS_NOTICES__KEY_FILE" in worker["environment"]) is is_lane
        assert worker.get("secrets", []) == (["notices-keys"] if is_lane else [])
        if is_lane:
            assert worker["environment"]["POINTS_NOTICES__KEY_FILE"] == "/run/secrets/notices-keys"
            assert OURS["intake"]["environment"].items() <= worker["environment"].items()


@pytest.mark.parametrize("name", ["migrate", "topics"])
def test_what_runs_once_waits_for_its_server_and_is_not_run_again(name: str) -> None:
    server = {"migrate": "postgres", "topics": "kafka"}[name]
    assert OURS[name]["depends_on"] == {server: {"condition": "service_healthy"}}
    assert "restart" not in OURS[name]


@pytest.mark.parametrize("name", OURS)
def test_our_services_may_do_no_more_than_the_containers_of_the_tests(name: str) -> None:
    service = OURS[name]
    assert service["read_only"] is HARDENED["read_only"]
    assert service["cap_drop"] == HARDENED["cap_drop"]
    assert service["security_opt"] == HARDENED["security_opt"]
    assert service["mem_limit"] == HARDENED["mem_limit"]
    assert "ports" not in service


@pytest.mark.parametrize("name", OURS)
def test_variables_of_our_services_exist(name: str) -> None:
    known = {variable for variable, _ in configuration_fields()}
    assert set(OURS[name]["environment"]) <= known


def test_our_services_reach_the_servers_under_their_names_and_ports() -> None:
    environment = OURS["intake"]["environment"]
    listeners = OTHERS["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    assert f"INSIDE://{environment['POINTS_KAFKA__BOOTSTRAP_SERVERS']}" in listeners
    for variable, server in (("DATABASE", "postgres"), ("REDIS", "valkey")):
        inside = OTHERS[server]["ports"][0].rpartition(":")[2]
        assert f"@{server}:{inside}/" in environment[f"POINTS_{variable}__URL"]


@pytest.mark.parametrize("name", OTHERS)
def test_servers_are_reached_from_this_machine_alone_and_say_how_they_are(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in OTHERS[name]["ports"])
    assert OTHERS[name]["healthcheck"]["test"]
    assert re.search(r":v?\d+(\.\d+)*$", OTHERS[name]["image"]), "a version, not `latest`"


def test_servers_are_of_the_versions_that_tests_run_on() -> None:
    assert OTHERS["kafka"]["image"] == f"apache/kafka:{KAFKA_VERSION}"
    text = Path(containers.__file__).read_text("utf-8")
    assert f'"{OTHERS["postgres"]["image"]}"' in text
    assert f'"{OTHERS["valkey"]["image"]}"' in text


def test_the_image_is_the_one_that_make_image_builds() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    image = f"{NAME}:{project['version']}"
    assert {service["image"] for service in OURS.values()} == {f"${{POINTS_IMAGE:-{image}}}"}
    assert example()["POINTS_IMAGE"] == image


def test_the_example_names_every_variable_that_the_files_ask_for() -> None:
    assert example().keys() == asked_of_the_environment()


def test_prometheus_scrapes_every_kind_under_the_job_that_the_rules_name() -> None:
    (scraped,) = read("prometheus.yaml")["scrape_configs"]
    (found,) = scraped["dns_sd_configs"]
    assert scraped["job_name"] == "member-points"
    assert (found["names"], found["port"]) == (list(WORKERS), PORT)


def test_grafana_finds_its_data_and_its_boards() -> None:
    (source,) = read("grafana/datasources/prometheus.yaml")["datasources"]
    (provider,) = read("grafana/dashboards/points.yaml")["providers"]
    mounts = dict(volume.split(":")[:2][::-1] for volume in OTHERS["grafana"]["volumes"])
    assert source["url"] == "http://prometheus:9090"
    assert mounts["/etc/grafana/provisioning"] == "./grafana"
    assert mounts[provider["options"]["path"]] == "../grafana"


def test_files_that_are_mounted_exist() -> None:
    sources = [
        volume.split(":")[0]
        for service in OTHERS.values()
        for volume in service.get("volumes", [])
        if volume.startswith("./")
    ]
    assert len(sources) == 2
    assert all((FOLDER / source).exists() for source in sources)


def read(name: str) -> Any:
    return yaml.safe_load((FOLDER / name).read_text("utf-8"))
