"""The notices lane without its workers, paused, and with a provider that does not answer."""

import re
from collections.abc import Iterator

import orjson
import pytest

from deploy.local.sinks.process import SinksProcess
from tests.support.engine import Engine, wait_for
from tests.support.notices.decided import changed, settings_changed
from tests.support.operate.busy_lane import BusyLane
from tests.support.operate.following import Operator
from tests.support.operate.runbooks import runbook
from tests.support.upstream import Record

pytestmark = pytest.mark.slow
SHOP, TOLD = "shop-a", 11
TWO_HOURS = 2 * 3600.0
STATUS, DOCTOR = "points notices status", "points doctor"
USAGE = 'points notices usage "$MERCHANT" --month "$MONTH"'
UNKNOWN = "FROM notices.notice WHERE state = 'unknown'"


@pytest.fixture
def lane(engine: Engine) -> Iterator[BusyLane]:
    """A shop that tells its members, and commands that know of the lane."""
    with SinksProcess() as sinks:
        made = BusyLane(engine, sinks)
        engine.environment |= made.environment
        engine.merchant(SHOP)
        # One that takes nothing again: what it does not answer is unknown.
        made.settle_in([SHOP], provider="twilio")
        made.know((SHOP, f"m{n}") for n in range(TOLD + 1))
        yield made


def granted(engine: Engine, members: range) -> list[Record]:
    """Each of them earned ten points just now."""
    now = int(engine.value("SELECT points_now()"))
    return [
        Record(
            "points_changed",
            f"{SHOP}:m{n}",
            orjson.dumps(
                changed(
                    1, points=10, member=f"m{n}", merchant=SHOP, available=10, order=f"o{n}", at=now
                )
            ),
        )
        for n in members
    ]


def test_first_commands_say_what_the_lane_waits_for(engine: Engine, lane: BusyLane) -> None:
    operator = Operator(engine)
    notices = engine.run("notices").wait_ready()
    engine.produce([Record("settings", f"{SHOP}:1", orjson.dumps(settings_changed(SHOP)))])
    engine.produce(granted(engine, range(TOLD)))
    waiting = "state = 'waiting' AND channel = 'sms'"
    wait_for("decided", lambda: lane.notices(waiting) == TOLD)
    assert notices.terminate() == 0
    engine.produce(granted(engine, range(TOLD, TOLD + 1)))
    engine.move_clock(TWO_HOURS)
    behind(operator)
    paused(engine, operator)

    # Some SMS are taken, and no answer comes.
    lane.sinks.become("twilio", mood="drop")
    workers = [engine.run(kind) for kind in ("notices", "notices-send")]
    wait_for("unknown", lambda: lane.notices("state = 'unknown'"))
    lane.sinks.become("twilio", mood="normal")
    over = "state IN ('sent', 'unknown')"
    wait_for("all others are sent", lambda: lane.notices(over) == 2 * (TOLD + 1))
    nobody_knows(operator, lane)
    counted_otherwise(engine, operator, lane)
    assert [worker.terminate() for worker in workers] == [0, 0]


def behind(operator: Operator) -> None:
    """Nobody reads, and nobody sends."""
    operator.look(
        "PointsNoticesBehind",
        {
            STATUS: rf"(?s)email +{TOLD} +{TOLD} +\S.*sms +{TOLD} +{TOLD} +\S"
            r".*notices \S+points_changed *\n([^\n]*\n)? *\d +1 ",
            DOCTOR: rf"(?s)worker notices: none is running.*worker notices-send: none is running"
            rf".*notices by email: {TOLD} could go, the oldest since 20"
            r".*cursor of notices in \S+points_changed/\d: stands at",
            "points status": rf"notices +{2 * TOLD} +wait, {2 * TOLD} could go",
        },
        wrong={DOCTOR: 1},
    )


def paused(engine: Engine, operator: Operator) -> None:
    """An operator has paused it, and lets it go on."""
    assert engine.command("notices", "pause", "--by", "olga").returncode == 0
    operator.look(
        "PointsPipelinePaused",
        {
            "points status": "notices .*paused → points notices status",
            DOCTOR: "✗ notices: paused: .*olga",
        },
        wrong={DOCTOR: 1},
    )
    assert "paused" in engine.command("notices", "status").stdout
    assert engine.command("notices", "resume").returncode == 0


def nobody_knows(operator: Operator, lane: BusyLane) -> None:
    """Whether the SMS arrived: the list has each of them, and an operator settles one."""
    unknown = lane.notices("state = 'unknown'")
    step = runbook("PointsNoticesUnknown").first[0]
    code, output = operator.follow(step)
    # Two lines each: the state is on the first, the channel on the second.
    listed = re.findall(r" unknown +10 *\n.* earned sms", output)
    assert (code, len(listed)) == (0, unknown), output
    operator.look(
        "PointsNoticesUnknown",
        {
            STATUS: rf"(?s)unknown.*sms .* {unknown}",
            DOCTOR: rf"notices: of {unknown} nobody knows whether they arrived",
        },
        wrong={DOCTOR: 1},
    )
    notice = str(lane.engine.value(f"SELECT min(notice_id::text) {UNKNOWN}"))
    operator.fix("PointsNoticesUnknown", "points notices unknown resolve", NOTICE=notice)
    assert lane.notices("state = 'unknown'") == unknown - 1
    assert lane.notices(f"notice_id = '{notice}' AND state = 'sent'") == 1


def counted_otherwise(engine: Engine, operator: Operator, lane: BusyLane) -> None:
    """The provider counted three parts of an SMS that has one: the usage has the provider's."""
    told = "FROM notices.notice WHERE channel = 'sms' AND state = 'sent' AND parts = 1"
    ((notice, month),) = engine.rows(f"SELECT notice_id::text, month {told} LIMIT 1")
    receipt = {"type": "receipt", "notice_id": notice, "status": "delivered", "parts": 3}
    said = {**receipt, "occurred_at": "2026-11-20T04:00:00Z"}
    engine.produce([Record("notices_feedback", notice, orjson.dumps(said))])
    wait_for("the receipt", lambda: lane.notices("provider_parts = 3"))
    sent = lane.notices("channel = 'sms' AND state IN ('sent', 'unknown')")
    operator.look(
        "PointsNoticesMeterDiffers",
        {USAGE: rf"(?s)sms .*twilio .* {sent} .* {sent} .* {sent + 2} "},
        wrong={DOCTOR: 1},
        MERCHANT=SHOP,
        MONTH=f"{month // 100}-{month % 100:02}",
    )
