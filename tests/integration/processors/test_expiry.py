"""The expiry worker: what falls due where nothing else happens is announced in time."""

import pytest

from processors import expiry
from rules.account import holding
from rules.account.acts import Act
from rules.account.holds import Hold, Purpose
from rules.account.lots import order_lot
from rules.account.lots_needed import Intended
from schemas.events import EntryType, Performer, PerformerKind
from schemas.ids import NEVER, SECOND, Micros
from schemas.packing import pack_id
from store.ledger import postings
from store.ledger.ledger import Ledger
from store.ledger.postings import Posting
from store.postgres import session
from store.settings.merchants import Merchants
from tests.support.account.desk import Desk
from tests.support.engine import Engine, wait_for
from tests.support.invariants import check_accounts
from tests.support.servers import Databases

SHOP, MEMBER = "shop-a", pack_id("anna")
SHOPPER = Performer(kind=PerformerKind.member, id="anna")


def test_a_hold_and_a_lot_that_nobody_touches_are_announced_in_time(
    engine: Engine,
) -> None:
    engine.merchant(SHOP)
    worker = engine.run("expiry").wait_ready()
    now = engine.value("SELECT points_now()")
    ends, expires = now + 2 * SECOND, now + 3 * SECOND
    earn(engine, expires, now)
    hold(engine, ends, now)
    wait_for("all to fall due", lambda: engine.value("SELECT count(*) FROM ledger") == 5)
    assert worker.terminate() == 0
    rows = engine.rows("SELECT type, occurred_us, recorded_us FROM ledger ORDER BY sequence")[3:]
    assert [row[:2] for row in rows] == [
        (EntryType.released, ends),
        (EntryType.expired, expires),
    ]
    # A second where the machine has nothing else to do.
    assert all(0 <= recorded - occurred < 5 * SECOND for _, occurred, recorded in rows)
    assert engine.rows("SELECT available, held FROM account") == [(50, 0)]
    check_accounts(engine)


def earn(engine: Engine, expires: Micros, now: Micros) -> None:
    lots = [order_lot(expires, pack_id("one"), 1), order_lot(NEVER, pack_id("two"), 1)]
    changes = [
        Posting(1, MEMBER, EntryType.granted, points, lot.source, lot, 0, 1, now, fresh=True)
        for lot, points in zip(lots, (30, 50), strict=True)
    ]
    with session.connect(engine.database_url) as connection:
        merchants = Merchants(connection)
        with session.transaction(connection) as cursor:
            grouped = postings.by_account(changes)
            ledger = Ledger.open(cursor, grouped, now, merchants.merchant_id)
            postings.apply(ledger, grouped)
            ledger.write()


def hold(engine: Engine, ends: Micros, now: Micros) -> None:
    intents = [Intended(-40, hold_id=b"cart")]
    with session.connect(engine.database_url) as connection:
        merchants = Merchants(connection)
        with session.transaction(connection) as cursor:
            ledger = Ledger.open(cursor, {(1, MEMBER): intents}, now, merchants.merchant_id)
            act = Act.of_command(SHOP, "cmd-1", 1, SHOPPER)
            made = Hold(b"cart", 40, Purpose.cash, ends, 1, [])
            holding.hold(ledger.accounts[1, MEMBER], act, made)
            ledger.write()


def test_holds_of_a_full_claim_are_followed_by_the_next_at_once(
    postgres: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A claim is full of holds, of which an account may have several."""
    monkeypatch.setattr(expiry, "EXPIRY_BATCH", 2)
    desk = Desk(url := postgres.migrated()).open()
    for member in ("ann", "bea"):
        desk.do("assign", member_id=member)
        for hold_id in ("1", "2"):
            desk.do("hold", member_id=member, hold_id=member + hold_id, ttl_seconds=60, points=10)
    desk.later(60)
    with session.connect(url) as connection:
        worker = expiry.Expiry(connection)
        waits = [worker.turn() for _ in range(3)]
    assert desk.rows("SELECT count(*) FROM hold WHERE state = 1") == [(0,)]
    assert waits == [0, 0, expiry.EXPIRY_SLEEP_SECONDS]
    desk.close()
    postgres.drop(url)
