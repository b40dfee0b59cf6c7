"""Kafka's errors, told apart by librdkafka's codes."""

from confluent_kafka import KafkaError, KafkaException

from schemas.errors import AccessRefused, Exit, PointsError

# The names that begin with an underscore are librdkafka's own; there are no others.
NOT_LET_IN = (KafkaError._AUTHENTICATION, KafkaError.SASL_AUTHENTICATION_FAILED)  # noqa: SLF001
NOT_ALLOWED = (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED)
MAY_NOT_READ = KafkaError.TOPIC_AUTHORIZATION_FAILED
DENIED = (*NOT_LET_IN, *NOT_ALLOWED, KafkaError.CLUSTER_AUTHORIZATION_FAILED)
UNKNOWN_TOPIC = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC)  # noqa: SLF001
OUTSIDE_THE_LOG = (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE)  # noqa: SLF001
END_OF_LOG = KafkaError._PARTITION_EOF  # noqa: SLF001
"""No error: a partition was read to where its log ends now, over what is no record as well."""
BAD_CONFIGURATION = KafkaError._INVALID_ARG  # noqa: SLF001


class ClientMisconfigured(PointsError):
    """The Kafka client refuses the configuration that it was given."""

    code = "client_misconfigured"
    exit_code = Exit.USAGE


def kafka_error(error: KafkaException) -> KafkaError:
    """The error inside the exception."""
    inner = error.args[0] if error.args else None
    return inner if isinstance(inner, KafkaError) else KafkaError(KafkaError.UNKNOWN)


LACKING = "`points topics acls` shows the rights that each kind of worker needs"


def kafka_refusal(error: KafkaError) -> PointsError | None:
    """The refusal that only an operator can end; None for everything else, such as lost brokers."""
    if error.code() in DENIED:
        return AccessRefused(
            f"Kafka refuses us: {error.str()}",
            "check POINTS_KAFKA__SASL_… and the rights of this user",
        )
    if error.code() == BAD_CONFIGURATION:
        return ClientMisconfigured(
            f"the Kafka client refuses its configuration: {error.str()}", "check POINTS_KAFKA__…"
        )
    return None
