"""The sample days as a fixed history, on a clock that only moves between steps, and their events.

To make `tests/golden/sample_days.jsonl` again, after a change of events that is meant::

    .venv/bin/python -m tests.support.golden_days

It starts the local servers as the tests do. Nothing is normalised: `recorded_at` is
the fixed clock's. Each record carries a `traceparent` made from its bytes, so that the headers of
the events are pinned as well.
"""

import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import orjson
import psycopg

from cli.demo.data import APPLICATION_ID
from cli.demo.story import Story, StoryStep, load_story
from processors.expiry import Expiry
from processors.relay.records import cloud_event_headers
from schemas.ids import DAY, SECOND, Micros, record_key
from store.postgres import session
from store.streams import outbox
from store.streams.outbox import OutboxKind
from tests.support.in_process import InProcessEngine, Message
from tests.support.upstream import Record

FILE = Path(__file__).parents[1] / "golden" / "sample_days.jsonl"
LATER = (60 * SECOND, 3600 * SECOND)
"""After the records of a step: when the recheck queue is looked at a second time, and when all is
quiet.
"""
AFTER_ALL = (90 * DAY, 200 * DAY, 500 * DAY)
"""After the last step: when the lots of the shops lapse."""
ALL = 1_000_000


class _Message(Message):
    """A record that belongs to a trace."""

    def headers(self) -> list[tuple[str, bytes]]:
        """Its trace, made from its bytes."""
        digest = hashlib.sha256(self.value() or b"").hexdigest()
        return [("traceparent", f"00-{digest[:32]}-{digest[32:48]}-01".encode())]


def sample_day_events(engine: InProcessEngine) -> list[bytes]:
    """Plays the sample days and answers each event as a line of JSON: key, headers and value.

    They are as the relay sends them to Kafka. Members are sorted, the events of one are in the
    order of the outbox.
    """
    engine.configuration = {"application_id": APPLICATION_ID}
    story = load_story()
    with patch("tests.support.in_process.Message", _Message):
        _set_clock(engine, story.begins)
        for shop in story.shops:
            _command(engine, "settings", "apply", shop.id, str(shop.file), "--by", "points demo")
        for step in story.steps:
            _play(engine, step)
        _let_lapse(engine, story)
    return list(_events(engine))


def _play(engine: InProcessEngine, step: StoryStep) -> None:
    _set_clock(engine, step.at)
    # What falls due at a step's own moment is granted before its records come.
    engine.first.settle()
    if step.records:
        engine.first.consume(*[Record(r.topic, r.key, r.value) for r in step.records])
    if step.command:
        _command(engine, *step.command)
    engine.first.settle()
    for ahead in LATER:
        _set_clock(engine, step.at + ahead)
        engine.first.settle()


def _let_lapse(engine: InProcessEngine, story: Story) -> None:
    expiry = Expiry(engine.first.connection)
    for ahead in AFTER_ALL:
        _set_clock(engine, story.steps[-1].at + ahead)
        while expiry.expire():
            pass


def _set_clock(engine: InProcessEngine, moment: Micros) -> None:
    """Fixes the database's one clock at `moment`, until the next call."""
    with psycopg.connect(engine.database_url) as connection:
        connection.execute(
            "CREATE OR REPLACE FUNCTION points_now() RETURNS bigint LANGUAGE sql VOLATILE "
            f"AS 'SELECT {moment}::bigint'".encode()
        )


def _command(engine: InProcessEngine, *arguments: str) -> None:
    done = engine.command(*arguments)
    assert done.returncode == 0, done.stderr


def _events(engine: InProcessEngine) -> Iterator[bytes]:
    by_member: dict[str, list[bytes]] = {}
    with session.connect(engine.database_url) as connection:
        rows = outbox.head(session.raw(connection), range(outbox.SHARDS), ALL, ALL)
    for row in rows:
        if row.kind is not OutboxKind.CHANGED:
            continue
        for value, more in outbox.events_of(row.value or b"", row.headers):
            event = orjson.loads(value)
            key = record_key(event["merchant_id"], event["member_id"]).decode()
            headers = [*cloud_event_headers(event), *more]
            line = {
                "key": key,
                "headers": [[name, (text or b"").decode()] for name, text in headers],
                "value": value.decode(),
            }
            by_member.setdefault(key, []).append(orjson.dumps(line))
    for key in sorted(by_member):
        yield from by_member[key]


def _write() -> None:
    """Makes the file from what the code of this checkout says."""
    from deploy.local.stack import start_stack  # noqa: PLC0415 - only here
    from tests.support.servers import Databases  # noqa: PLC0415 - only here

    with tempfile.TemporaryDirectory() as folder, start_stack(Path(folder)) as stack:
        databases = Databases(stack.database_url)
        with InProcessEngine(databases.migrated(), Path(folder)) as engine:
            lines = sample_day_events(engine)
        databases.drop_all()
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_bytes(b"".join(line + b"\n" for line in lines))


if __name__ == "__main__":
    _write()
