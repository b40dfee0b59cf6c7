"""Where the sample days are played: never in topics or tables of others."""

from pathlib import Path

from cli.demo.data import APPLICATION_ID
from cli.demo.site import Site, environment_of

URL = "postgresql://u:p@here/db"


def test_topics_and_group_are_the_samples_own_whatever_the_environment_names(
    tmp_path: Path,
) -> None:
    named = {
        "POINTS_TOPICS__ORDERS": "real",
        "POINTS_KAFKA__GROUP_ID": "real",
        "POINTS_DATABASE__OWNER_URL": URL,
        "POINTS_APPLICATION_ID": "ours",
        "PATH": "/bin",
    }
    environment = environment_of("here:1", URL, "demo.x.", named)
    configuration = Site(environment, URL, "db", "demo.x.", tmp_path).configuration()
    names = configuration.topics.model_dump().values()
    assert [name for name in names if not name.startswith("demo.x.")] == []
    assert configuration.kafka.group_id == "demo.x.points"
    assert configuration.database.owner_url is None
    assert configuration.application_id == APPLICATION_ID


def test_the_way_to_log_in_to_kafka_is_passed_on(tmp_path: Path) -> None:
    named = {
        "POINTS_KAFKA__SECURITY_PROTOCOL": "SASL_SSL",
        "POINTS_KAFKA__SASL_MECHANISM": "PLAIN",
        "POINTS_KAFKA__SASL_USERNAME": "me",
        "POINTS_KAFKA__SASL_PASSWORD": "x",
        "POINTS_KAFKA__BOOTSTRAP_SERVERS": "old",
    }
    configuration = Site(
        environment_of("here:1", URL, "", named), URL, "db", "", tmp_path
    ).configuration()
    assert (configuration.kafka.security_protocol, configuration.kafka.bootstrap_servers) == (
        "SASL_SSL",
        "here:1",
    )
    assert configuration.topics.orders == "commerce.orders.v1"
