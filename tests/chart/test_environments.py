"""The environment that each pod gets, read as its process reads it."""

from typing import Any

import pytest

from processors.registry import WORKERS
from tests.support.commands import points
from tests.support.operate import helm
from tests.support.operate.helm import Json, manifests, of_kind, pod_of

SECRETS = {
    "POINTS_DATABASE__URL": "postgresql://points:x@db/points?sslmode=require",
    "POINTS_DATABASE__OWNER_URL": "postgresql://owner:x@db/points?sslmode=require",
    "POINTS_SMTP__PASSWORD": "x",
    "POINTS_TWILIO__AUTH_TOKEN": "x",
    "POINTS_MITAKE__PASSWORD": "x",
    "POINTS_NOTICES__TOKEN_KEYS": f"link:{'A' * 43}=",
}
OF_LANE = {
    "POINTS_NOTICES__UNSUBSCRIBE_URL": "https://shop.example/out",
    "POINTS_SMTP__HOST": "mail.example",
    "POINTS_SMTP__USERNAME": "shop",
    "POINTS_TWILIO__ACCOUNT_SID": "AC1",
    "POINTS_TWILIO__CALLBACK_URL": "https://shop.example/twilio",
    "POINTS_MITAKE__USERNAME": "shop",
}
"""What an operator writes into `config`, which every pod gets."""
KEYS = ",".join(name for name in SECRETS if "DATABASE" not in name)
ON = f"--set=notices.enabled=true,notices.keys={{{KEYS}}}"
WRITTEN = "--set=" + ",".join(f"config.{name}={value}" for name, value in OF_LANE.items())


@pytest.fixture(autouse=True)
def _nothing_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("run_worker", "run_process"):
        monkeypatch.setattr(f"processors.runtime.loop.{name}", lambda *_: 0)


def environment(workload: Json) -> dict[str, str]:
    """The variables of a pod, with what its Secret has."""
    (container,) = pod_of(workload)["containers"]
    given = {each["name"]: _value(each) for each in container["env"]}
    return {"POINTS_ENVIRONMENT": "production", **given}


def _value(variable: dict[str, Any]) -> str:
    if "value" in variable:
        return str(variable["value"])
    return SECRETS[variable["valueFrom"]["secretKeyRef"]["key"]]


@pytest.mark.parametrize("overlay", helm.values_files())
@pytest.mark.parametrize("lane", ["--set=notices.enabled=false", ON])
def test_every_pod_starts_with_the_environment_that_it_gets(lane: str, overlay: str) -> None:
    documents = manifests(overlay, lane, WRITTEN, "--set=topics.enabled=true")
    pods = of_kind(documents, "Deployment")
    assert ("notices-send" in pods) is (lane == ON)
    for kind, deployment in pods.items():
        ran = points(environment(deployment), "run", kind)
        assert (ran.code, ran.err) == (0, ""), kind
    for job in of_kind(documents, "Job").values():
        ran = points(environment(job), "config", "show")
        assert ran.code == 0, ran.err


def test_what_is_wrong_for_the_lane_stops_the_lane_alone() -> None:
    """So that none of the pods above starts because nothing is looked at."""
    documents = manifests("", "--set=notices.enabled=true", WRITTEN)
    ended = {
        kind: points(environment(deployment), "run", kind).code
        for kind, deployment in of_kind(documents, "Deployment").items()
    }
    assert ended == {name: 2 if kind.lane == "notices" else 0 for name, kind in WORKERS.items()}
