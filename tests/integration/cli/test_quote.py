"""`points quote`: the settings in force and the member's points at the moment of asking."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from rules.account.account import claw_back
from rules.account.acts import Act, post
from rules.account.assigning import assign
from rules.account.entries import OpenAccount
from rules.account.holding import hold
from rules.account.holds import Hold, Purpose
from rules.account.lots import LotKey, SourceKind
from rules.account.lots_needed import Intended
from rules.quotes.tokens import Terms, quote_keys, verify
from schemas.answers.quotes import QuoteAnswer
from schemas.events import EntryType, Performer, PerformerKind
from schemas.ids import DAY, MINUTE, NEVER, SECOND, Micros
from schemas.packing import pack_id
from schemas.printable import printable_lines
from schemas.settings import compile_settings, load_settings
from store.ledger.ledger import Ledger
from store.postgres import session
from store.settings import versions
from tests.support.account.quoting import SETTINGS, TEN_FOR_ONE, cart_json, item
from tests.support.commands import Ran, points
from tests.support.in_process import InProcessEngine

SHOP, ANN = "shop", "ann"
KEYS = "2026-b:" + "B" * 43 + ",2026-a:" + "A" * 43
STAFF = Performer(kind=PerformerKind.staff, id="mei")


class Counter:
    """A shop with settings, its members' accounts, and carts that are brought to it."""

    def __init__(self, engine: InProcessEngine, folder: Path) -> None:
        self.engine, self.folder = engine, folder
        self.environment = {"POINTS_DATABASE__URL": engine.database_url}

    def settings(
        self, merchant: str = SHOP, since: str = "2023-01-01T00:00:00Z", **keys: Any
    ) -> str:
        """Applies settings; the digest of what a quote is bound to."""
        document = SETTINGS | {"redeem": {"cash": TEN_FOR_ONE}, "effective_at": since} | keys
        loaded = load_settings(json.dumps(document).encode(), name="settings")
        with session.connect(self.engine.database_url) as connection:
            versions.apply(connection, merchant, loaded, "test")
        return compile_settings(loaded).account.digest

    def now(self) -> Micros:
        return int(self.engine.value("SELECT points_now()"))

    def change(
        self, operate: Callable[[OpenAccount, Act], object], name: str, points: int = 0
    ) -> None:
        """One command on Ann's account, which takes at most so many points."""
        number = self.engine.value("SELECT merchant_no FROM merchant WHERE merchant_id = %s", SHOP)
        key, act = (number, pack_id(ANN)), Act.of_command(SHOP, name, 1, STAFF)
        with (
            session.connect(self.engine.database_url) as connection,
            session.transaction(connection) as cursor,
        ):
            intents = {key: [Intended(points=-points)]}
            ledger = Ledger.open(cursor, intents, self.now(), lambda _: SHOP)
            operate(ledger.accounts[key], act)
            ledger.write()

    def assign(self, points: int, expires_at: Micros = NEVER) -> LotKey:
        name = f"assign {points} {expires_at}"
        lot = LotKey(expires_at, SourceKind.command, pack_id(name), 0)
        self.change(lambda opened, act: assign(opened, act, points, lot), name)
        return lot

    def hold(self, hold_id: str, points: int, ends: Micros) -> None:
        new = Hold(hold_id.encode(), points, Purpose.cash, ends, 1, [])
        self.change(lambda opened, act: hold(opened, act, new), f"hold {hold_id}", points)

    def take_back(self, lot: LotKey, points: int) -> None:
        def operate(opened: OpenAccount, act: Act) -> None:
            moved = claw_back(opened.account, lot, points)
            post(opened, act, EntryType.deducted, moved, settings_no=1)

        self.change(operate, f"take back {points}", points)

    def ask(self, *items: dict[str, Any], options: tuple[str, ...] = (), **keys: Any) -> Ran:
        """`points quote` of a cart with these items."""
        cart = self.folder / "cart.json"
        cart.write_bytes(cart_json(*items, **keys))
        return points(self.environment, "quote", SHOP, ANN, str(cart), *options)

    def quote(self, *items: dict[str, Any], options: tuple[str, ...] = (), **keys: Any) -> Any:
        """Its answer."""
        return self.ask(*items, options=("--json", *options), **keys).json

    def available(self, **keys: Any) -> int:
        """The points that a quote counts, which are those of the balance."""
        told = int(self.quote(item(226), **keys)["available"])
        if "ignore_hold" not in keys:
            assert (
                points(self.environment, "balance", SHOP, ANN, "--json").json["available"] == told
            )
        return told


@pytest.fixture
def counter(in_process: InProcessEngine, tmp_path: Path) -> Counter:
    shop = Counter(in_process, tmp_path)
    shop.settings()
    return shop


