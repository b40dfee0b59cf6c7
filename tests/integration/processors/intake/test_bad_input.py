"""The answers to bad input: each row of docs/reference/bad-input.md that no other test covers.

One engine takes all bad records of the module in one go, with a good order behind them; each row is
then looked up.
"""

import uuid
from collections.abc import Iterator

import pytest

from tests.support.bad_input.wrong_records import (
    DEAD,
    IGNORED,
    KEPT,
    MEMBER,
    PARKED,
    SHOP,
    Dead,
    Kept,
    all_records,
)
from tests.support.commands import points
from tests.support.engine import Engine
from tests.support.servers import Databases


@pytest.fixture(scope="module")
def day(
    kafka: str, postgres: Databases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    """An engine that has processed all of it."""
    folder = tmp_path_factory.mktemp("bad-input")
    with Engine(kafka, postgres.database(), f"t{uuid.uuid4().hex[:10]}.", folder) as engine:
        engine.prepare()
        engine.merchant(SHOP)
        engine.run("intake", POINTS_POISON__IN_A_ROW="1000")
        engine.run("relay")
        engine.produce(all_records())
        engine.wait_consumed(len(all_records()))
        engine.wait_published()
        yield engine


@pytest.mark.parametrize("row", DEAD, ids=[row.name.replace(" ", "_") for row in DEAD])
def test_a_record_that_cannot_be_read_is_a_dead_letter(day: Engine, row: Dead) -> None:
    rows = day.rows("SELECT topic, reason, message FROM quarantine WHERE value = %s", row.value)
    assert [(topic, reason) for topic, reason, _ in rows] == [(day.topics[row.topic], row.reason)]
    assert row.says in rows[0][2]
    assert "much" not in rows[0][2], "values have no place in messages"
    letter = next(m for m in day.events(f"dlq_{row.topic}") if (m.value() or b"") == row.value)
    headers = dict(letter.headers())
    assert letter.key() == b"k"
    assert headers["__dlq.errors.topic"].decode() == day.topics[row.topic]
    assert headers["__dlq.errors.message"].decode() == f"{row.reason}: {rows[0][2]}"


@pytest.mark.parametrize("row", KEPT, ids=[row.name.replace(" ", "_") for row in KEPT])
def test_a_record_that_is_odd_is_taken_for_what_it_says(day: Engine, row: Kept) -> None:
    shown = points(day.environment, "explain", SHOP, row.value["resource"]["id"], "--json").json
    assert (shown["state"], shown["granted"]) == (row.state, row.points)
    assert row.word in " ".join(shown["steps"])


@pytest.mark.parametrize("reason", IGNORED)
def test_a_record_that_says_nothing_new_is_ignored_with_its_reason(
    day: Engine, reason: str
) -> None:
    assert day.rows("SELECT sum(records) FROM ignored_reason WHERE reason = %s", reason) == [(1,)]


def test_a_report_that_nobody_can_place_is_parked_and_what_nobody_understands_is_shown(
    day: Engine,
) -> None:
    parked = points(day.environment, "carriers", "parked", "--json").json
    assert (parked["unmatched"]["numbers"], parked["awaiting_order"]["reports"]) == (1, 1)
    unknown = points(day.environment, "carriers", "unknown", "--json").json
    assert {(row["carrier"], row["code"], row["text"]) for row in unknown} == {
        ("ecpay", "4711", "a code of tomorrow"),
        ("pigeon post", "3003", "3003"),
    }


def test_nothing_is_lost_beside_bad_records(day: Engine) -> None:
    assert day.counts() == {
        "applied": len(KEPT) + 1,
        "duplicate": 1,
        "ignored": len(IGNORED),
        "parked": len(PARKED),
        "dead": len(DEAD),
    }
    granted = sum(row.points for row in KEPT)
    day.audit({(SHOP, MEMBER): granted + 77})


SETTINGS = """
timezone: Asia/Taipei
currency: TWD
enabled: true
entitlement: {plan: enterprise, app_installed: true}
earn:
  rules: [{unit_price: 10, points_per_unit: 1}]
  pending_days: 3
  expiry: {kind: fixed_date, month: 12, day: 31}
"""


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        (
            "pending_days",
            "pending_day",
            "earn.pending_day is not a known key; did you mean pending_days?",
        ),
        ("month: 12, day: 31", "month: 2, day: 30", "earn.expiry.day 30 does not exist in month 2"),
        ("TWD", "ZZZ", "currency is not a known currency"),
        ("Asia/Taipei", "Asia/Atlantis", "timezone is not a known time zone"),
        ("unit_price: 10", "unit_price: -10", "earn.rules[0].unit_price is too small"),
        (
            "unit_price: 10",
            "unit_price: 0.5",
            "earn.rules[0].unit_price has more digits after the point than TWD has",
        ),
        ("unit_price: 10", "unit_price: .nan", "earn.rules[0].unit_price is not a number"),
        (
            "enabled: true",
            "enabled: true\neffective_at: 2024-01-01T00:00:00",
            "effective_at has no offset",
        ),
        ("earn:", "earn: [", "is not YAML"),
    ],
)
def test_settings_that_say_nonsense_are_refused_with_the_place(
    day: Engine, before: str, after: str, says: str
) -> None:
    ran = points(
        day.environment, "settings", "apply", "shop-s", "-", stdin=SETTINGS.replace(before, after)
    )
    assert ran.code == 5
    assert says in ran.err
    assert day.rows("SELECT * FROM merchant WHERE merchant_id = 'shop-s'") == []


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"POINTS_METRICS__PORT": "http"}, "POINTS_METRICS__PORT"),
        ({"POINTS_KAFKA__GROUP_PROTOCOL": "new"}, "POINTS_KAFKA__GROUP_PROTOCOL"),
        ({"POINTS_DATABASE__URL": "postgresql://u:hidden@[half"}, "POINTS_DATABASE__URL"),
    ],
)
def test_a_worker_refuses_an_environment_that_it_cannot_use(
    day: Engine, environment: dict[str, str], says: str
) -> None:
    worker = day.run("grants", **environment)
    assert worker.wait() == 2
    assert says in worker.output
    assert "hidden" not in worker.output
