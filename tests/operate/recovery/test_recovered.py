"""A server that is lost and recovered to a moment, by the commands of the guide."""

import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from deploy.local import postgres_local
from deploy.local.postgres_local import LocalPostgres
from tests.operate.recovery.guide import SMALL, handed_over, open_folder, play, with_data_of
from tests.operate.recovery.work import (
    SHOPS,
    TRADE,
    assignments,
    expected,
    ids,
    newest_sequences,
    published,
    work,
)
from tests.support.engine import Engine, wait_for


@dataclass(frozen=True)
class Archive:
    """Where a server's WAL and base backup are kept, and servers that use it."""

    folder: Path

    def server(self, name: str) -> LocalPostgres:
        """A server, not started, whose settings are those of the guide."""
        wal = self.folder / "wal"
        archived = f"test ! -f {wal}/%f && cp %p {wal}/%f"
        settings = {"archive_mode": "on", "archive_command": archived, **SMALL}
        return LocalPostgres(self.folder.parent / name, settings=settings)

    def play(self, name: str, **variables: str) -> None:
        """The guide's commands, with this archive."""
        play(name, BACKUP=str(self.folder), **variables)


@pytest.fixture
def archive() -> Iterator[Archive]:
    """An empty one, which the server may write to."""
    if (lack := postgres_local.missing()) is not None:
        pytest.skip(lack)
    with open_folder() as folder:
        made = Archive(folder / "backup")
        (made.folder / "wal").mkdir(parents=True)
        handed_over(made.folder, made.folder / "wal")
        yield made


@pytest.fixture
def primary(archive: Archive) -> Iterator[LocalPostgres]:
    """The server that will be lost."""
    with archive.server("primary") as started:
        yield started


@pytest.fixture
def engine(
    kafka: str, primary: LocalPostgres, topic_prefix: str, tmp_path: Path
) -> Iterator[Engine]:
    """An engine on it."""
    with Engine(kafka, primary.database_url, topic_prefix, tmp_path) as made:
        yield made.prepare()


def archived(primary: LocalPostgres) -> None:
    """Returns once all that was written is in the archive."""
    with psycopg.connect(primary.database_url, autocommit=True) as connection:
        # A server that has nothing to write switches nothing, so it is given something.
        message = b"SELECT pg_walfile_name(pg_logical_emit_message(true, 'test', 'the last'))"
        last = connection.execute(message).fetchone()
        connection.execute("SELECT pg_switch_wal()")
        query = "SELECT last_archived_wal >= %s FROM pg_stat_archiver"
        wait_for("the archive", lambda: (connection.execute(query, last).fetchone() or [None])[0])


def recovered(archive: Archive, primary: LocalPostgres, moment: str) -> LocalPostgres:
    """Another server with the data of the lost one at a moment."""
    server = archive.server("recovered")
    with_data_of(server, primary)
    archive.play("recovery", PGDATA=str(server.data), MOMENT=moment)
    server.start()
    with psycopg.connect(server.database_url, autocommit=True) as connection:
        query = "SELECT NOT pg_is_in_recovery()"
        wait_for("the end of recovery", lambda: (connection.execute(query).fetchone() or [0])[0])
    return server


@pytest.mark.slow
def test_a_server_recovered_to_a_moment_reads_on_and_ends_with_the_same_balances(
    engine: Engine, primary: LocalPostgres, archive: Archive
) -> None:
    for shop in SHOPS:
        engine.merchant(shop)
    records, gifts = TRADE.records(), assignments()
    third, all_of_them = len(records) // 3, len(records) + len(gifts)
    engine.produce(records[:third])
    work(engine, third)
    archive.play("base backup", POINTS_DATABASE__OWNER_URL=primary.database_url)
    engine.produce(records[third : 2 * third])
    work(engine, 2 * third)
    moment = str(engine.value("SELECT clock_timestamp()"))
    then = ids(engine)
    engine.produce(records[2 * third :] + gifts)
    work(engine, all_of_them)
    assert engine.balances() == expected()
    before, sequences, told = ids(engine), newest_sequences(engine), published(engine)
    assert len(told) == len(set(told)) == len(before) > len(then)
    archived(primary)
    primary.kill()
    shutil.rmtree(primary.data)

    server = recovered(archive, primary, moment)
    try:
        engine.move_to(server.database_url)
        # The cursors went back with the ledger.
        assert (engine.consumed(), ids(engine)) == (2 * third, then)
        assert engine.command("migrate").returncode == 0
        work(engine, all_of_them)
        assert engine.balances() == expected()
        assert ids(engine) == before
        assert newest_sequences(engine) == sequences
        # What came after the moment was published twice, with the same ids, and nothing else was.
        assert Counter(published(engine)) == Counter(told) + Counter(before - then)
    finally:
        server.stop()
