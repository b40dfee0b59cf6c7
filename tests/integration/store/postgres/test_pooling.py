"""A pooler that mixes sessions is refused, whichever it is and however it hides itself."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from deploy.local.process import free_ports
from processors.runtime.failures import NEEDS_OPERATOR, refusal
from store.postgres import migrate, session
from store.postgres.pooling import PoolingRefused
from tests.support.database.pooler import pooled
from tests.support.engine import wait_for
from tests.support.servers import Databases

needs_pgbouncer = pytest.mark.skipif(
    shutil.which("pgbouncer") is None, reason="pgbouncer is not installed"
)


@pytest.fixture
def url(postgres: Databases) -> Iterator[str]:
    made = postgres.migrated()
    yield made
    postgres.drop(made)


@pytest.mark.parametrize("size", [1, 3])
def test_transaction_pooling_is_refused_with_a_sentence(url: str, size: int) -> None:
    with pooled(url, size) as through, pytest.raises(PoolingRefused, match="pooler") as refused:
        session.connect(through)
    assert "pool_mode=session" in refused.value.remedy
    found = refusal(refused.value, first=True)
    assert found is not None
    assert found.exit_code in NEEDS_OPERATOR


def test_a_pooler_that_passes_process_ids_on_is_refused_too(url: str) -> None:
    with pooled(url, keep_pids=True) as through, pytest.raises(PoolingRefused):
        session.connect(through, check_pooling=True)


def test_sessions_of_their_own_are_taken(url: str) -> None:
    with session.connect(url, check_pooling=True) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


@needs_pgbouncer
@pytest.mark.parametrize(
    ("mode", "refused"), [("transaction", True), ("statement", True), ("session", False)]
)
def test_pgbouncer_is_taken_in_session_mode_alone(
    url: str, mode: str, refused: bool, tmp_path: Path
) -> None:
    with pgbouncer(url, mode, tmp_path) as through:
        if refused:
            with pytest.raises(PoolingRefused):
                session.connect(through)
        else:
            with session.connect(through, check_pooling=True) as connection:
                assert connection.execute("SELECT 1").fetchone() == (1,)


@needs_pgbouncer
def test_a_migration_goes_through_a_pooler_that_keeps_sessions(
    postgres: Databases, tmp_path: Path
) -> None:
    url = postgres.database()
    with pgbouncer(url, "session", tmp_path) as through:
        assert migrate.upgrade(through).before is None
        assert migrate.upgrade(through).before == migrate.known_revision()
    postgres.drop(url)


@contextmanager
def pgbouncer(url: str, mode: str, folder: Path) -> Iterator[str]:
    known, port = conninfo_to_dict(url), free_ports(1)[0]
    server = " ".join(
        f"{ours}={known[theirs]}"
        for ours, theirs in (("host", "host"), ("port", "port"), ("user", "user"))
        if theirs in known
    )
    password = f" password='{known['password']}'" if known.get("password") else ""
    config = folder / "pgbouncer.ini"
    config.write_text(
        f"[databases]\n* = {server}{password}\n[pgbouncer]\nlisten_addr=127.0.0.1\n"
        f"listen_port={port}\nauth_type=any\npool_mode={mode}\nunix_socket_dir=\n"
    )
    for path in (folder, config):
        path.chmod(0o755)
    for parent in list(folder.parents)[:3]:
        if parent != Path("/tmp"):  # noqa: S108 - pytest's own folders below it
            parent.chmod(parent.stat().st_mode | 0o055)
    program = shutil.which("pgbouncer") or "pgbouncer"
    process = subprocess.Popen(
        [program, "-u", "nobody", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    through = f"postgresql://{known['user']}@127.0.0.1:{port}/{known['dbname']}"
    try:
        wait_for("pgbouncer", lambda: _answers(port))
        yield through
    finally:
        process.kill()
        process.wait()


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