def test_a_quote_tells_what_a_cart_costs_and_why(counter: Counter) -> None:
    counter.assign(5000)
    counter.settings(redeem={"cash": TEN_FOR_ONE | {"max_percent": 20}}, since="2024-01-01T00:00Z")
    answer = counter.quote(item(113, 2), delivery_fee=60)
    steps, quoted_at = answer.pop("steps"), answer.pop("quoted_at")
    assert "The shop's maximum is TWD 46 (20 % of TWD 226, rounded up" in " ".join(steps)
    assert quoted_at
    assert answer == {
        "merchant_id": SHOP,
        "member_id": ANN,
        "currency": "TWD",
        "channel": "ec",
        "settings_version": 2,
        "subtotal": 226,
        "discount": 0,
        "store_credit": 0,
        "delivery_fee": 60,
        "eligible": 226,
        "available": 5000,
        "max_points": 460,
        "limited_by": "maximum",
        "entered": None,
        "points": 460,
        "point_discount": 46,
        "points_left": 4540,
        "total": 240,
        "code": "ok",
        "message": None,
        "valid_until": None,
        "token": None,
    }


def test_people_get_a_bill_with_the_steps(counter: Counter) -> None:
    counter.assign(800)
    shown = counter.ask(item(500), delivery_fee=60, points=200)
    assert shown.code == 0
    for text in ("TWD 500", "TWD -20", "TWD 540", "600", "200 points give a discount of TWD 20"):
        assert text in shown.out


def test_the_option_replaces_what_the_cart_says_was_entered(counter: Counter) -> None:
    counter.assign(800)
    answer = counter.quote(item(500), points=200, options=("--points", "15"))
    assert (answer["entered"], answer["points"], answer["code"]) == (15, 10, "rounded")
    prompt = counter.quote(item(500), options=("--points", "9"))
    assert (prompt["code"], prompt["points"]) == ("below_minimum", 0)
    assert prompt["message"] == "At least 10 points must be entered"


def test_a_cart_may_come_from_standard_input(counter: Counter) -> None:
    counter.assign(800)
    cart = cart_json(item(500)).decode()
    ran = points(counter.environment, "quote", SHOP, ANN, "-", "--json", stdin=cart)
    assert ran.json["points"] == 800


def test_ids_from_outside_act_on_no_terminal(counter: Counter) -> None:
    evil = "\x1b[2J\u202eevil\n✓ all is well"
    counter.settings(merchant=evil)
    cart = cart_json(item(226)).decode()
    for options in ((), ("--json",)):
        ran = points(counter.environment, "quote", evil, evil, "-", *options, stdin=cart)
        assert ran.code == 0
        assert ran.out == printable_lines(ran.out)
        assert "\n✓" not in ran.out


def test_who_has_no_account_has_no_points(counter: Counter) -> None:
    answer = counter.quote(item(226))
    assert (answer["code"], answer["available"], answer["total"]) == ("no_points", 0, 226)


def test_an_unknown_merchant_is_not_found(counter: Counter) -> None:
    cart = cart_json(item(226)).decode()
    ran = points(counter.environment, "quote", "no-shop", ANN, "-", stdin=cart)
    assert ran.code == 6
    counter.engine.rows("INSERT INTO merchant (merchant_id) VALUES ('bare') RETURNING 1")
    ran = points(counter.environment, "quote", "bare", ANN, "-", stdin=cart)
    assert ran.code == 6
    assert "unknown_merchant: merchant bare is not known: it has no settings" in ran.err


def test_every_problem_of_a_cart_is_told_and_nothing_answered(counter: Counter) -> None:
    ran = counter.ask(item(-1), item(1, 0), discount=0.5, points=-1, options=("--json",))
    assert (ran.code, ran.out) == (5, "")
    for path in ("items[0].unit_price", "items[1].quantity", "discount", "points"):
        assert f"  {path} is " in ran.err
    assert "invalid_cart" in ran.err
    for no_points in ("-1", "10.5", "ten", ""):
        ran = counter.ask(item(1), options=("--points", no_points))
        assert (ran.code, ran.err.startswith("error: invalid_cart: ")) == (5, True), ran
    missing = points(counter.environment, "quote", SHOP, ANN, str(counter.folder / "none.json"))
    assert missing.code == 2


def test_settings_count_from_the_moment_they_take_effect(counter: Counter) -> None:
    counter.assign(800)
    counter.settings(redeem={"cash": None}, since="2999-01-01T00:00:00Z")
    assert counter.quote(item(226))["settings_version"] == 1
    counter.engine.move_clock(1000 * 366 * DAY / SECOND)
    answer = counter.quote(item(226))
    assert (answer["settings_version"], answer["code"]) == (2, "not_offered")


def test_before_the_first_settings_take_effect_the_feature_is_off(counter: Counter) -> None:
    counter.settings(merchant="early", since="2999-01-01T00:00:00Z")
    cart = cart_json(item(226)).decode()
    ran = points(counter.environment, "quote", "early", ANN, "-", "--json", stdin=cart)
    assert (ran.json["code"], ran.json["settings_version"]) == ("feature_off", None)


