"""Finds what a test has planted of a member, wherever the lane may have left it."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psycopg
import redis
from psycopg import sql

from tests.support.engine import Engine, Worker


def found_in(text: str, planted: Iterable[str]) -> list[str]:
    """What of the planted texts is somewhere in it, in the clear or as hexadecimal digits."""
    return [each for each in planted if each in text or each.encode().hex() in text]


def tables(connection: psycopg.Connection[Any]) -> str:
    """Every row of every table, as text; bytes as hexadecimal digits."""
    names = connection.execute(
        "SELECT nspname, relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace "
        "WHERE nspname IN ('public', 'notices', 'notices_keys') AND relkind IN ('r', 'p')"
    ).fetchall()
    texts = []
    for name in names:
        query = sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier(*name))
        texts += [row for (row,) in connection.execute(query).fetchall()]
    return "\n".join(texts)


def topics(engine: Engine, names: Iterable[str]) -> str:
    """Keys, headers and values of every record that these topics have, bytes as Latin-1."""
    texts: list[str] = []
    for name in names:
        for message in engine.events(name):
            parts = (message.key(), message.value(), repr(message.headers()).encode())
            texts += [(part or b"").decode("latin-1") for part in parts]
    return "\n".join(texts)


def valkey(url: str) -> str:
    """Every key with its value."""
    with redis.Redis.from_url(url) as client:
        return "\n".join(f"{key!r} {client.dump(key)!r}" for key in client.scan_iter())


def shown_by(worker: Worker) -> str:
    """A worker's log and pages, and what `ps` shows of it."""
    pages = [worker.get(page)[1] for page in ("/metrics", "/readyz", "/healthz")]
    shown = Path("/proc", str(worker.process.pid), "cmdline").read_bytes()
    return "\n".join([worker.output, *pages, shown.decode()])
