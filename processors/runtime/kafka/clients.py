"""librdkafka's configuration, in one place."""

from typing import Any

from confluent_kafka import KafkaError
from pydantic import SecretStr

from processors.runtime.configuration import KafkaConfiguration
from processors.runtime.kafka.errors import NOT_LET_IN
from processors.runtime.logs import librdkafka_logger

QUEUED_KB = 65_536
"""Prefetch per consumer: some batches of large orders, so that memory stays flat whatever the
backlog.
"""

GATHER_BYTES, GATHER_MS, GATHER_SOON_MS = 65_536, 50, 10
"""The broker answers a fetch when so much has come, or after so long: the shorter time where
somebody waits for an answer. Answering for every few records costs it and us more than the records
do: at half load 64 KB come within 15 ms.
"""

SESSION_MS = 10_000
"""How long the partitions of a worker that was killed lie idle. Heartbeats come from a thread of
librdkafka's own, so a long batch cannot miss them, and a worker that is taken for dead does no
harm: the cursor refuses it.
"""
NEW_PARTITIONS_MS = 10_000
"""Between two looks whether a topic has more partitions, and who the brokers are; librdkafka's own
five minutes would leave them unread that long, and who asks the controller would ask a broker that
is gone.
"""
RECONNECT_MS = 1_000
"""The longest wait before a broker that was lost is tried again: it is most of the time that a
restart costs us.
"""


def common(kafka: KafkaConfiguration, *, name: str) -> dict[str, Any]:
    """What consumers, producers and admin clients share. Holds secrets: never print it."""
    settings: dict[str, Any] = {
        "bootstrap.servers": kafka.bootstrap_servers,
        "client.id": name,
        "security.protocol": kafka.security_protocol,
        "sasl.mechanism": kafka.sasl_mechanism,
        "sasl.username": kafka.sasl_username,
        "sasl.password": _secret(kafka.sasl_password),
        **_oauth(kafka),
        "ssl.ca.location": kafka.ssl_ca_location,
        "ssl.certificate.location": kafka.ssl_certificate_location,
        "ssl.key.location": kafka.ssl_key_location,
        "ssl.key.password": _secret(kafka.ssl_key_password),
        "reconnect.backoff.max.ms": RECONNECT_MS,
        "topic.metadata.refresh.interval.ms": NEW_PARTITIONS_MS,
        "log_level": 4,
        "logger": librdkafka_logger(),
    }
    return {key: value for key, value in settings.items() if value is not None}


def _oauth(kafka: KafkaConfiguration) -> dict[str, Any]:
    """A token of the endpoint instead of a password; librdkafka fetches and renews it."""
    if kafka.sasl_mechanism != "OAUTHBEARER":
        return {}
    return {
        "sasl.oauthbearer.method": "oidc",
        "sasl.oauthbearer.client.id": kafka.sasl_oauthbearer_client_id,
        "sasl.oauthbearer.client.secret": _secret(kafka.sasl_oauthbearer_client_secret),
        "sasl.oauthbearer.token.endpoint.url": kafka.sasl_oauthbearer_token_endpoint_url,
        "sasl.oauthbearer.scope": kafka.sasl_oauthbearer_scope or None,
        "https.ca.location": kafka.https_ca_location or None,
    }


def _secret(value: SecretStr | None) -> str | None:
    return value.get_secret_value() if value is not None and value.get_secret_value() else None


class ClientErrorListener:
    """Notes a client's errors that no call returns: no answer, or a refused login."""

    def __init__(self) -> None:
        """Give it as `error_cb`."""
        self.refused: KafkaError | None = None
        self.alarmed = False

    def __call__(self, error: KafkaError) -> None:
        """Called from a client's poll."""
        self.alarmed = True
        if error.code() in NOT_LET_IN:
            self.refused = error


def consumer(kafka: KafkaConfiguration, worker: str, gather_ms: int = GATHER_MS) -> dict[str, Any]:
    """A consumer that never commits or resets by itself: the database's cursor decides (I6)."""
    settings = common(kafka, name=f"points-{worker}") | {
        "group.id": kafka.group_of(worker),
        "group.protocol": kafka.group_protocol,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
        "enable.partition.eof": True,
        "fetch.message.max.bytes": 2 << 20,
        "fetch.min.bytes": GATHER_BYTES,
        "fetch.wait.max.ms": gather_ms,
        "queued.max.messages.kbytes": QUEUED_KB,
    }
    if kafka.group_protocol == "classic":
        # With the other protocol both are the broker's to say, and naming them here is refused.
        settings["partition.assignment.strategy"] = "cooperative-sticky"
        settings["session.timeout.ms"] = SESSION_MS
    return settings


def producer(kafka: KafkaConfiguration, worker: str) -> dict[str, Any]:
    """An idempotent producer.

    All of the product's partition alike, so that others can find a member's events.
    """
    return common(kafka, name=f"points-{worker}") | {
        "enable.idempotence": True,
        "partitioner": "murmur2_random",
        "linger.ms": 5,
        # A callback for every record costs more than producing it.
        "delivery.report.only.error": True,
        "queue.buffering.max.messages": 200_000,
        "compression.type": kafka.compression,
        "message.max.bytes": 8 << 20,
    }
