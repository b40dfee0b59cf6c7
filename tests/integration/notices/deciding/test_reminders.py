"""Reminders of points that lapse: whom, when, once, and by what the ledger says."""

import re
from typing import Any

import pytest

from processors.notices.deciding import reminders
from schemas.ids import DAY, NEVER, Micros
from schemas.packing import pack_id
from store.notices.deciding import expiring
from store.postgres import session
from store.postgres.named_queries import queries
from tests.support.notices.decided import MAIL, NOON, SMS, DecidingLane

HOUR = DAY // 24
MIDNIGHT: Micros = NOON - 12 * HOUR
"""The beginning of NOON's day in Taipei, and the end of the one before it."""
BOTH: Any = {"days": [30, 7], "channels": ["email", "sms"]}
BY_MAIL: Any = {"days": [7], "channels": ["email"]}


class Ledger:
    """Accounts and lots, written as the engine keeps them."""

    def __init__(self, lane: DecidingLane) -> None:
        self.lane = lane
        self.accounts: dict[tuple[str, str], int] = {}

    def lot(
        self, member: str, expires: Micros, points: int = 100, held: int = 0, shop: str = "shop"
    ) -> None:
        """A lot of a member's, and the account where there is none yet."""
        number = self._account(shop, member)
        self.lane.admin.execute(
            "INSERT INTO lot (account_no, expires_us, source, episode, merchant_no, points, "
            "remaining, held) VALUES (%s, %s, gen_random_uuid()::text::bytea, 1, %s, %s, %s, %s)",
            [number, expires, number >> expiring.ACCOUNT_BITS, points, points, held],
        )
        self.lane.admin.execute(
            "UPDATE account SET available = available + %s, sequence = sequence + 1, "
            "next_expiry = least(next_expiry, %s) WHERE account_no = %s",
            [points - held, expires, number],
        )

    def spend(self, member: str, shop: str = "shop") -> None:
        """All that the member has."""
        number = self._account(shop, member)
        self.lane.admin.execute("UPDATE lot SET remaining = 0 WHERE account_no = %s", [number])
        self.lane.admin.execute(
            "UPDATE account SET available = 0, next_expiry = %s WHERE account_no = %s",
            [NEVER, number],
        )

    def _account(self, shop: str, member: str) -> int:
        if (shop, member) not in self.accounts:
            self.lane.admin.execute(
                "INSERT INTO merchant (merchant_id) VALUES (%s) ON CONFLICT DO NOTHING", [shop]
            )
            ((merchant_no,),) = self.lane.rows(
                "SELECT merchant_no FROM merchant WHERE merchant_id = %s", shop
            )
            number = (merchant_no << expiring.ACCOUNT_BITS) + len(self.accounts) + 1
            self.accounts[shop, member] = number
            self.lane.admin.execute(
                "INSERT INTO account (account_no, merchant_no, member, sequence, available) "
                "VALUES (%s, %s, %s, 0, 0)",
                [number, merchant_no, pack_id(member)],
            )
        return self.accounts[shop, member]

    def still_lapses(self, member: str, expires: Micros) -> int | None:
        """As a sender asks before it reminds."""
        lapse = self.lane.shop("shop"), member, expires
        with session.transaction(self.lane.connection) as cursor:
            return expiring.still_lapses(cursor, [lapse]).get(lapse)


@pytest.fixture
def ledger(lane: DecidingLane) -> Ledger:
    lane.hear_of("shop")
    lane.apply("shop", expiring=BOTH)
    return Ledger(lane)


def reminded(lane: DecidingLane, columns: str = "member_id, channel, state") -> list[Any]:
    """What the timer has made, after everything that is due."""
    lane.work_off()
    where = "kind = 'expiring' ORDER BY member_id, channel, expires_us"
    return lane.rows(f"SELECT {columns} FROM notices.notice WHERE {where}")


def test_a_member_is_reminded_some_days_before_points_lapse(ledger: Ledger) -> None:
    expires = MIDNIGHT + 30 * DAY
    ledger.lot("ann", expires, 70)
    ledger.lot("ann", expires, 30)
    ledger.lot("ann", expires + 60 * DAY, 500)
    figures = "member_id, channel, state, points, balance, expires_us, recorded_us, not_before_us"
    assert reminded(ledger.lane, figures) == [
        ("ann", channel, "waiting", 100, 600, expires, MIDNIGHT, NOON)
        for channel in ("email", "sms")
    ]


