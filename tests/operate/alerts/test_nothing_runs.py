"""Two days after the last worker ended: what the runbooks' first commands say of all that waits.

One state for the pages of many alerts; their commands change nothing of it.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest

from schemas.settings import load_settings
from store.postgres import session
from store.settings import versions
from tests.support.account.desk import settings
from tests.support.engine import Engine, wait_for
from tests.support.operate.following import Operator
from tests.support.operate.prometheus import Prometheus
from tests.support.operate.runbooks import runbook
from tests.support.servers import Databases
from tests.support.upstream import STORE, Json, Record, hex_id, order, poison

pytestmark = pytest.mark.slow
SHOP, SLOW, MEMBER = "shop-a", "slow", hex_id("anna")
KINDS = ("intake", "commands", "relay", "readmodel", "watch")
MISSING = ("grants", "recheck", "expiry")
"""Kinds that never ran."""
TWO_DAYS = 2 * 86400.0


def bought(name: str, shop: str = SHOP) -> Record:
    """An order of 1,000 cents that has arrived just now."""
    now = datetime.now(UTC)
    return order(shop, hex_id(name), MEMBER, 1_000, delivery="arrived", at=now)


def hold() -> Record:
    """A command that holds ten of the member's points for an hour."""
    content: Json = {
        "command_id": "hold-1",
        "type": "hold",
        "merchant_id": SHOP,
        "member_id": MEMBER,
        "performer": {"kind": "staff", "id": "sue"},
        "issued_at": datetime.now(UTC).isoformat(),
        "hold_id": "h1",
        "points": 10,
        "purpose": "cash",
        "ttl_seconds": 3600,
    }
    return Record("commands", f"{SHOP}:{MEMBER}", orjson.dumps(content))


def unknown_code() -> Record:
    """A carrier's report with a code that no table has."""
    report = {
        "carrier": "ecpay",
        "service": "unimart",
        "code": "3999",
        "text": "somewhere else",
        "order_id": hex_id("fetched"),
        "merchant_id": SHOP,
        "occurred_at": datetime.now(UTC).isoformat(),
    }
    return Record("deliveries", hex_id("fetched"), orjson.dumps(report))


def left_behind(engine: Engine) -> None:
    """Something of everything waits, as those who would see to it end one after the other."""
    with session.connect(engine.database_url) as connection:
        versions.apply(connection, SHOP, load_settings(orjson.dumps(settings()), name="x"), "test")
    engine.merchant(SLOW, pending_days=1)
    running = {kind: engine.run(kind).wait_ready() for kind in KINDS}
    stored = order(SHOP, hex_id("fetched"), MEMBER, 1_000, option=STORE, at=datetime.now(UTC))
    engine.produce([bought("first"), bought("planned", SLOW), stored, poison(SHOP)])
    engine.wait_consumed(4)
    engine.produce([hold(), unknown_code()])
    engine.wait_consumed(6)
    assert running["readmodel"].terminate() == 0
    engine.produce([bought("second")])
    engine.wait_consumed(7)
    engine.wait_published()
    assert running["relay"].terminate() == 0
    engine.produce([bought("third")])
    engine.wait_consumed(8)
    for kind in ("intake", "commands", "watch"):
        assert running[kind].terminate() == 0
    engine.produce([bought("fourth")])
    with psycopg.connect(engine.database_url) as connection:
        connection.execute("INSERT INTO recheck (kind, merchant_no, key) VALUES (1, 1, 'x')")


@pytest.fixture
def engine(
    kafka: str, postgres: Databases, valkey: str, topic_prefix: str, tmp_path: Path
) -> Iterator[Engine]:
    """An engine with a read model."""
    url = postgres.database()
    with Engine(kafka, url, topic_prefix, tmp_path) as made:
        made.environment["POINTS_REDIS__URL"] = valkey
        yield made.prepare()
    postgres.drop(url)


@pytest.fixture
def left_open(postgres: Databases) -> Iterator[psycopg.Connection[Any]]:
    """A session that has begun a transaction in another database of the server."""
    with psycopg.connect(postgres.admin_url) as connection:
        yield connection


