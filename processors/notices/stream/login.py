"""How the lane's client of Kafka logs in: as POINTS_KAFKA__… says for all of the product's."""

import ssl

from faust.auth import SASLCredentials, SSLCredentials
from faust.types.auth import CredentialsT

from processors.runtime.configuration import KafkaConfiguration
from schemas.errors import Exit, PointsError


class LoginRefused(PointsError):
    """The lane's client of Kafka cannot log in the way that the configuration says."""

    code = "login_refused"
    exit_code = Exit.USAGE


def credentials_of(kafka: KafkaConfiguration) -> CredentialsT | None:
    """The credentials; None for a listener that wants none.

    Raises LoginRefused for a way to log in, or files, that it cannot use.
    """
    context = _context(kafka) if kafka.security_protocol in {"SSL", "SASL_SSL"} else None
    if kafka.security_protocol.startswith("SASL_"):
        if kafka.sasl_mechanism == "OAUTHBEARER":
            raise LoginRefused(
                "the notices lane's client of Kafka fetches no tokens (OAUTHBEARER)",
                "give the worker `notices` a user with SCRAM, or a certificate",
            )
        password = kafka.sasl_password
        return SASLCredentials(
            username=kafka.sasl_username,
            password=password.get_secret_value() if password is not None else None,
            mechanism=kafka.sasl_mechanism,
            ssl_context=context,
        )
    return SSLCredentials(context=context) if context is not None else None


def _context(kafka: KafkaConfiguration) -> ssl.SSLContext:
    key_password = kafka.ssl_key_password
    try:
        context = ssl.create_default_context(cafile=kafka.ssl_ca_location)
        if kafka.ssl_certificate_location is not None:
            context.load_cert_chain(
                kafka.ssl_certificate_location,
                kafka.ssl_key_location,
                key_password.get_secret_value() if key_password is not None else None,
            )
    except (OSError, ssl.SSLError) as error:
        raise LoginRefused(
            f"the certificates for Kafka cannot be used: {error.strerror or type(error).__name__}",
            "check POINTS_KAFKA__SSL_CA_LOCATION, …SSL_CERTIFICATE_LOCATION and …SSL_KEY_LOCATION",
        ) from None
    return context
