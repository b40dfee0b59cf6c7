"""The PostgreSQL server that tests share, and empty databases from it."""

import uuid

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from store.postgres import migrate
from tests.support.database.looking import Looking


def log_in_quickly(url: str) -> None:
    """Derive the owner's password in one round: 4,096 cost each connection as much as all else.

    For a server that is thrown away: who reads its files would find the password out.
    """
    owner = make_url(url)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET scram_iterations = 1")
        statement = sql.SQL("ALTER ROLE {} PASSWORD {}")
        role, password = sql.Identifier(owner.username or ""), sql.Literal(owner.password)
        connection.execute(statement.format(role, password))


class Databases:
    """A PostgreSQL server that hands out fresh, empty databases and drops them at the end."""

    def __init__(self, admin_url: str) -> None:
        self.admin_url = admin_url
        self._administrator = Looking(admin_url)
        self._made: list[str] = []
        self._template: str | None = None

    def database(self) -> str:
        """Make an empty database (about 20 ms) and give its owner's URL."""
        # template0 is never connected to, so making databases does not wait for anyone.
        return self._copy("template0")

    def migrated(self) -> str:
        """Make a database at the newest schema and give its owner's URL.

        It is a copy of one that is migrated once: to migrate each costs several times as much.
        """
        if self._template is None:
            url = self.database()
            migrate.upgrade(url)
            # Nobody may connect, not even autovacuum: a copy would wait for whoever did.
            self._template = make_url(url).database or ""
            self._run("ALTER DATABASE {} ALLOW_CONNECTIONS false", self._template)
        return self._copy(self._template)

    def drop(self, url: str) -> None:
        """Drop a database at the end of its test: hundreds would make every checkpoint slow."""
        name = make_url(url).database or ""
        self._run("DROP DATABASE {} WITH (FORCE)", name)
        self._made.remove(name)

    def drop_all(self) -> None:
        """Drop what was made, ending connections that are still open."""
        while self._made:
            self._run("DROP DATABASE {} WITH (FORCE)", self._made.pop())
        self._administrator.close()

    def _copy(self, template: str) -> str:
        name = f"test_{uuid.uuid4().hex[:12]}"
        self._run("CREATE DATABASE {} TEMPLATE {}", name, template)
        self._made.append(name)
        return make_url(self.admin_url).set(database=name).render_as_string(hide_password=False)

    def _run(self, statement: str, *names: str) -> None:
        self._administrator.do(sql.SQL(statement).format(*map(sql.Identifier, names)))
