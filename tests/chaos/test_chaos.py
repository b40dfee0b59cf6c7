"""Faults under load, and afterwards the tables against what providers got.

`make chaos` has a hundred of them; among all tests there are a few.
"""

import os
import time

import psycopg
import pytest
from rich.console import Console
from rich.table import Table

from deploy.local.sinks.process import SinksProcess
from deploy.local.stack import Stack
from tests.chaos.faults import CHUNK, Chaos
from tests.chaos.load import MEMBERS, SHOPS, Load, published
from tests.chaos.verifier import METER, NOTICES, UNEVEN, Evidence, Findings, notices_of, verify
from tests.support.engine import Engine, wait_for

FAULTS = int(os.environ.get("POINTS_CHAOS_FAULTS", "4"))
SEED = int(os.environ.get("POINTS_CHAOS_SEED", "1"))
EVENTS_A_SECOND = 20.0
PATIENCE = 240.0
STILL_OPEN = """SELECT state, count(*) FROM notices.notice
                WHERE state IN ('parked', 'waiting', 'claimed', 'sending') GROUP BY state"""


@pytest.mark.slow
def test_faults_under_load_lose_nothing_and_say_nothing_twice_that_must_not_be(
    engine: Engine,
    stack: Stack,
    valkey_server: Stack,
    environment: tuple[SinksProcess, dict[str, str]],
) -> None:
    sinks, variables = environment
    began = time.monotonic()
    load = Load(engine, EVENTS_A_SECOND)
    chaos = Chaos(engine, stack, valkey_server, sinks, variables, SEED)
    wait_for("all members heard of", lambda: _contacts(engine) == len(SHOPS) * MEMBERS, PATIENCE)
    load.start()
    wait_for("the first messages", lambda: len(sinks.messages()) >= 20)
    chaos.some(FAULTS)
    load.stop()
    chaos.calm()
    wait_for("every event decided", lambda: _count(engine) == 2 * len(load.events), PATIENCE)
    wait_for("every notice at its end", lambda: _open(engine) == {} or None, PATIENCE)
    wait_for("all to be published", lambda: _outbox(engine) == 0, PATIENCE)
    evidence = Evidence(
        load.events,
        notices_of(engine.rows(NOTICES)),
        sinks.messages(),
        published(engine),
        chaos.kills,
        CHUNK,
    )
    found = verify(evidence)
    found.wrong += [f"the meter is not the sum of the notices: {row}" for row in engine.rows(METER)]
    found.wrong += [f"a cursor's counts do not add up: {row}" for row in engine.rows(UNEVEN)]
    _show(chaos, found, time.monotonic() - began)
    assert found.wrong == []
    assert sum(chaos.done.values()) == FAULTS


def _contacts(engine: Engine) -> int:
    return int(engine.value("SELECT count(*) FROM notices.contact"))


def _count(engine: Engine) -> int:
    return int(engine.value("SELECT count(*) FROM notices.notice"))


def _open(engine: Engine) -> dict[str, int]:
    try:
        return dict(engine.rows(STILL_OPEN))
    except psycopg.OperationalError:
        return {"unreachable": 1}


def _outbox(engine: Engine) -> int:
    return int(engine.value("SELECT count(*) FROM notices.outbox"))


def _show(chaos: Chaos, found: Findings, seconds: float) -> None:
    table = Table(title=f"{sum(chaos.done.values())} faults in {seconds:.0f} s, seed {chaos.seed}")
    for heading in ("fault", "times", "what came of it", "count"):
        table.add_column(heading, justify="right" if heading in {"times", "count"} else "left")
    faults, figures = sorted(chaos.done.items()), sorted(found.figures.items())
    for at in range(max(len(faults), len(figures))):
        fault = faults[at] if at < len(faults) else ("", "")
        figure = figures[at] if at < len(figures) else ("", "")
        table.add_row(fault[0], str(fault[1]), figure[0], str(figure[1]))
    console = Console(width=100)
    console.print(table)
    for sentence in found.wrong[:20]:
        console.print(sentence, markup=False)
