"""Each kind of worker as the chart runs it."""

from typing import Any

import pytest
import yaml

from processors.registry import ENGINE, WORKERS
from processors.relay.lane import NO_PROGRESS_SECONDS
from processors.runtime.configuration import LaneConfiguration
from processors.runtime.secret_files import secret_variables
from processors.runtime.supervisor import GRACE_SECONDS
from schemas.topics import TOPICS
from store.postgres.session import STATEMENT_SECONDS
from tests.support.operate import helm
from tests.support.operate.helm import NOTICES, Json, manifests, of_kind, pod_of

VALUES: Json = yaml.safe_load((helm.CHART / "values.yaml").read_text("utf-8"))
SCHEMA: Json = yaml.safe_load((helm.CHART / "values.schema.json").read_text("utf-8"))
OVERLAYS = helm.values_files()


def deployments(overlay: str = "", *arguments: str) -> dict[str, Json]:
    """Those of every kind, with the notices lane."""
    return of_kind(manifests(overlay, NOTICES, *arguments), "Deployment")


def container(workload: Json) -> Json:
    (only,) = pod_of(workload)["containers"]
    found: Json = only
    return found


def variables(workload: Json) -> dict[str, Any]:
    """The variables of a workload: a value, or the Secret's name and key."""
    return {
        each["name"]: each.get("value") or each["valueFrom"]["secretKeyRef"]
        for each in container(workload)["env"]
    }


def test_the_chart_has_every_kind_of_worker_of_the_code_and_what_each_needs() -> None:
    assert VALUES["workers"].keys() == WORKERS.keys()
    for name, kind in WORKERS.items():
        values = VALUES["workers"][name]
        assert ("kafka" in values["needs"]) == kind.needs_kafka, name
        assert values["scaling"] == kind.scaling, name
        assert values.get("lane", "engine") == kind.lane, name


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_notices_lane_is_there_only_when_it_is_enabled(overlay: str) -> None:
    assert of_kind(manifests(overlay), "Deployment").keys() == set(ENGINE)


def test_the_lane_has_a_login_and_secrets_that_no_other_kind_gets() -> None:
    made = deployments("", "--set=notices.keys={POINTS_SMTP__PASSWORD}")
    for kind, deployment in made.items():
        is_lane = WORKERS[kind].lane == "notices"
        secret = "member-points-notices" if is_lane else "member-points"
        assert variables(deployment)["POINTS_DATABASE__URL"]["name"] == secret
        assert ("POINTS_SMTP__PASSWORD" in variables(deployment)) is is_lane
        assert ("POINTS_NOTICES__KEY_FILE" in variables(deployment)) is is_lane


def test_keys_that_seal_contacts_are_a_file_even_where_secrets_are_variables() -> None:
    deployment = deployments()["notices"]
    path = variables(deployment)["POINTS_NOTICES__KEY_FILE"]
    folder, _, key = path.rpartition("/")
    mounts = {each["mountPath"]: each for each in container(deployment)["volumeMounts"]}
    assert mounts[folder]["readOnly"] is True
    (volume,) = [v for v in pod_of(deployment)["volumes"] if v["name"] == mounts[folder]["name"]]
    assert volume["secret"]["secretName"] == "member-points-notices-keys"
    assert volume["secret"]["items"] == [{"key": key, "path": key}]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_kind_has_a_deployment_that_runs_it(overlay: str) -> None:
    made = deployments(overlay)
    assert made.keys() == WORKERS.keys()
    for kind, deployment in made.items():
        assert container(deployment)["args"] == ["run", kind]


def test_a_kind_more_is_a_line_of_values() -> None:
    made = manifests("", '--set-json=workers.reminders={"needs":[],"scaling":"any"}')
    assert "reminders" in of_kind(made, "Deployment")
    assert "reminders" in of_kind(made, "PodDisruptionBudget")


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_only_an_intake_stops_before_the_next_one_starts(overlay: str) -> None:
    for kind, deployment in deployments(overlay).items():
        rolling = deployment["spec"]["strategy"]["rollingUpdate"]
        expected = (0, 1) if kind == "intake" else (1, 0)
        assert (rolling["maxSurge"], rolling["maxUnavailable"]) == expected, kind


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_no_worker_is_one_more_than_there_are_partitions(overlay: str) -> None:
    """It would have nothing to read and never become ready: an upgrade would wait for it."""
    for kind, deployment in deployments(overlay).items():
        if WORKERS[kind].scaling == "partitions" and "replicas" in deployment["spec"]:
            spec, partitions = deployment["spec"], variables(deployment)["POINTS_KAFKA__PARTITIONS"]
            most = spec["replicas"] + spec["strategy"]["rollingUpdate"]["maxSurge"]
            assert most <= int(partitions), kind


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_worker_has_time_to_finish_its_batch_and_is_told_at_once(overlay: str) -> None:
    longest = max(GRACE_SECONDS, STATEMENT_SECONDS, NO_PROGRESS_SECONDS)
    for deployment in deployments(overlay).values():
        assert pod_of(deployment)["terminationGracePeriodSeconds"] > longest
        assert "lifecycle" not in container(deployment), "no preStop: SIGTERM must come at once"