DOCTOR = {"points doctor": 1}
"""Exit codes where an outbox and a cursor stand."""
WAITING = "no relay is running"
SAID: Mapping[str, Mapping[str, str]] = {
    "PointsGrantsOverdue": {
        "points status": r"due now +1 +1 planned, the oldest of 20..-",
        "points doctor": "worker grants: none is running",
        "points cursor show": "(?s)intake.*orders",
    },
    "PointsHoldsOverdue": {
        "points doctor": "(?s)worker expiry: none is running.*holds: 1 ended and are not released",
        "points status": "holds +1 +1 of them have ended",
    },
    "PointsLagHigh": {
        "points status": r"intake \S+orders *\n(.*\n)? *\d +1 +\d",
        "points doctor": r"cursor of intake in \S+orders/\d: stands at \d",
    },
    "PointsPipelineStalled": {
        "points doctor": r"(?s)worker intake: none is running.*orders/\d: stands at \d+ since"
        r" 20\S+, 1 records behind",
    },
    "PointsRebalanceStorm": {"points doctor": "all of this database"},
    "PointsRecheckOld": {
        "points status": r"recheck +\d+ +1 order, 2 unbound",
        "points doctor": r"recheck: \d rows, the oldest waiting for a transaction in pid \d+,"
        " database points",
    },
    "PointsReadModelBehind": {
        "points status": "read model +[1-9] +changes behind, the oldest",
        "points doctor": "(?s)read model: .* behind.*worker readmodel: none is running",
        'points readmodel show "$MERCHANT" "$MEMBER"': r"database +[1-9]",
    },
    "PointsEndToEndBudgetBurn": {
        "points status": rf"outbox +[1-9] +oldest 20\S+, {WAITING}",
        "points doctor": "Kafka: cluster",
        "points outbox list": "no rows were refused",
    },
    "PointsOutboxOld": {"points doctor": f"outbox: the oldest of .* since 20.*: {WAITING}"},
    "PointsHeartbeatStale": {"points status": f"outbox +[1-9].*{WAITING}"},
    "PointsWatchAbsent": {"points doctor": "worker watch: none is running"},
    "PointsWorkerAbsent": {"points doctor": "worker commands: none is running"},
    "PointsDeadLettersArriving": {"points dlq counted": "no merchant's"},
    "PointsDeadLettersUnresolved": {
        "points dlq list": r"1 +20\S+Z +\S+orders/\d @\d+ +open +missing_field",
        "points status": "dead letters +1 +1 in all",
    },
    "PointsUnknownCarrierCodes": {
        "points carriers unknown": r"ecpay unimart +3999 +somewhere else +1 +20\S+ +20",
        "points carriers log": "the shipped tables apply",
        "points carriers parked": "unmatched +0",
    },
}
"""What each page's commands say; those that are not here say nothing of it, and end well."""


def test_first_commands_say_what_waits_and_who_is_missing_and_the_fixes_mend_it(
    engine: Engine, left_open: psycopg.Connection[Any], tmp_path: Path
) -> None:
    left_behind(engine)
    left_open.execute("SELECT pg_current_xact_id()")
    # Doctor names what has been open for a second.
    began = "SELECT xact_start FROM pg_stat_activity WHERE pid = %s"
    is_old = f"SELECT clock_timestamp() - ({began}) > interval '1 second'"
    wait_for("a second", partial(engine.value, is_old, left_open.info.backend_pid))
    engine.move_clock(TWO_DAYS)
    with Prometheus(tmp_path / "prometheus") as prometheus:
        operator = Operator(engine, PROMETHEUS=prometheus.url, MERCHANT=SHOP, MEMBER=MEMBER)
        with operator.nothing_changes():
            for alert, shows in SAID.items():
                asked = {step.line for step in runbook(alert).first}
                wrong = {line: code for line, code in DOCTOR.items() if line in asked}
                operator.look(alert, shows, wrong)
    # Fixes, as they stand on the pages.
    operator.fix("PointsUnknownCarrierCodes", "points carriers show")
    operator.fix("PointsUnknownCarrierCodes", "points carriers set")
    (letter,) = engine.rows("SELECT id FROM quarantine")
    operator.fix("PointsDeadLettersUnresolved", "points dlq discard", OTHER=str(letter[0]))
    left_open.rollback()
    mended = [engine.run(kind).wait_ready() for kind in (*KINDS, *MISSING)]
    engine.wait_consumed(9)
    engine.wait_published()
    for query in (
        "SELECT NOT EXISTS (SELECT FROM recheck)",
        "SELECT NOT EXISTS (SELECT FROM hold WHERE state = 1)",
    ):
        wait_for(query, partial(engine.value, query))
    wait_for("nothing is wrong", lambda: engine.command("doctor").returncode == 0)
    assert [worker.terminate() for worker in mended] == [0] * len(mended)
