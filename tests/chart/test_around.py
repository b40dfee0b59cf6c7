"""What stands around the workers: disruption, network, monitoring, scaling."""

from typing import Any

import pytest
import yaml
from promql_parser import parse

from deploy.helm import RULES, stale
from processors.registry import ENGINE, WORKERS
from tests.support.operate import helm
from tests.support.operate.helm import NOTICES, Json, manifests, of_kind

OVERLAYS = helm.values_files()
SCALED = ("--set=workers.intake.autoscaling.enabled=true",)
MONITORED = ("--set=monitoring.podMonitor.enabled=true,monitoring.rules.enabled=true",)


def selects(policy: Json, component: str) -> bool:
    """Whether a NetworkPolicy is about a component's pods."""
    expressions = policy["spec"]["podSelector"].get("matchExpressions", [])
    return all(component in each["values"] for each in expressions)


def ports(policy: Json) -> set[tuple[Any, str]]:
    (rule,) = policy["spec"].get("egress") or policy["spec"]["ingress"]
    return {(each["port"], each["protocol"]) for each in rule["ports"]}


def test_one_worker_of_a_kind_may_go_at_a_time_and_broken_ones_hold_up_no_drain() -> None:
    budgets = of_kind(manifests("", NOTICES), "PodDisruptionBudget")
    assert budgets.keys() == WORKERS.keys()
    for budget in budgets.values():
        assert budget["spec"]["maxUnavailable"] == 1
        assert budget["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


def test_selectors_find_the_pods_of_one_kind_and_no_other() -> None:
    documents = manifests("", NOTICES)
    pods = {
        kind: each["spec"]["template"]["metadata"]["labels"]
        for kind, each in of_kind(documents, "Deployment").items()
    }
    for kind in ("Deployment", "PodDisruptionBudget"):
        for name, each in of_kind(documents, kind).items():
            wanted = each["spec"]["selector"]["matchLabels"].items()
            assert [pod for pod, labels in pods.items() if wanted <= labels.items()] == [name]


def test_nothing_comes_in_but_questions_for_metrics() -> None:
    policies = of_kind(manifests(), "NetworkPolicy")
    deny = policies["deny"]["spec"]
    assert sorted(deny["policyTypes"]) == ["Egress", "Ingress"]
    assert "ingress" not in deny
    assert "egress" not in deny
    inwards = [name for name, each in policies.items() if each["spec"].get("ingress")]
    assert inwards == ["metrics"]
    assert ports(policies["metrics"]) == {("metrics", "TCP")}
    (rule,) = policies["metrics"]["spec"]["ingress"]
    assert rule["from"], "not from everywhere"


def test_each_kind_reaches_what_it_needs_and_nothing_else() -> None:
    policies = of_kind(manifests("", NOTICES), "NetworkPolicy")
    for name, kind in WORKERS.items():
        reached = {
            p for p, each in policies.items() if each["spec"].get("egress") and selects(each, name)
        }
        expected = {"dns", "postgres"} | ({"kafka"} if kind.needs_kafka else set())
        expected |= {"smtp", "providers"} if name == "notices-send" else set()
        assert reached - {"valkey"} == expected, name
    assert selects(policies["valkey"], "readmodel")
    assert not selects(policies["valkey"], "intake")
    assert ports(policies["dns"]) == {(53, "UDP"), (53, "TCP")}
    assert ports(policies["postgres"]) == {(5432, "TCP")}
    assert ports(policies["smtp"]) == {(587, "TCP"), (465, "TCP")}
    assert ports(policies["providers"]) == {(443, "TCP")}


def test_without_the_notices_lane_nothing_goes_to_those_who_deliver() -> None:
    documents = manifests()
    policies = of_kind(documents, "NetworkPolicy")
    assert not {"smtp", "providers"} & policies.keys()
    assert of_kind(documents, "PodDisruptionBudget").keys() == set(ENGINE)
    assert [n for n, each in policies.items() if "notices" in str(each["spec"])] == []


def test_the_jobs_reach_what_they_need() -> None:
    policies = of_kind(manifests(), "NetworkPolicy")
    assert selects(policies["postgres"], "migrations")
    assert selects(policies["kafka"], "topics")
    assert not selects(policies["kafka"], "migrations")


def test_traces_go_out_only_where_it_is_said() -> None:
    assert "otlp" not in of_kind(manifests(), "NetworkPolicy")
    with_traces = manifests("", NOTICES, "--set=networkPolicy.otlp.enabled=true")
    policies = of_kind(with_traces, "NetworkPolicy")
    assert all(selects(policies["otlp"], kind) for kind in WORKERS)


def test_prometheus_scrapes_every_pod_under_the_job_that_the_rules_ask_for() -> None:
    documents = manifests("", NOTICES, *MONITORED)
    (monitor,) = of_kind(documents, "PodMonitor").values()
    for each in of_kind(documents, "Deployment").values():
        labels = each["spec"]["template"]["metadata"]["labels"]
        assert monitor["spec"]["selector"]["matchLabels"].items() <= labels.items()
        assert labels[monitor["spec"]["jobLabel"]] == "member-points"
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    assert (endpoint["port"], endpoint["path"]) == ("metrics", "/metrics")


def rules_for_promtool() -> list[Any]:
    """The rules that promtool tests."""
    paths = sorted(RULES.glob("*.rules.yml"))
    assert paths
    return [yaml.safe_load(path.read_text("utf-8")) for path in paths]


def test_the_rules_are_copies_of_those_that_are_tested() -> None:
    assert stale() == [], "run make generate"


def test_the_cluster_gets_every_rule_that_is_tested() -> None:
    (rule,) = of_kind(manifests("", *MONITORED), "PrometheusRule").values()
    assert rule["spec"]["groups"] == [
        group for each in rules_for_promtool() for group in each["groups"]
    ]


def test_runbooks_get_the_address_under_which_people_read_them() -> None:
    base = "--set=monitoring.rules.runbooks=https://git.example/points/"
    (rule,) = of_kind(manifests("", *MONITORED, base), "PrometheusRule").values()
    alerts = [
        each for group in rule["spec"]["groups"] for each in group["rules"] if "alert" in each
    ]
    assert alerts
    for alert in alerts:
        address = alert["annotations"]["runbook_url"]
        assert address.startswith("https://git.example/points/deploy/runbooks/")
        assert (helm.ROOT / address.removeprefix("https://git.example/points/")).exists()


def scaled_objects(*arguments: str, overlay: str = "") -> dict[str, Json]:
    return of_kind(manifests(overlay, *arguments), "ScaledObject")


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_intakes_alone_are_scaled_between_one_and_the_partitions(overlay: str) -> None:
    found = scaled_objects(*SCALED, overlay=overlay)
    assert found.keys() == {"intake"}
    spec = found["intake"]["spec"]
    deployment = of_kind(manifests(overlay, *SCALED), "Deployment")["intake"]
    env = {
        each["name"]: each.get("value")
        for each in deployment["spec"]["template"]["spec"]["containers"][0]["env"]
    }
    assert 1 <= spec["minReplicaCount"] <= spec["fallback"]["replicas"] <= spec["maxReplicaCount"]
    assert spec["maxReplicaCount"] == int(env["POINTS_KAFKA__PARTITIONS"])
    assert spec["scaleTargetRef"]["name"] == deployment["metadata"]["name"]
    assert "replicas" not in deployment["spec"], "an upgrade would undo the scaling"
    down = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"]
    assert down["stabilizationWindowSeconds"] == 300


def test_the_maximum_is_the_partitions_even_if_more_is_said() -> None:
    more = "--set=workers.intake.autoscaling.max=50"
    assert scaled_objects(*SCALED, more)["intake"]["spec"]["maxReplicaCount"] == 4


def test_the_lag_is_that_which_the_watch_sees_from_outside() -> None:
    (trigger,) = scaled_objects(*SCALED)["intake"]["spec"]["triggers"]
    assert trigger["type"] == "prometheus"
    query = trigger["metadata"]["query"]
    parse(query)
    assert "points_pipeline_lag_seconds{" in query
    assert "points_pipeline_lag_seconds" in WORKERS["watch"].metrics
    assert trigger["metadata"]["ignoreNullValues"] == "false", "no figure is no lag of 0"


def test_the_lag_in_kafka_is_another_way() -> None:
    triggers = scaled_objects(*SCALED, "--set=workers.intake.autoscaling.trigger=kafka")
    found = triggers["intake"]["spec"]["triggers"]
    assert {each["type"] for each in found} == {"kafka"}
    assert {each["metadata"]["consumerGroup"] for each in found} == {"points.intake"}
    assert {each["metadata"]["excludePersistentLag"] for each in found} == {"true"}
    assert {each["metadata"]["topic"] for each in found} == {
        "commerce.orders.v1",
        "commerce.deliveries.v1",
        "commerce.customers.v1",
    }


def test_three_zones_keep_a_worker_of_each_kind_but_one_in_every_zone() -> None:
    documents = manifests("values-three-zones.yaml", NOTICES)
    for kind, each in of_kind(documents, "Deployment").items():
        spread = each["spec"]["template"]["spec"]["topologySpreadConstraints"]
        assert spread[0]["topologyKey"] == "topology.kubernetes.io/zone"
        assert spread[0]["labelSelector"] == each["spec"]["selector"]
        assert kind in {"cleanup", "intake"} or each["spec"]["replicas"] == 3
    assert (
        scaled_objects(overlay="values-three-zones.yaml")["intake"]["spec"]["minReplicaCount"] == 3
    )