def test_probes_ask_the_pages_that_the_worker_has() -> None:
    for deployment in deployments().values():
        only = container(deployment)
        pages = {
            name: only[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")
        }
        assert pages["startup"] == pages["liveness"] == {"path": "/healthz", "port": "metrics"}
        assert pages["readiness"] == {"path": "/readyz", "port": "metrics"}
        (port,) = only["ports"]
        assert port["containerPort"] == int(variables(deployment)["POINTS_METRICS__PORT"])
        assert variables(deployment)["POINTS_METRICS__HOST"] == "0.0.0.0"  # noqa: S104


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_no_pod_may_do_what_it_need_not(overlay: str) -> None:
    documents = manifests(overlay, NOTICES, "--set=topics.enabled=true")
    workloads = [*of_kind(documents, "Deployment").values(), *of_kind(documents, "Job").values()]
    assert len(workloads) == len(WORKERS) + 2
    for workload in workloads:
        pod, only = pod_of(workload), container(workload)
        assert pod["securityContext"] == {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "runAsGroup": 10001,
            "fsGroup": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
        }
        assert only["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert pod["automountServiceAccountToken"] is False
        assert pod["enableServiceLinks"] is False, "its variables would look like ours"
        assert only["resources"]["limits"]["memory"]
        assert only["resources"]["requests"].keys() == {"cpu", "memory"}


def test_secrets_are_never_values() -> None:
    secret = secret_variables(LaneConfiguration)
    assert set(SCHEMA["$defs"]["secretVariable"]["enum"]) == secret
    for overlay in OVERLAYS:
        text = (helm.CHART / (overlay or "values.yaml")).read_text("utf-8")
        written = yaml.safe_load(text).get("config", {})
        assert written.keys().isdisjoint(secret)
    for kind, deployment in deployments().items():
        assert variables(deployment)["POINTS_DATABASE__URL"] == {
            "name": VALUES["workers"][kind].get("existingSecret", "member-points"),
            "key": "POINTS_DATABASE__URL",
        }


def test_secrets_may_be_files_that_variables_name() -> None:
    for kind, deployment in deployments("", "--set=secrets.as=files").items():
        path = variables(deployment)["POINTS_DATABASE__URL_FILE"]
        mounts = {each["mountPath"]: each["name"] for each in container(deployment)["volumeMounts"]}
        folder, _, key = path.rpartition("/")
        volume = next(v for v in pod_of(deployment)["volumes"] if v["name"] == mounts[folder])
        secret = VALUES["workers"][kind].get("existingSecret", "member-points")
        assert volume["secret"]["secretName"] == secret
        assert volume["secret"]["items"] == [{"key": key, "path": key}]
        assert "POINTS_DATABASE__URL" not in variables(deployment)


def test_files_may_come_from_a_driver_instead_of_a_secret() -> None:
    made = deployments(
        "",
        '--set-json=secrets={"as":"files","volume":{"csi":{"driver":"secrets-store.csi.k8s.io"}}}',
    )
    volumes = pod_of(made["relay"])["volumes"]
    assert {"name": "secrets-0", "csi": {"driver": "secrets-store.csi.k8s.io"}} in volumes


def test_a_kind_may_have_a_login_of_its_own() -> None:
    made = deployments("", "--set=workers.intake.existingSecret=points-intake")
    assert variables(made["intake"])["POINTS_DATABASE__URL"]["name"] == "points-intake"
    assert variables(made["relay"])["POINTS_DATABASE__URL"]["name"] == "member-points"


def test_variables_are_those_that_the_code_knows() -> None:
    known = {
        f"POINTS_{section}__{field}".upper()
        for section, info in LaneConfiguration.model_fields.items()
        for field in getattr(info.annotation, "model_fields", {})
    } | {f"POINTS_{name}".upper() for name in LaneConfiguration.model_fields}
    for overlay in OVERLAYS:
        for deployment in deployments(overlay).values():
            assert variables(deployment).keys() <= known


def test_the_migration_runs_before_workers_with_the_owners_login_which_no_worker_has() -> None:
    (job,) = of_kind(manifests(), "Job").values()
    notes = job["metadata"]["annotations"]
    assert set(notes["helm.sh/hook"].split(",")) == {"pre-install", "pre-upgrade"}
    assert container(job)["args"] == ["migrate"]
    owner = {"name": "member-points-owner", "key": "POINTS_DATABASE__OWNER_URL"}
    assert variables(job)["POINTS_DATABASE__OWNER_URL"] == owner
    for deployment in deployments().values():
        assert "POINTS_DATABASE__OWNER_URL" not in variables(deployment)


def test_topics_are_applied_after_the_migration_where_it_is_wanted() -> None:
    jobs = of_kind(manifests("", "--set=topics.enabled=true"), "Job")
    weights = {
        name: int(job["metadata"]["annotations"]["helm.sh/hook-weight"])
        for name, job in jobs.items()
    }
    assert weights["migrations"] < weights["topics"]
    assert container(jobs["topics"])["args"] == ["topics", "apply"]


def test_an_image_is_the_charts_version_a_tag_or_a_digest() -> None:
    def image(*arguments: str) -> str:
        found: str = container(deployments("", *arguments)["relay"])["image"]
        return found

    chart = yaml.safe_load((helm.CHART / "Chart.yaml").read_text("utf-8"))
    assert image() == f"member-points:{chart['appVersion']}"
    assert image("--set=image.repository=r.example/points,image.tag=x") == "r.example/points:x"
    digest = f"sha256:{'0' * 64}"
    assert image(f"--set=image.digest={digest}") == f"member-points@{digest}"


def test_the_chart_has_the_version_of_the_product() -> None:
    project = (helm.ROOT / "pyproject.toml").read_text("utf-8")
    chart = yaml.safe_load((helm.CHART / "Chart.yaml").read_text("utf-8"))
    assert f'\nversion = "{chart["version"]}"\n' in project
    assert chart["appVersion"] == chart["version"]


def test_the_topics_of_a_kafka_trigger_are_those_that_intake_reads() -> None:
    topics = VALUES["workers"]["intake"]["autoscaling"]["kafka"]["topics"]
    assert topics == [topic.name for topic in TOPICS.values() if "intake" in topic.read_by]
