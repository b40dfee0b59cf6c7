"""A Kafka that lets in only who proves who they are, and only to what they may."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import (
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from deploy.local.kafka_local import START_SECONDS, LocalKafka
from deploy.local.process import free_ports, listens
from tests.support.secured.certificates import Pair, authority, signed
from tests.support.secured.token_endpoint import AUDIENCE

ADMIN, ADMIN_PASSWORD = "admin", "admin-opens-nothing"
_SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
_OAUTH = "org.apache.kafka.common.security.oauthbearer"
SUPER = "User:CN=broker;User:admin"
"""The broker itself, which speaks to itself over mTLS as well, and who gives the rights."""


class SecuredKafka(LocalKafka):
    """One broker with SASL_SSL (SCRAM-SHA-512 and OAUTHBEARER), a listener for mTLS, and ACLs."""

    def __init__(self, folder: Path, jwks: Path) -> None:
        self.certificates = folder / "certificates"
        self.certificates.mkdir(parents=True)
        self.ca = authority(self.certificates)
        self._broker = signed(self.ca, "broker", hosts="IP:127.0.0.1,DNS:localhost")
        super().__init__(
            folder / "kafka",
            format_options=(
                *("--add-scram", f"SCRAM-SHA-512=[name={ADMIN},password={ADMIN_PASSWORD}]"),
            ),
            java_options=(
                f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={jwks.as_uri()}",
                f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.files={jwks}",
            ),
            brief=True,
        )
        self._node = self._nodes[0]
        self._mtls_port = free_ports(1)[0]
        self._settings = {**self._listeners(), **self._sasl(jwks), **self._tls()}
        self._log_in: AdminClient | None = None

    @property
    def mtls(self) -> str:
        """Where clients with a certificate begin."""
        return f"127.0.0.1:{self._mtls_port}"

    def _listeners(self) -> Mapping[str, str]:
        places = {
            "SASL_SSL": self._node.port,
            "SSL": self._mtls_port,
            "CONTROLLER": self._node.controller_port,
        }
        urls = {name: f"{name}://127.0.0.1:{port}" for name, port in places.items()}
        return {
            "listeners": ",".join(urls.values()),
            "advertised.listeners": f"{urls['SASL_SSL']},{urls['SSL']}",
            "listener.security.protocol.map": "SASL_SSL:SASL_SSL,SSL:SSL,CONTROLLER:SSL",
            "inter.broker.listener.name": "SSL",
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "allow.everyone.if.no.acl.found": "false",
            "super.users": SUPER,
        }

    def _sasl(self, jwks: Path) -> Mapping[str, str]:
        of = "listener.name.sasl_ssl"
        oauth = f"{of}.oauthbearer.sasl"
        return {
            f"{of}.sasl.enabled.mechanisms": "SCRAM-SHA-512,OAUTHBEARER",
            f"{of}.scram-sha-512.sasl.jaas.config": _SCRAM,
            f"{oauth}.jaas.config": f"{_OAUTH}.OAuthBearerLoginModule required;",
            f"{oauth}.server.callback.handler.class": (
                f"{_OAUTH}.OAuthBearerValidatorCallbackHandler"
            ),
            "sasl.oauthbearer.jwks.endpoint.url": jwks.as_uri(),
            "sasl.oauthbearer.expected.audience": AUDIENCE,
        }

    def _tls(self) -> Mapping[str, str]:
        keystore = self.certificates / "keystore.pem"
        keystore.write_text(self._broker.key.read_text() + self._broker.certificate.read_text())
        return {
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(keystore),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.ca.certificate),
            "listener.name.ssl.ssl.client.auth": "required",
            "listener.name.controller.ssl.client.auth": "required",
        }

    def wait_ready(self) -> None:
        """Return when the broker lets the administrator in."""
        self._daemons[self._node.number].wait_until(self._answers, within=START_SECONDS)

    def _answers(self) -> bool:
        if not listens(self._node.port, "127.0.0.1"):
            return False
        try:
            return len(self.admin().list_topics(timeout=5).brokers) > 0
        except KafkaException:
            return False

    def client(self, pair_name: str) -> Pair:
        """A client's certificate and key, made now."""
        return signed(self.ca, pair_name)

    @property
    def login(self) -> dict[str, Any]:
        """How the administrator logs in, in librdkafka's words."""
        return {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": ADMIN,
            "sasl.password": ADMIN_PASSWORD,
            "ssl.ca.location": str(self.ca.certificate),
        }

    def environment(self, user: str, password: str) -> dict[str, str]:
        """The variables that log a user in by SCRAM."""
        return {
            "POINTS_ENVIRONMENT": "production",
            "POINTS_KAFKA__BOOTSTRAP_SERVERS": self.bootstrap_servers,
            "POINTS_KAFKA__SECURITY_PROTOCOL": "SASL_SSL",
            "POINTS_KAFKA__SASL_MECHANISM": "SCRAM-SHA-512",
            "POINTS_KAFKA__SASL_USERNAME": user,
            "POINTS_KAFKA__SASL_PASSWORD": password,
            "POINTS_KAFKA__SSL_CA_LOCATION": str(self.ca.certificate),
        }

    def admin(self) -> AdminClient:
        """Logged in as one who may do everything."""
        if self._log_in is None:
            self._log_in = AdminClient(
                {"bootstrap.servers": self.bootstrap_servers, "log_level": 0, **self.login}
            )
        return self._log_in

    def add_user(self, user: str, password: str) -> None:
        """Lets a user in by SCRAM-SHA-512."""
        info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
        change = UserScramCredentialUpsertion(user, info, password.encode())
        for done in self.admin().alter_user_scram_credentials([change]).values():
            done.result(20)
