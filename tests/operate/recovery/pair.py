"""A primary database and its standby."""

from pathlib import Path
from typing import Any, Self

import psycopg

from deploy.local.postgres_local import LocalPostgres
from tests.operate.recovery.guide import SMALL, play, with_data_of
from tests.support.engine import wait_for


class Pair:
    """A primary, and a standby that the guide's commands make and promote."""

    def __init__(self, folder: Path) -> None:
        self.primary = LocalPostgres(folder / "primary", settings=SMALL)
        self.standby = LocalPostgres(folder / "standby", settings=SMALL)

    @property
    def url(self) -> str:
        """Where the one that takes writes is found, as the guide has it."""
        here = f"127.0.0.1:{self.primary.port}"
        both = f"{here},127.0.0.1:{self.standby.port}"
        return f"{self.primary.database_url.replace(here, both)}?target_session_attrs=read-write"

    def follow(self) -> None:
        """The standby is made and follows, and commits wait for it."""
        with_data_of(self.standby, self.primary)
        primary = f"{self.primary.url('postgres')}?application_name=standby"
        play("standby", PGDATA=str(self.standby.data), PRIMARY=primary)
        self.standby.start()
        self._on_primary(b"ALTER SYSTEM SET synchronous_standby_names = 'standby'")
        self._on_primary(b"SELECT pg_reload_conf()")
        state = b"SELECT sync_state FROM pg_stat_replication"
        wait_for("it is synchronous", lambda: self._on_primary(state) == [("sync",)])

    def let_go(self) -> None:
        """The standby is gone for a while, and no commit waits for it: as an asynchronous one."""
        self._on_primary(b"ALTER SYSTEM RESET synchronous_standby_names")
        self._on_primary(b"SELECT pg_reload_conf()")
        self.standby.stop()

    def _on_primary(self, statement: bytes) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.primary.url("postgres"), autocommit=True) as connection:
            done = connection.execute(statement)
            return done.fetchall() if done.description else []

    def promote(self) -> None:
        """The standby is the primary from now on."""
        play("promotion", PGDATA=str(self.standby.data))

    def __enter__(self) -> Self:
        self.primary.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.standby.stop()
        self.primary.stop()
