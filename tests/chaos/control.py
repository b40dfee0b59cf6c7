"""That the verifier goes red: a sender that writes down too late says an SMS twice when killed.

`make chaos` runs it after the faults.
"""

import time
from collections import Counter
from functools import partial

from deploy.local.sinks.process import SinksProcess
from tests.chaos.load import MEMBERS, SHOPS, Load
from tests.chaos.verifier import NOTICES, Evidence, notices_of, verify
from tests.support.engine import Engine, Worker, wait_for

PATIENCE = 120.0


def test_a_sender_that_marks_after_it_has_sent_is_found_out(
    engine: Engine, environment: tuple[SinksProcess, dict[str, str]]
) -> None:
    sinks, variables = environment
    load = Load(engine, 50)
    engine.run("notices", **variables).wait_ready()
    members = "SELECT count(*) FROM notices.contact"
    wait_for("all members heard of", lambda: engine.value(members) == len(SHOPS) * MEMBERS)
    load.start()
    wait_for("a hundred events", lambda: len(load.events) >= 100)
    load.stop()
    wait_for("all to be decided", lambda: _notices(engine) == 2 * len(load.events), PATIENCE)
    spoilt, where = "tests.chaos.spoilt", {**engine.environment, **variables}
    for kill in range(3):
        log = engine.folder / f"spoilt-{kill}.log"
        sender = Worker([], where, log, spoilt)
        engine.workers.append(sender)
        sent = len(sinks.messages())
        wait_for("some messages more", partial(_has, sinks, sent + 16))
        time.sleep(0.02)
        sender.kill()
    sender = Worker([], where, engine.folder / "spoilt-last.log", spoilt)
    engine.workers.append(sender)
    wait_for("all at their end", lambda: _open(engine) == 0, PATIENCE)
    requests = sinks.messages()
    found = verify(Evidence(load.events, notices_of(engine.rows(NOTICES)), requests, [], 3, 8))
    twice = [wrong for wrong in found.wrong if "was delivered 2 times by twilio" in wrong]
    assert twice, Counter(sentence[:30] for sentence in found.wrong)


def _has(sinks: SinksProcess, more_than: int) -> bool:
    return len(sinks.messages()) > more_than


def _notices(engine: Engine) -> int:
    return int(engine.value("SELECT count(*) FROM notices.notice"))


def _open(engine: Engine) -> int:
    query = """SELECT count(*) FROM notices.notice
               WHERE state IN ('parked', 'waiting', 'claimed', 'sending')"""
    return int(engine.value(query))