def test_a_reminder_of_one_lapse_and_days_is_made_once(ledger: Ledger) -> None:
    lane, expires = ledger.lane, MIDNIGHT + 30 * DAY
    ledger.lot("ann", expires)
    first = reminded(lane, "member_id, channel, notice_id")
    for ahead in (0, 2 * HOUR, 5 * HOUR):
        lane.clock(NOON + ahead)
        lane.anew()
        lane.admin.execute("DELETE FROM notices.expiring_run")  # as if never looked at
        assert reminded(lane, "member_id, channel, notice_id") == first
    lane.clock(expires - 7 * DAY + HOUR)
    assert len(reminded(lane)) == 4


def test_points_of_the_same_day_are_reminded_of_by_the_clock_of_their_shop(
    ledger: Ledger,
) -> None:
    lane = ledger.lane
    lane.hear_of("berlin", timezone="Europe/Berlin")
    lane.apply("berlin", expiring=BY_MAIL)
    lane.apply("shop", expiring=BY_MAIL)
    taipei, berlin = MIDNIGHT + 7 * DAY, MIDNIGHT + 7 * DAY + 7 * HOUR
    ledger.lot("ann", taipei)
    ledger.lot("bo", berlin, shop="berlin")
    lane.clock(MIDNIGHT + 2 * HOUR)
    assert reminded(lane, "member_id") == [("ann",)]
    lane.clock(MIDNIGHT + 9 * HOUR)
    assert reminded(lane, "member_id") == [("ann",), ("bo",)]


def test_spent_held_lapsed_and_never_lapsing_points_are_not_warned_of(ledger: Ledger) -> None:
    expires = MIDNIGHT + 30 * DAY
    ledger.lot("spent", expires)
    ledger.spend("spent")
    ledger.lot("held", expires, 100, held=100)
    ledger.lot("kept", NEVER)
    ledger.lot("lapsed", MIDNIGHT)
    ledger.lot("later", expires + 2 * DAY)
    ledger.lot("partly held", expires, 100, held=40)
    assert reminded(ledger.lane, "member_id, points") == [("partly held", 60)] * 2


def test_a_hold_that_has_ended_and_is_not_posted_keeps_its_account_out(ledger: Ledger) -> None:
    ledger.lot("ann", MIDNIGHT + 30 * DAY, 100, held=40)
    number = ledger.accounts["shop", "ann"]
    ledger.lane.admin.execute(
        "INSERT INTO hold (merchant_no, hold_id, account_no, expires_us, points, purpose, state, "
        "lots) VALUES (%s, 'h', %s, %s, 40, 1, 1, '[]')",
        [number >> expiring.ACCOUNT_BITS, number, NOON],
    )
    assert reminded(ledger.lane) == []


def test_the_ledger_is_asked_again_at_the_moment_of_sending(ledger: Ledger) -> None:
    expires = MIDNIGHT + 30 * DAY
    ledger.lot("ann", expires)
    assert len(reminded(ledger.lane)) == 2
    assert ledger.still_lapses("ann", expires) == 100
    ledger.lot("ann", expires, 20)
    assert ledger.still_lapses("ann", expires) == 120
    ledger.spend("ann")
    assert ledger.still_lapses("ann", expires) is None


def test_what_lapsed_first_of_a_shop_long_ago_is_told_nobody(ledger: Ledger) -> None:
    ledger.lot("ann", MIDNIGHT + 28 * DAY)
    assert reminded(ledger.lane) == []  # its thirtieth day before was the day before yesterday


def test_members_who_cannot_or_will_not_be_reminded_are_skipped(ledger: Ledger) -> None:
    lane = ledger.lane
    lane.contact("shop", "ann", email=True, phone=False)
    lane.opt_out("shop", "ann", "email", "expiring")
    ledger.lot("ann", MIDNIGHT + 30 * DAY)
    assert reminded(lane, "channel, state, reason") == [
        ("email", "skipped", "opted_out"),
        ("sms", "skipped", "no_address"),
    ]


def test_shops_are_looked_at_in_pieces_and_none_is_forgotten(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reminders, "PIECE", 2)
    lane = ledger.lane
    for shop in ("shop", "other", "off", "unheard"):
        if shop in {"other", "off"}:
            lane.hear_of(shop)
        lane.apply(shop, expiring=BY_MAIL | ({"channels": []} if shop == "off" else {}))
        for n in range(5):
            ledger.lot(f"{shop}-{n}", MIDNIGHT + 7 * DAY, shop=shop)
            ledger.lot(f"{shop}-{n}", MIDNIGHT + 7 * DAY + HOUR, shop=shop)
    found = reminded(lane, "member_id, expires_us")
    assert found == [
        (f"{shop}-{n}", MIDNIGHT + 7 * DAY + later)
        for shop in ("other", "shop")
        for n in range(5)
        for later in (0, HOUR)
    ]


