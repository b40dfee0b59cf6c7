"""Expand and contract: code that is one release older goes on working on the newest schema.

Until something is released, the present code plays the old one, on an invented revision that adds a
column to every table.
"""

import io
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from processors.registry import WORKERS
from store.postgres import migrate
from store.postgres.tables import metadata
from tests.support.commands import points
from tests.support.engine import TOPICS, Engine
from tests.support.servers import Databases
from tests.support.upstream import Trade

ROOT = Path(__file__).parents[2]
RELEASED = [
    line
    for line in Path(__file__).with_name("released.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]
INVENTED = "9000_invented"
REVISION = """
from alembic import op

revision = "{revision}"
down_revision = "{down}"


def upgrade():
    for table in {tables!r}:
        op.execute(f"ALTER TABLE {{table}} ADD COLUMN invented bigint DEFAULT 7")
    op.execute("CREATE TABLE invented_table (no int)")
    op.execute("INSERT INTO schema_compatibility VALUES ('{revision}', '{oldest}')")
"""


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    """The migrations with an invented revision on top; `REVISION` says what it does."""
    folder = tmp_path / "migrations"
    shutil.copytree(migrate.FOLDER, folder)
    return folder


def invent(folder: Path, oldest_code: str) -> None:
    """Adds the revision, which works with code from `oldest_code` on."""
    (folder / "versions" / f"{INVENTED}.py").write_text(
        REVISION.format(
            revision=INVENTED,
            down=migrate.known_revision(),
            tables=sorted(metadata.tables),
            oldest=oldest_code,
        ),
        encoding="utf-8",
    )


def upgrade(url: str, folder: Path) -> None:
    """Brings a database to the newest revision of a folder of migrations."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(migrate, "FOLDER", folder)
        migrate.upgrade(url)


@pytest.fixture
def old_engine(
    kafka: str, postgres: Databases, topic_prefix: str, tmp_path: Path, newer: Path
) -> Iterator[Engine]:
    """The newest schema, and processes that run the old code."""
    url = postgres.database()
    old_code = ROOT
    if RELEASED:
        upgrade(url, migrate.FOLDER)
        old_code = checkout(RELEASED[0], tmp_path / "old")
    else:
        invent(newer, oldest_code=migrate.known_revision())
        upgrade(url, newer)
    try:
        with Engine(kafka, url, topic_prefix, tmp_path) as engine:
            # Found before the packages that are installed.
            engine.environment["PYTHONPATH"] = str(old_code)
            engine.create_topics(*TOPICS)
            yield engine
    finally:
        postgres.drop(url)


def checkout(commit: str, folder: Path) -> Path:
    """The files of a commit."""
    packed = subprocess.run(
        ["git", "archive", "--format=tar", commit],  # noqa: S607 - git is what the PATH says
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def test_old_workers_go_on_while_the_schema_is_newer(old_engine: Engine) -> None:
    old_engine.merchant("shop-a")
    trade = Trade(200, ["shop-a"])
    records = trade.records()
    old_engine.produce(records)
    for worker in WORKERS:
        old_engine.run(worker)
    old_engine.wait_consumed(len(records))
    old_engine.wait_published()
    old_engine.audit(trade.expected())


@pytest.fixture
def contracted(postgres: Databases, newer: Path) -> Iterator[str]:
    """A database whose newest revision took away what the present code needs."""
    url = postgres.database()
    invent(newer, oldest_code=INVENTED)
    upgrade(url, newer)
    yield url
    postgres.drop(url)


@pytest.mark.parametrize("command", [("balance", "shop", "member"), ("migrate",)])
def test_a_schema_that_old_code_cannot_work_on_is_refused(
    contracted: str, command: tuple[str, ...]
) -> None:
    environment = {
        "POINTS_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "POINTS_DATABASE__URL": contracted,
    }
    ran = points(environment, *command)
    assert ran.code == 3
    assert f"{INVENTED}, which this version does not know" in ran.err
    assert "run a newer version" in ran.err
