"""PostgreSQL over TLS alone: each login may do what its role may, and nobody comes in without."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import make_url

from store.postgres import migrate
from tests.support.commands import Ran, points
from tests.support.database.rights import ROLES, refused_of
from tests.support.database.tls_postgres import TlsPostgres
from tests.support.engine import Worker
from tests.support.secured.certificates import OPENSSL, Pair, authority, signed

PASSWORD = "opens-nothing"
KAFKA = {
    "POINTS_ENVIRONMENT": "production",
    "POINTS_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1",
    "POINTS_KAFKA__SECURITY_PROTOCOL": "SSL",
    "POINTS_METRICS__PORT": "0",
    "POINTS_LOG_FORMAT": "json",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if OPENSSL is None:
        pytest.skip("openssl makes the certificates (Debian: openssl)")
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def ca(folder: Path) -> Pair:
    return authority(folder)


@pytest.fixture(scope="module")
def server(folder: Path, ca: Pair) -> Iterator[TlsPostgres]:
    with TlsPostgres(folder / "postgres", signed(ca, "server", hosts="IP:127.0.0.1")) as started:
        started.only_tls()
        yield started


class Logins:
    """URLs of a migrated database with a login for each role."""

    def __init__(self, server: TlsPostgres, ca: Pair) -> None:
        self._server = make_url(server.url())
        self._tls = {"sslmode": "verify-full", "sslrootcert": str(ca.certificate)}

    def owner(self, **more: str) -> str:
        """The owner's."""
        return self._written(None, more)

    def of(self, role: str, **more: str) -> str:
        """That of a login in a role."""
        return self._written(f"{role}_login", more)

    def _written(self, user: str | None, more: dict[str, str]) -> str:
        url = self._server.update_query_dict({**self._tls, **more})
        if user is not None:
            url = url.set(username=user, password=PASSWORD)
        return url.render_as_string(hide_password=False)

    def points(self, role: str, *arguments: str) -> Ran:
        """A command of the role's login."""
        return points({**KAFKA, "POINTS_DATABASE__URL": self.of(role)}, *arguments)


@pytest.fixture(scope="module")
def logins(server: TlsPostgres, ca: Pair) -> Logins:
    made = Logins(server, ca)
    migrate.upgrade(made.owner())
    with psycopg.connect(made.owner()) as connection:
        for role in ROLES:
            statement = "CREATE ROLE {} LOGIN PASSWORD {} IN ROLE {}"
            login, group = sql.Identifier(f"{role}_login"), sql.Identifier(role)
            connection.execute(sql.SQL(statement).format(login, PASSWORD, group))
    return made


@pytest.mark.parametrize("role", ROLES)
def test_every_login_comes_in_by_tls_and_may_do_what_its_role_may(
    logins: Logins, role: str
) -> None:
    with psycopg.connect(logins.of(role), autocommit=True) as connection:
        query = "SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        assert connection.execute(query).fetchone() == (True, "TLSv1.3")
        assert refused_of(connection, role) == []


@pytest.mark.parametrize("role", ROLES)
def test_nobody_comes_in_without_tls(logins: Logins, role: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="no encryption"):
        psycopg.connect(logins.of(role, sslmode="disable"))


def test_a_server_is_known_by_its_authority_and_its_name(logins: Logins, folder: Path) -> None:
    other = authority(folder, "other").certificate
    with pytest.raises(psycopg.OperationalError, match="certificate verify failed"):
        psycopg.connect(logins.of("points_app", sslrootcert=str(other)))
    elsewhere = make_url(logins.of("points_app")).set(host="localhost")
    with pytest.raises(psycopg.OperationalError, match="does not match host name"):
        psycopg.connect(elsewhere.render_as_string(hide_password=False))


def test_workers_and_commands_work_by_verify_full(logins: Logins, folder: Path) -> None:
    environment = {**KAFKA, "POINTS_DATABASE__URL": logins.of("points_app")}
    worker = Worker(["grants"], environment, folder / "grants.log")
    try:
        worker.wait_ready()
        assert worker.terminate() == 0
    finally:
        worker.process.kill()
    assert logins.points("points_app", "compare-upstream").code == 0


def test_only_operators_erase(logins: Logins) -> None:
    for role in ("points_app", "points_readonly"):
        ran = logins.points(role, "member", "erase-notes", "shop", "ann")
        assert ran.code == 5
        assert "points_ops" in ran.err
    assert logins.points("points_ops", "member", "erase-notes", "shop", "ann").code == 6
