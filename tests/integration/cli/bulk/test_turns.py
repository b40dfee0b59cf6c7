"""Settings and campaigns that are changed while somebody decides by them: they wait their turn."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import pytest

from cli.support import turns as patience
from processors.bulk.running import run_job
from processors.bulk.shops import shop_of
from store.postgres import session
from store.settings import turns
from tests.integration.cli.bulk.test_running import make
from tests.support.account.desk import SHOP, settings
from tests.support.account.jobs import JobDesk
from tests.support.commands import points
from tests.support.engine import wait_for
from tests.support.machine.inherited import inherited


@pytest.fixture
def document(tmp_path: Path) -> str:
    """Settings as the shop's, with another price."""
    content = settings(redeem={"cash": {"unit_points": 20, "price_per_unit": 1}})
    del content["effective_at"]
    file = tmp_path / "settings.json"
    file.write_text(json.dumps(content))
    return str(file)


@contextmanager
def decided_by(jobs: JobDesk) -> Iterator[int]:
    """Somebody decides by the shop's settings and does not end; the pid of the session."""
    with session.connect(jobs.desk.url, name="deciding") as other, session.transaction(other):
        turns.decide(other, [SHOP])
        yield other.info.backend_pid


def test_a_piece_that_waits_for_an_account_lets_settings_by(jobs: JobDesk, document: str) -> None:
    jobs.desk.do("assign", member_id="m1")
    jobs.desk.later(1)
    with (
        session.connect(jobs.desk.url, name="job") as applying,
        session.connect(jobs.desk.url) as keeping,
    ):
        shop = shop_of(applying, SHOP)
        make(jobs, shop, 1)
        job = threading.Thread(target=run_job, args=(shop, shop.key("june")), daemon=True)
        with session.transaction(keeping) as cursor:
            cursor.execute(b"SELECT FROM account FOR UPDATE")
            job.start()
            wait_for("the piece to wait", partial(jobs.desk.waits, "job"))
            applied = points(jobs.environment, "settings", "apply", SHOP, document, "--json")
            assert applied.json["version"] == 2
            assert jobs.show()["state"] == "pending"
        job.join(60)
    assert jobs.show()["state"] == "done"


@contextmanager
def told_to_wait(jobs: JobDesk, document: str) -> Iterator[str]:
    """What `settings apply` says that waits; it ends well once the block does."""
    applying = subprocess.Popen(
        [sys.executable, "-m", "cli", "settings", "apply", SHOP, document],
        env=inherited() | jobs.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert applying.stderr is not None
    yield applying.stderr.readline()
    printed, more = applying.communicate(timeout=60)
    assert (applying.returncode, more, "version 2" in printed) == (0, "", True)


def test_who_has_the_turn_is_named_while_settings_wait_for_it(jobs: JobDesk, document: str) -> None:
    with ExitStack() as stack:
        deciding = stack.enter_context(ExitStack())
        pid = deciding.enter_context(decided_by(jobs))
        told = stack.enter_context(told_to_wait(jobs, document))
        assert told == f"waiting for pid {pid} (deciding), 30 seconds at most\n"
        deciding.close()


def test_settings_wait_for_other_locks_as_well(jobs: JobDesk, document: str) -> None:
    with ExitStack() as stack:
        other = stack.enter_context(session.connect(jobs.desk.url, name="other"))
        keeping = stack.enter_context(ExitStack())
        cursor = keeping.enter_context(session.transaction(other))
        cursor.execute(b"SELECT FROM settings_epoch FOR UPDATE")
        told = stack.enter_context(told_to_wait(jobs, document))
        assert told == "waiting for another session, 30 seconds at most\n"
        keeping.close()


def test_a_turn_that_does_not_come_is_refused_with_who_has_it(
    jobs: JobDesk, document: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "PATIENCE_SECONDS", 0)
    with decided_by(jobs) as pid:
        ran = points(jobs.environment, "settings", "apply", SHOP, document)
    assert ran.code == 7
    assert f"nothing was changed: pid {pid} (deciding) still decides by what shop has" in ran.err
    assert jobs.desk.rows("SELECT max(version) FROM settings") == [(1,)]
