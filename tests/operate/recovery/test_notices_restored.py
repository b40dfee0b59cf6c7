"""A database that is restored to an earlier moment, and members who were told since then."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from deploy.local.sinks.process import SinksProcess
from schemas.ids import micros
from tests.operate.recovery.guide import block
from tests.operate.recovery.test_restored import run
from tests.support.engine import Engine, wait_for
from tests.support.notices.decided import changed
from tests.support.notices.whole import Shop
from tests.support.servers import Databases

BEN, ANN = (("ben", "email"), ("ben", "sms")), (("ann", "email"), ("ann", "sms"))
HOUR = 3600.0


@pytest.fixture
def sinks() -> Iterator[SinksProcess]:
    with SinksProcess() as started:
        yield started


def granted(shop: Shop, member: str, event_id: str) -> None:
    """A change of points, published now: the same one again has the same id and another time."""
    event = changed(member=member, at=micros(datetime.now(UTC))) | {"event_id": event_id}
    shop.produce("points_changed", f"shop:{member}".encode(), event)


def become(
    shop: Shop, notices: tuple[tuple[str, str], ...], state: str, reason: str | None
) -> None:
    wait_for(
        f"{state} ({reason}) of {notices}",
        lambda: all(shop.states().get(each) == (state, reason) for each in notices),
        90,
    )


def told(sinks: SinksProcess) -> list[str]:
    return sorted(each["to"] for each in sinks.messages(taken=True))


@pytest.mark.parametrize("follows_the_guide", [True, False])
def test_nobody_is_told_twice_after_a_restore_if_the_guide_is_followed(
    engine: Engine,
    sinks: SinksProcess,
    valkey: str,
    postgres: Databases,
    tmp_path: Path,
    *,
    follows_the_guide: bool,
) -> None:
    shop, dump = Shop(engine, sinks, valkey), tmp_path / "points.dump"
    shop.apply(provider="twilio")
    for number, member in enumerate(("ann", "ben")):
        shop.member(member, email=f"{member}@tea.example", mobile_phone=f"091234567{number}")
    shop.heard_of()
    # At the moment of the backup Ben's wait for their providers.
    for provider in ("smtp", "twilio"):
        assert engine.command("notices", "pause", provider, "--by", "olga").returncode == 0
    workers = [engine.run(kind, **shop.environment) for kind in ("notices", "notices-send")]
    granted(shop, "ben", "00000000-0000-4000-8000-00000000000b")
    become(shop, BEN, "waiting", None)
    run("pg_dump", "--format=custom", f"--file={dump}", engine.database_url)
    for provider in ("smtp", "twilio"):
        assert engine.command("notices", "resume", provider).returncode == 0
    granted(shop, "ann", "00000000-0000-4000-8000-00000000000a")
    become(shop, (*ANN, *BEN), "sent", None)
    before = told(sinks)
    assert len(before) == len(set(before)) == 4
    assert [each.terminate() for each in workers] == [0, 0]

    engine.move_to(postgres.database())
    run("pg_restore", "--exit-on-error", f"--dbname={engine.database_url}", dump)
    granted(shop, "ann", "00000000-0000-4000-8000-00000000000a")
    environment = dict(shop.environment)
    if follows_the_guide:
        engine.move_clock(1.1 * HOUR)
        with psycopg.connect(engine.database_url) as owner:
            owner.execute(block("notices").encode())
        environment["POINTS_NOTICES__TOO_OLD_HOURS"] = "1"
    for provider in ("smtp", "twilio"):
        assert engine.command("notices", "resume", provider).returncode == 0
    workers = [engine.run(kind, **environment) for kind in ("notices", "notices-send")]
    if follows_the_guide:
        become(shop, ANN, "skipped", "too_old")
        become(shop, BEN, "expired", None)
    else:
        become(shop, (*ANN, *BEN), "sent", None)
    assert [each.terminate() for each in workers] == [0, 0]
    assert (told(sinks) == before) is follows_the_guide
