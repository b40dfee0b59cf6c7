"""The topics alone tell the whole story: however they are read, the same comes of them.

The same records are read in random batches, with the topics in any turn, by workers that end midway
and begin again at the committed cursors. Nothing falls due meanwhile, so that every row must be the
same to the byte: facts, plans, what is parked or quarantined, and in the end lots, entries and
their events' ids and sequences. A long run of other tapes: POINTS_TEST_REPLAYS=200.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from tests.integration.histories.replaying import (
    Batches,
    Rows,
    Tape,
    differences,
    large_batches,
    random_batches,
    replayed,
    tape_of,
)
from tests.property.dice import Seeded
from tests.property.histories import HALF_DAY, STEPS, plain_history
from tests.support.in_process import InProcessEngine
from tests.support.servers import Databases
from tests.support.timeline import record_of, with_own_ids
from tests.support.upstream import Record

pytestmark = pytest.mark.slow

LONG = os.environ.get("POINTS_TEST_REPLAYS")
TAPES, HISTORIES, READINGS = range(int(LONG)) if LONG else (5, 6), 40, 2
LATE = (0, 0, 0, 1, 2, 7, 21)
"""Half days from a moment to its record's arrival."""
UNREADABLE = (b"{", b"[]", b'{"topic": "order/update"}', None, b'{"topic": "product/update"}')


def tape(seed: int) -> Tape:
    """Some shops' histories: late, in any order, some records twice, bad ones between them."""
    random = Random(seed)
    seeds = range(20_000 + seed * HISTORIES, 20_000 + (seed + 1) * HISTORIES)
    histories = with_own_ids([plain_history(Seeded(n), HALF_DAY, patient=True) for n in seeds])
    arrivals = [
        (moment + HALF_DAY * random.choice(LATE) + timedelta(seconds=random.random()), event)
        for history in histories
        for moment, event in history.events
        for _ in range(random.choice([1, 1, 1, 2]))
    ]
    records = [(when, record_of(event)) for when, event in arrivals]
    for value in UNREADABLE * 2:
        topic = random.choice(["orders", "deliveries", "customers"])
        records.append((random.choice(arrivals)[0], Record(topic, None, value)))
    steps = [step for history in histories for step in history.settings]
    end = max(history.grid.at(STEPS) for history in histories) + timedelta(days=800)
    return tape_of(sorted(steps, key=lambda step: step.when), records, end)


@contextmanager
def empty_engine(postgres: Databases, folder: Path) -> Iterator[InProcessEngine]:
    """A migrated database, and workers on it."""
    url = postgres.migrated()
    try:
        with InProcessEngine(url, folder) as made:
            yield made
    finally:
        postgres.drop(url)


@pytest.mark.parametrize("seed", TAPES)
def test_whatever_the_batches_the_same_comes_of_the_topics(
    postgres: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    told = tape(seed)

    def read(batches: Batches, random: Random | None) -> Rows:
        with empty_engine(postgres, tmp_path) as engine:
            return replayed(engine, told, batches, random, monkeypatch)

    must = read(large_batches, None)
    for table in ("ledger", "lot", "due", "quarantine", "tracking", "customer", "family"):
        assert must[table], f"nothing came into {table}: too little happened"
    assert not must["parked as unmatched although an order names the number"]
    for reading in range(READINGS):
        random = Random(3 * seed + reading)
        assert differences(must, read(random_batches(random), random)) == [], reading
