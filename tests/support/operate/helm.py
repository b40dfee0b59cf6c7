"""Helm on the chart: its manifests, and the schemas that they are checked against."""

import copy
import json
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml
from cloudcoil.models.keda.v1alpha1 import ScaledObject, TriggerAuthentication
from cloudcoil.models.prometheus_operator.v1 import PodMonitor, PrometheusRule
from jsonschema import Draft202012Validator

from tests.support.json_schemas import closed

ROOT = Path(__file__).parents[3]
CHART = ROOT / "deploy" / "helm" / "member-points"
BUILT = ROOT / ".cache" / "tools" / "helm"
RELEASE, NAMESPACE = "points", "shop"
VERSIONS = tuple(f"1.{minor}" for minor in range(30, 38))
"""The versions of Kubernetes that the chart is for."""

NOTICES = "--set=notices.enabled=true"
"""With the notices lane, which the chart leaves out until it is wanted."""

Json = dict[str, Any]


def command() -> str | None:
    """Helm: our own build, or what the PATH has."""
    return str(BUILT) if BUILT.exists() else shutil.which("helm")


def helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    """What Helm answers."""
    found = command()
    assert found is not None
    return subprocess.run(
        [found, *arguments], capture_output=True, text=True, timeout=120, check=False
    )


def values_files() -> list[str]:
    """The overlays in the chart; "" is the chart without one."""
    return ["", *sorted(path.name for path in CHART.glob("values-*.yaml"))]


def template(overlay: str = "", *arguments: str) -> subprocess.CompletedProcess[str]:
    """`helm template` of the chart with an overlay."""
    files = ["-f", str(CHART / overlay)] if overlay else []
    where = ["--namespace", NAMESPACE]
    return helm("template", RELEASE, str(CHART), *where, *files, *arguments)


@cache
def _rendered(overlay: str, *arguments: str) -> str:
    ran = template(overlay, *arguments)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def manifests(overlay: str = "", *arguments: str) -> list[Json]:
    """The manifests of the chart with an overlay; each is the caller's own."""
    return [each for each in yaml.safe_load_all(_rendered(overlay, *arguments)) if each]


def of_kind(documents: list[Json], kind: str) -> dict[str, Json]:
    """The manifests of a kind, by the rest of the name behind the release's."""
    return {
        each["metadata"]["name"].removeprefix(RELEASE).removeprefix("-"): each
        for each in documents
        if each["kind"] == kind
    }


def pod_of(workload: Json) -> Json:
    """The pod of a Deployment or a Job."""
    pod: Json = workload["spec"]["template"]["spec"]
    return pod


@cache
def custom_schemas() -> dict[str, Draft202012Validator]:
    """Closed schemas of the operators' kinds, which Kubernetes' own schemas do not have."""
    models = (ScaledObject, TriggerAuthentication, PodMonitor, PrometheusRule)
    return {
        model.__name__: Draft202012Validator(closed(model.model_json_schema(), also_open=False))
        for model in models
    }


def problems(manifest: Json, version: str) -> list[str]:
    """What is wrong with a manifest for a version of Kubernetes."""
    # Overlays have most manifests in common.
    return _problems(json.dumps(manifest, sort_keys=True), version)


@cache
def _problems(text: str, version: str) -> list[str]:
    manifest = json.loads(text)
    if manifest["kind"] in custom_schemas():
        validator = custom_schemas()[manifest["kind"]]
        return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(manifest)]
    try:
        kubernetes_validate.validate(manifest, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        return [f"{'.'.join(str(part) for part in error.path)}: {error.message}"]
    return []


def objects_within(manifest: Json) -> Iterator[tuple[str, Json]]:
    """Every object in a manifest that has fields of its kind, with its path."""
    # What is keyed by names of people has no fields that could be misspelt.
    free = {"labels", "annotations", "matchLabels", "nodeSelector", "requests", "limits"}
    stack: list[tuple[str, Any]] = [("", manifest)]
    while stack:
        path, value = stack.pop()
        if isinstance(value, dict):
            yield path, value
            stack += [(f"{path}/{k}", part) for k, part in value.items() if k not in free]
        elif isinstance(value, list):
            stack += [(f"{path}/{number}", part) for number, part in enumerate(value)]


def misspelt(manifest: Json, path: str) -> Json:
    """The manifest with a field that no kind has, in the object at a path."""
    spoilt = copy.deepcopy(manifest)
    at: Any = spoilt
    for part in path.split("/")[1:]:
        at = at[int(part)] if isinstance(at, list) else at[part]
    at["mispelt"] = "x"
    return spoilt