def test_other_days_count_from_when_they_are_applied(ledger: Ledger) -> None:
    """Nobody is told of what was so many days ahead more than a day before."""
    lane = ledger.lane
    for days in (13, 15, 30, 31):
        ledger.lot(f"in {days}", MIDNIGHT + days * DAY)
    assert reminded(lane, "member_id") == [("in 30",), ("in 30",)]
    lane.apply("shop", expiring={"days": [14], "channels": ["email"]})
    lane.clock(NOON + DAY)
    where = "SELECT member_id, recorded_us FROM notices.notice WHERE decided_us = %s"
    lane.work_off()
    assert lane.rows(where, NOON + DAY) == [("in 15", MIDNIGHT + DAY)]
    lane.apply("shop", expiring={"days": [30, 14], "channels": ["email"]})
    lane.clock(NOON + 2 * DAY)
    ledger.lot("in 32", MIDNIGHT + 32 * DAY)
    lane.work_off()
    assert lane.rows(where, NOON + 2 * DAY) == [("in 32", MIDNIGHT + 2 * DAY)]


def test_days_that_a_shop_gave_up_while_it_is_looked_at_remind_nobody_more(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reminders, "PIECE", 1)
    lane, count = ledger.lane, "SELECT count(*) FROM notices.notice"
    lane.apply("shop", expiring=BY_MAIL)
    for member in ("ann", "bob", "cat"):
        ledger.lot(member, MIDNIGHT + 7 * DAY)
    lane.timer.use(lane.connection)
    while lane.rows(count) == [(0,)]:
        assert lane.timer.turn()
    lane.apply("shop", expiring=BY_MAIL | {"days": [14]})
    while lane.timer.turn():
        pass
    assert lane.rows(count) == [(1,)]


def test_two_lanes_at_once_remind_once(ledger: Ledger) -> None:
    lane = ledger.lane
    ledger.lot("ann", MIDNIGHT + 30 * DAY)
    other = lane.connect()
    try:
        with session.transaction(other) as cursor:
            assert expiring.try_turn(cursor)
            lane.timer.turn()
            lane.timer.turn()
            assert lane.rows("SELECT 1 FROM notices.notice") == []
    finally:
        other.close()
    assert len(reminded(lane)) == 2


def test_sms_wait_for_the_morning_and_none_for_longer_than_the_points(ledger: Ledger) -> None:
    lane = ledger.lane
    lane.apply("shop", email=MAIL, sms=SMS, quiet={}, expiring={"days": [1], "channels": ["sms"]})
    ledger.lot("ann", MIDNIGHT + DAY)
    lane.clock(MIDNIGHT + HOUR)
    figures = "not_before_us, give_up_us"
    assert reminded(lane, figures) == [(MIDNIGHT + 9 * HOUR, MIDNIGHT + DAY)]


def test_a_piece_walks_its_shops_accounts_in_their_order_and_no_further(ledger: Ledger) -> None:
    """However many lots there are: no sort, no other shop's rows, no rows of the whole table."""
    lane = ledger.lane
    for shop, accounts in ((1, 20_000), (2, 300)):
        lane.admin.execute("INSERT INTO merchant (merchant_id) VALUES (%s)", [f"m{shop}"])
        lane.admin.execute(
            "INSERT INTO account (account_no, merchant_no, member, sequence, available, "
            "next_expiry) SELECT (%s::bigint << 40) + n, %s, n::text::bytea, 1, 100, %s "
            "FROM generate_series(1, %s) n",
            [shop, shop, MIDNIGHT + 7 * DAY, accounts],
        )
    lane.admin.execute(
        "INSERT INTO lot (account_no, expires_us, source, episode, merchant_no, points, remaining)"
        " SELECT account_no, next_expiry, member, 1, merchant_no, 100, 100 FROM account"
    )
    lane.admin.execute("ANALYZE")
    statement = queries("notices/deciding/expiring", asked=expiring._ASKED)["lapsing"]
    for shop, found in ((1, 100), (2, 100), (3, 0)):
        bounds = [shop << 40, (shop + 1) << 40, 100]
        rows = session.raw(lane.connection).execute(
            b"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF) " + bytes(statement),
            [shop, MIDNIGHT, MIDNIGHT + 8 * DAY, *bounds],
        )
        plan = [line for (line,) in rows.fetchall()]
        shape = "\n".join(plan)
        assert "Index Scan using account_pkey" in shape
        assert "Index Scan using lot_pkey" in shape
        for no in ("Sort", "Hash", "Bitmap", "Seq Scan on account", "Seq Scan on lot"):
            assert no not in shape
        read = next(line for line in plan if "on account" in line)
        # One more than the piece, to see whether it shares the last one's account.
        assert re.search(rf"rows={found + bool(found)}\b", read)
