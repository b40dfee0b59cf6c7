"""What the processes of a run take of the machine: CPU seconds and memory, by part."""

import platform
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from urllib.parse import urlsplit

import psutil
import psycopg
from redis import Redis

from bench.kafka import BenchError


def tree_of(root: psutil.Process) -> list[psutil.Process]:
    """A process and all its living descendants."""
    return [root, *root.children(recursive=True)]


def cpu_seconds(root: psutil.Process) -> float:
    """CPU of a process tree since it began, with that of descendants that were waited for."""
    total = 0.0
    for process in tree_of(root):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def busy_seconds() -> float:
    """CPU that all processes and the kernel have used since the machine began."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0) - times.guest)


class Neighbours:
    """How much CPU the machine gave to others than the benchmark since this was made.

    What is theirs is missing in what is measured: with much of it a run tells little.
    """

    def __init__(self) -> None:
        self._own, self._busy, self._at = self._now()

    @staticmethod
    def _now() -> tuple[float, float, float]:
        return cpu_seconds(psutil.Process()), busy_seconds(), time.monotonic()

    def cores(self) -> float:
        """Cores that they had on average; servers that the benchmark did not start are others."""
        own, busy, at = self._now()
        return max(0.0, (busy - self._busy) - (own - self._own)) / (at - self._at)


def resident_bytes(root: psutil.Process) -> int:
    """Resident memory of a process tree; shared pages count once for each process."""
    total = 0
    for process in tree_of(root):
        try:
            total += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


def broker_process(bootstrap_servers: str) -> psutil.Process | None:
    """The process on this machine that listens on the broker's port; None when it is elsewhere."""
    port = int(bootstrap_servers.partition(",")[0].rpartition(":")[2])
    for connection in psutil.net_connections("tcp"):
        listens = (
            connection.status == psutil.CONN_LISTEN
            and connection.laddr
            and connection.laddr.port == port
        )
        if listens and connection.pid:
            return psutil.Process(connection.pid)
    return None


def postgres_process(database_url: str) -> psutil.Process | None:
    """PostgreSQL's first process, parent of the one that serves a connection.

    None when it is elsewhere.
    """
    if not _is_here(database_url):
        return None
    with psycopg.connect(database_url) as database:
        backend = database.info.backend_pid
        try:
            return psutil.Process(backend).parent()
        except psutil.NoSuchProcess:
            return None


def valkey_process(redis_url: str) -> psutil.Process | None:
    """Valkey's process; None when it is elsewhere."""
    if not _is_here(redis_url):
        return None
    with Redis.from_url(redis_url) as client:
        server: int = client.info("server")["process_id"]
    try:
        return psutil.Process(server)
    except psutil.NoSuchProcess:
        return None


def _is_here(url: str) -> bool:
    return (urlsplit(url).hostname or "localhost") in {"localhost", "127.0.0.1", "::1"}


def sessions_of(database_url: str) -> list[psutil.Process]:
    """The server processes of the clients that are connected to a database on this machine."""
    with psycopg.connect(database_url) as database:
        rows = database.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() "
            "AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
        ).fetchall()
    return [psutil.Process(pid) for (pid,) in rows] if postgres_process(database_url) else []


@dataclass(frozen=True)
class Usage:
    """CPU seconds and resident bytes by part."""

    cpu: Mapping[str, float]
    resident: Mapping[str, int]

    @staticmethod
    def of(parts: Iterable[tuple[str, psutil.Process]]) -> "Usage":
        """Take it now.

        Several processes of one part are added up; of their memory the largest is kept.
        """
        cpu: dict[str, float] = {}
        resident: dict[str, int] = {}
        for part, process in parts:
            try:
                cpu[part] = cpu.get(part, 0.0) + cpu_seconds(process)
                resident[part] = max(resident.get(part, 0), resident_bytes(process))
            except psutil.NoSuchProcess as error:
                raise BenchError(
                    f"The process of {part} (pid {error.pid}) ended during the run."
                ) from error
        return Usage(cpu, resident)

    def cpu_since(self, earlier: "Usage") -> dict[str, float]:
        """CPU seconds by part between the two."""
        return {part: seconds - earlier.cpu[part] for part, seconds in self.cpu.items()}

    def cpu_of_each(self, units: float, earlier: "Usage") -> dict[str, float]:
        """CPU microseconds by part between the two, of each of so many units of work."""
        return {part: seconds * 1e6 / units for part, seconds in self.cpu_since(earlier).items()}


def surroundings(database_url: str) -> dict[str, str]:
    """Versions, the machine and the settings of PostgreSQL that decide what durable means."""
    names = (
        "fsync",
        "synchronous_commit",
        "full_page_writes",
        "max_wal_size",
        "shared_buffers",
        "track_commit_timestamp",
    )
    with psycopg.connect(database_url) as database:
        settings: dict[str, str] = dict(
            database.execute(
                "SELECT name, current_setting(name) FROM pg_settings WHERE name = ANY(%s)",
                [list(names)],
            ).fetchall()
        )
        postgres = database.execute("SHOW server_version").fetchone()
    return {
        "cores": str(psutil.cpu_count()),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "python": platform.python_version(),
        "postgresql": str(postgres[0]) if postgres else "?",
        **{
            name: version(name)
            for name in ("confluent-kafka", "psycopg", "pydantic", "sqlalchemy", "faust-streaming")
        },
        **settings,
    }
