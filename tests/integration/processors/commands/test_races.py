"""Two transactions at once: the same command, one hold id, one balance, one job."""

import threading
from collections.abc import Callable, Collection, Iterator

import pytest

from processors.commands.applying import apply_commands, to_publish
from store.ledger.accounts import AccountKey
from store.ledger.commands import CommandRace
from store.ledger.holds import HoldRace
from store.ledger.lots import StoredLots
from store.postgres import session
from store.settings.merchants import Merchants
from store.streams.outbox import records_of
from tests.support.account.desk import ANN, BEA, Desk
from tests.support.engine import wait_for
from tests.support.upstream import Json


@pytest.fixture
def second(desk: Desk) -> Iterator[Desk]:
    """Another desk on the same database."""
    with desk.another("second") as opened:
        yield opened


def beside(first: Desk, second: Desk, one: Json, other: Json) -> Exception | list[Json]:
    """Sends `other` while `one` is not committed; what becomes of it."""
    became: list[Exception | list[Json]] = []

    def send() -> None:
        try:
            became.append(second.send(other))
        except (CommandRace, HoldRace) as error:
            became.append(error)

    thread = threading.Thread(target=send, daemon=True)
    first.send(
        one,
        before_commit=_then(
            thread.start, lambda: wait_for("the second", lambda: first.waits("second"))
        ),
    )
    thread.join(30)
    return became[0]


def _then(*steps: Callable[[], object]) -> Callable[[], None]:
    def all_of() -> None:
        for step in steps:
            step()

    return all_of


def test_the_same_command_twice_at_once_has_one_effect(desk: Desk, second: Desk) -> None:
    give = desk.command("assign")
    assert isinstance(beside(desk, second, give, give), CommandRace)
    again = second.send(give)[0]
    assert (again["repeated"], again["balance"]["available"]) == (True, 100)
    assert desk.rows("SELECT count(*) FROM ledger") == [(1,)]


def test_two_members_holds_of_one_id_at_once_make_one_hold(desk: Desk, second: Desk) -> None:
    for member in (ANN, BEA):
        desk.do("assign", member_id=member)
    mine, theirs = (desk.command("hold", member_id=member) for member in (ANN, BEA))
    assert isinstance(beside(desk, second, mine, theirs), HoldRace)
    assert second.send(theirs)[0]["code"] == "hold_exists"


def test_two_holds_on_one_balance_wait_for_each_other(desk: Desk, second: Desk) -> None:
    desk.do("assign")
    one, other = (desk.command("hold", hold_id=name, points=60) for name in ("h1", "h2"))
    became = beside(desk, second, one, other)
    assert isinstance(became, list)
    assert became[0]["code"] == "insufficient_points"


def test_an_account_that_is_made_between_the_lock_and_the_lots_is_a_strangers(
    desk: Desk, second: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.do("assign")
    ask_ahead = StoredLots.ask_ahead

    def is_locked() -> bool:
        return not desk.rows("SELECT FROM account FOR UPDATE SKIP LOCKED")

    def asked(lots: StoredLots, accounts: Collection[AccountKey]) -> None:
        wait_for("the lock", is_locked)
        second.do("assign", member_id=BEA, command_id="theirs")
        ask_ahead(lots, accounts)

    monkeypatch.setattr(StoredLots, "ask_ahead", asked)
    holds = [desk.command("hold", member_id=name, hold_id=name) for name in (ANN, BEA)]
    assert [answer["code"] for answer in desk.send(*holds)] == ["ok", "insufficient_points"]


def test_parts_of_one_job_at_once_give_each_member_once(desk: Desk, second: Desk) -> None:
    parts = desk.command("bulk_assign"), desk.command("bulk_assign", members=[BEA, "cat"])
    became = beside(desk, second, *parts)
    assert isinstance(became, list)
    assert [row["code"] for row in became[0]["rows"]] == ["already_done", "ok"]


def test_an_order_on_which_something_was_redeemed_is_looked_at_again(desk: Desk) -> None:
    desk.do("assign")
    desk.do("hold")
    desk.do("capture")
    desk.do("return_redeemed", points=1)
    assert len(desk.rows("SELECT FROM recheck WHERE kind = 1")) == 2


def test_what_is_applied_without_kafka_is_published_and_met_as_a_repeat(desk: Desk) -> None:
    give = desk.command("assign")
    commands, values = to_publish([give])
    with session.transaction(desk.connection) as cursor:
        merchants = Merchants(desk.connection)
        apply_commands(cursor, merchants, commands, desk.now, published=values)
    rows = desk.rows("SELECT kind, value FROM outbox WHERE kind IN (8, 9) ORDER BY kind")
    records = [(kind, *record) for kind, value in rows for record in records_of(bytes(value))]
    assert [record[:2] for record in records] == [(8, b"shop:ann"), (9, b"shop:ann")]
    published = desk.published(records[1][2])
    assert published["repeated"]
    assert desk.rows("SELECT available FROM account") == [(100,)]
