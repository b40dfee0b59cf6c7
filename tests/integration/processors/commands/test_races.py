"""Two transactions at once: the same command, one hold id, one balance, one job."""

import threading
from collections.abc import Callable, Collection, Iterator

import psycopg
import pytest

from processors.commands.applying import apply_commands, to_publish
from processors.commands.at_once import apply_at_once
from schemas.packing import pack_id
from store.ledger.accounts import AccountKey
from store.ledger.commands import CommandRace
from store.ledger.holds import HoldRace
from store.ledger.lots import StoredLots
from store.postgres import session
from store.settings.merchants import Merchants
from store.streams.outbox import records_of
from tests.support.account.desk import ANN, BEA, SHOP, Desk
from tests.support.engine import (
    PATIENCE,
    wait_for,
)
from tests.support.upstream import Json


@pytest.fixture
def second(desk: Desk) -> Iterator[Desk]:
    """Another desk on the same database."""
    with desk.another("second") as opened:
        yield opened


def beside(
    first: Desk,
    second: Desk,
    one: Json,
    other: Json,
    sends: Callable[[Desk, Json], list[Json]] = Desk.send,
) -> Exception | list[Json]:
    """Has `other` sent while `one` is not committed; what becomes of it."""
    became: list[Exception | list[Json]] = []

    def send() -> None:
        try:
            became.append(sends(second, other))
        except (CommandRace, HoldRace) as error:
            became.append(error)

    thread = threading.Thread(target=send, daemon=True)
    first.send(
        one,
        before_commit=_then(
            thread.start, lambda: wait_for("the second", lambda: first.waits("second"))
        ),
    )
    thread.join(PATIENCE)
    return became[0]


def in_batches(desk: Desk, command: Json) -> list[Json]:
    """As the worker does: once more when another transaction was faster."""
    try:
        return desk.send(command)
    except (CommandRace, HoldRace):
        return desk.send(command)


def at_once(desk: Desk, command: Json) -> list[Json]:
    """As HTTP and the command line do, with the settings that are known from before."""
    merchants = Merchants(desk.connection)
    merchants.look_up([SHOP])
    merchants.refresh()
    return apply_at_once(desk.connection, merchants, SHOP, [command]).results


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


REFUSED_OTHERWISE: dict[str, Json] = {
    "too few are left": {"points": 60},
    "no unit": {"points": 61},
    "a quote that is none": {"points": 60, "quote": "x.y.z"},
    "a campaign that is none": {
        "points": 60,
        "purpose": "gift",
        "campaign_id": "none",
        "gifts": [{"gift_id": "mug"}],
    },
}
"""What two holds of one id would be refused for, if the id were free."""


@pytest.mark.parametrize("sends", [in_batches, at_once])
@pytest.mark.parametrize("fields", REFUSED_OTHERWISE.values(), ids=list(REFUSED_OTHERWISE))
def test_of_two_holds_of_one_id_on_one_account_the_slower_hears_that_it_exists(
    desk: Desk, second: Desk, sends: Callable[[Desk, Json], list[Json]], fields: Json
) -> None:
    desk.do("assign")
    one, other = desk.command("hold", points=60), desk.command("hold", **fields)
    became = beside(desk, second, one, other, sends)
    assert isinstance(became, list)
    assert (became[0]["code"], became[0]["balance"]["available"]) == ("hold_exists", 40)


Fields = tuple[str, Json]
AT_ONCE: dict[str, tuple[Fields, Fields, str]] = {
    "captured twice": (("capture", {}), ("capture", {"order_id": "o2"}), "already_captured"),
    "captured and released": (("capture", {}), ("release", {}), "already_captured"),
    "released and captured": (("release", {}), ("capture", {}), "already_released"),
    "held and captured": (
        ("hold", {"hold_id": "h2"}),
        ("capture", {"hold_id": "h2", "order_id": "o2"}),
        "ok",
    ),
    "returned twice": (
        ("return_redeemed", {"order_id": "before"}),
        ("return_redeemed", {"order_id": "before"}),
        "nothing_to_return",
    ),
    "more returned than is left": (
        ("return_redeemed", {"order_id": "before", "points": 6}),
        ("return_redeemed", {"order_id": "before", "points": 5}),
        "exceeds_redeemed",
    ),
    "deducted twice": (
        ("assign", {"points": -100}),
        ("assign", {"points": -60}),
        "insufficient_points",
    ),
    "other terms of one job": (
        ("bulk_assign", {}),
        ("bulk_assign", {"points": 11}),
        "job_changed",
    ),
}


@pytest.mark.parametrize("sends", [in_batches, at_once])
@pytest.mark.parametrize(("one", "other", "code"), AT_ONCE.values(), ids=list(AT_ONCE))
def test_the_slower_of_two_hears_what_it_would_after_the_faster(
    desk: Desk,
    second: Desk,
    one: Fields,
    other: Fields,
    code: str,
    sends: Callable[[Desk, Json], list[Json]],
) -> None:
    desk.do("assign", points=210)
    desk.do("hold", hold_id="h0", points=10)
    desk.do("capture", hold_id="h0", order_id="before")
    desk.do("hold")
    (type_, fields), (type_after, fields_after) = one, other
    commands = desk.command(type_, **fields), desk.command(type_after, **fields_after)
    became = beside(desk, second, *commands, sends)
    assert isinstance(became, list)
    assert became[0]["code"] == code


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


@pytest.mark.parametrize("type_", ["capture", "return_redeemed"])
def test_what_redeems_on_an_order_waits_for_whoever_has_it_in_hand(
    desk: Desk, second: Desk, type_: str
) -> None:
    desk.do("assign")
    for hold_id in ("h1", "h2"):
        desk.do("hold", hold_id=hold_id)
    desk.do("capture", hold_id="h2")
    made = """INSERT INTO orders (merchant_no, order_id, settings_no, flags, planned)
              SELECT merchant_no, %s, 1, 0, 0 FROM merchant WHERE merchant_id = %s RETURNING 1"""
    assert desk.rows(made, pack_id("o1"), SHOP) == [(1,)]
    answers: list[Json] = []
    thread = threading.Thread(target=lambda: answers.extend(second.send(desk.command(type_))))
    with psycopg.connect(desk.url) as holder:
        holder.execute("SELECT FROM orders FOR UPDATE")
        thread.start()
        wait_for("the second", lambda: desk.waits("second"))
        # Orders come before accounts: it has no account in hand that the other may need.
        holder.execute("SELECT FROM account FOR UPDATE NOWAIT")
    thread.join(PATIENCE)
    assert [answer["code"] for answer in answers] == ["ok"]


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