def test_an_uninstalled_app_switches_quotes_off(counter: Counter) -> None:
    counter.assign(800)
    counter.engine.rows(
        "INSERT INTO application_event SELECT merchant_no, points_now(), false FROM merchant"
        " RETURNING 1"
    )
    answer = counter.quote(item(226))
    assert (answer["code"], answer["available"], answer["eligible"]) == ("feature_off", 800, 226)


def test_points_that_lapse_are_gone_at_their_instant_posted_or_not(counter: Counter) -> None:
    counter.assign(100)
    counter.assign(500, counter.now() + 30 * MINUTE)
    assert counter.available() == 600
    counter.engine.move_clock(31 * 60)
    assert counter.available() == 100


def test_held_points_are_free_when_the_hold_ends_posted_or_not(counter: Counter) -> None:
    counter.assign(600)
    counter.hold("h1", 400, counter.now() + 30 * MINUTE)
    assert counter.available() == 200
    counter.engine.move_clock(31 * 60)
    assert counter.available() == 600


def test_the_shoppers_own_hold_counts_as_available(counter: Counter) -> None:
    counter.assign(600)
    ends = counter.now() + 30 * MINUTE
    counter.hold("h1", 400, ends)
    counter.hold("hölle", 100, ends)
    assert counter.available() == 100
    assert counter.available(ignore_hold="h1") == 500
    assert counter.available(ignore_hold="hölle") == 200
    assert counter.available(ignore_hold="never made") == 100
    counter.engine.move_clock(31 * 60)
    assert counter.available(ignore_hold="h1") == 600


def test_another_members_hold_is_not_ignored(counter: Counter) -> None:
    counter.assign(600)
    counter.hold("h1", 400, counter.now() + 30 * MINUTE)
    given = ("member", "assign", SHOP, "ben", "70", "--reason", "hello", "--by", "sue")
    assert points(counter.environment, *given).code == 0
    cart = cart_json(item(226), ignore_hold="h1").decode()

    def available(member: str) -> int:
        ran = points(counter.environment, "quote", SHOP, member, "-", "--json", stdin=cart)
        return int(ran.json["available"])

    assert (available("ben"), available("nobody")) == (70, 0)
    counter.engine.move_clock(31 * 60)  # nor does it come to another when its time is over
    assert (available("ben"), available("nobody")) == (70, 0)


def test_what_a_released_hold_would_pay_as_debt_or_lose_is_not_available(
    counter: Counter,
) -> None:
    soon = counter.assign(100, counter.now() + 10 * MINUTE)
    counter.assign(300)
    counter.hold("h1", 400, counter.now() + 60 * MINUTE)
    counter.take_back(soon, 30)
    assert counter.available() == 0
    assert counter.available(ignore_hold="h1") == 370
    counter.engine.move_clock(11 * 60)
    # The lapsed lot pays the debt of 30 first, and the rest of it is lost.
    assert counter.available(ignore_hold="h1") == 300


def test_a_quote_is_signed_with_the_first_key_for_as_long_as_it_is_valid(counter: Counter) -> None:
    counter.assign(800)
    counter.environment |= {"POINTS_QUOTES__KEYS": KEYS, "POINTS_QUOTES__TTL_SECONDS": "60"}
    answer = TypeAdapter(QuoteAnswer).validate_python(counter.quote(item(226)))
    rules = counter.settings(since="2024-01-01T00:00:00Z")  # the same once more
    assert answer.token is not None
    assert answer.valid_until is not None
    assert answer.valid_until == (answer.quoted_at // SECOND + 60) * SECOND
    terms, keys = Terms(SHOP, ANN, 800, rules), quote_keys(KEYS)
    assert verify(keys[:1], answer.token, terms, counter.now()) is None
    assert verify(keys[1:], answer.token, terms, counter.now()) == "quote_invalid"
    assert verify(keys, answer.token, terms, answer.valid_until) == "quote_expired"
    assert answer.token not in counter.ask(item(226)).out


def test_no_points_no_token(counter: Counter) -> None:
    counter.environment |= {"POINTS_QUOTES__KEYS": KEYS}
    counter.assign(800)
    for answer in (counter.quote(item(226), points=0), counter.quote(item(0))):
        assert (answer["points"], answer["token"], answer["valid_until"]) == (0, None, None)


def test_keys_that_cannot_be_used_stop_the_command(counter: Counter) -> None:
    counter.environment |= {"POINTS_QUOTES__KEYS": "a:aHVzaGh1c2g"}
    ran = counter.ask(item(226))
    assert ran.code == 2
    assert "POINTS_QUOTES__KEYS: key 1 is too short" in ran.err
    assert "aHVz" not in ran.err
