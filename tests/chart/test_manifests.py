"""The chart renders with every values file, and Kubernetes' schemas take what comes out."""

import pytest

from tests.support.operate import helm
from tests.support.operate.helm import VERSIONS, Json, manifests, problems

# Everything that is off by default, and the other ways of what is on.
EVERYTHING = (
    "--set=secrets.as=files,topics.enabled=true,topics.existingSecret=topics,topics.keys={POINTS_KAFKA__SASL_PASSWORD}",
    "--set=certificates.existingSecret=tls,networkPolicy.otlp.enabled=true,priorityClassName=high",
    "--set=monitoring.podMonitor.enabled=true,monitoring.rules.enabled=true",
    "--set=workers.intake.autoscaling.enabled=true,image.digest=sha256:" + "0" * 64,
    "--set=workers.intake.autoscaling.authentication[0].parameter=bearerToken",
    "--set=workers.intake.autoscaling.authentication[0].name=keda",
    "--set=workers.intake.autoscaling.authentication[0].key=token",
    "--set=image.pullSecrets[0].name=registry,nodeSelector.pool=points",
    "--set=notices.enabled=true,notices.keys={POINTS_SMTP__PASSWORD}",
    "--set=tolerations[0].key=points,tolerations[0].operator=Exists,podAnnotations.note=x",
)
KAFKA_TRIGGER = (*EVERYTHING, "--set=workers.intake.autoscaling.trigger=kafka")
RENDERINGS = {
    **{name or "values.yaml": (name, ()) for name in helm.values_files()},
    "everything": ("", EVERYTHING),
    "kafka trigger": ("", KAFKA_TRIGGER),
}
KINDS = (
    "Deployment",
    "Job",
    "NetworkPolicy",
    "PodDisruptionBudget",
    "PodMonitor",
    "PrometheusRule",
    "ScaledObject",
    "ServiceAccount",
    "TriggerAuthentication",
)


def rendered(name: str) -> list[Json]:
    overlay, arguments = RENDERINGS[name]
    return manifests(overlay, *arguments)


@pytest.mark.parametrize("overlay", helm.values_files())
def test_the_chart_is_linted_without_a_remark(overlay: str) -> None:
    files = ["-f", str(helm.CHART / overlay)] if overlay else []
    ran = helm.helm("lint", "--strict", "--quiet", str(helm.CHART), *files)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "WARNING" not in ran.stdout


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", RENDERINGS)
def test_every_manifest_is_what_kubernetes_takes(name: str, version: str) -> None:
    wrong = {
        f"{each['kind']} {each['metadata']['name']}": found
        for each in rendered(name)
        if (found := problems(each, version))
    }
    assert wrong == {}


def test_every_kind_of_manifest_is_rendered_and_no_other() -> None:
    assert {each["kind"] for each in rendered("everything")} == set(KINDS)


@pytest.mark.parametrize("version", [VERSIONS[0], VERSIONS[-1]])
@pytest.mark.parametrize("kind", KINDS)
def test_a_misspelt_field_anywhere_turns_it_red(kind: str, version: str) -> None:
    """So that none of the checks above passes because nothing is checked."""
    manifest = next(each for each in rendered("everything") if each["kind"] == kind)
    assert problems(manifest, version) == []
    passed = [
        path
        for path, _ in helm.objects_within(manifest)
        if not problems(helm.misspelt(manifest, path), version)
    ]
    # A trigger's settings are words of its own type, which no schema has.
    assert passed == (["/spec/triggers/0/metadata"] if kind == "ScaledObject" else [])


@pytest.mark.parametrize("kind", KINDS)
def test_a_field_of_another_type_turns_it_red(kind: str) -> None:
    manifest = next(each for each in rendered("everything") if each["kind"] == kind)
    manifest["metadata"]["labels"] = "not a map"
    assert problems(manifest, VERSIONS[-1]) != []


def test_names_are_unique_within_a_kind() -> None:
    names = [(each["kind"], each["metadata"]["name"]) for each in rendered("everything")]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("argument", "told"),
    [
        ("--set=wokers.relay.replicas=2", "wokers"),
        ("--set=workers.relay.replica=2", "replica"),
        ("--set=worker.terminationGracePeriodSeconds=30", "terminationGracePeriodSeconds"),
        ("--set=workers.grants.autoscaling.enabled=true", "autoscaling"),
        ("--set=workers.relay.autoscaling.enabled=true", "autoscaling"),
        ("--set=workers.watch.autoscaling.enabled=true", "autoscaling"),
        ("--set=workers.commands.autoscaling.enabled=true", "autoscaling"),
        ("--set=workers.intake.autoscaling.min=0", "minimum"),
        (
            "--set=config.POINTS_DATABASE__URL=postgresql://u:secret@db/points",
            "POINTS_DATABASE__URL",
        ),
        ("--set=workers.intake.replicas=5", "never become ready"),
        ("--set=notices.enabled=true,workers.notices.replicas=4", "never become ready"),
        ("--set=workers.notices-send.needs={mail}", "needs"),
        ("--set=workers.intake.lane=notices", "lane"),
        ("--set=config.POINTS_SMTP__PASSWORD=hush", "POINTS_SMTP__PASSWORD"),
        ("--set=workers.commands.replicas=4", "never become ready"),
    ],
)
def test_values_that_would_do_nothing_or_harm_are_refused(argument: str, told: str) -> None:
    ran = helm.template("", argument)
    assert ran.returncode != 0
    assert told in ran.stderr
