"""Commands with two and three faults: the code is the first of the list (account.md 3).

The list below is written from the rules alone. Each fault says what makes it; whichever of them a
command has together, its code is that of the one which stands first.
"""

from collections.abc import Iterator
from itertools import combinations
from typing import Any, NamedTuple

import pytest

from processors.commands.at_once import apply_at_once
from rules.quotes.tokens import QuoteKey, Terms, sign
from schemas.campaigns import CampaignDocument
from schemas.ids import SECOND
from store.campaigns import reading, saving
from store.postgres import session
from store.settings.merchants import Merchants
from tests.support.account.desk import ANN, BEA, SHOP, Desk
from tests.support.upstream import Json

KEY = QuoteKey("now", b"0123456789abcdef0123456789abcdef")
OFF = "off"
"""A shop whose points are switched off."""
ASKED = "asked"
"""A command of this id was answered before."""

ACCOUNTS = "SELECT member, sequence, available, held, debt FROM account ORDER BY member"


class Fault(NamedTuple):
    """Fields that make a command wrong; a function makes the value of the whole command."""

    code: str
    fields: Json


class Token(NamedTuple):
    """A quote for the command's own member and points, unless it says otherwise."""

    age_seconds: int = 0
    rules: str | None = None
    points: int | None = None

    def of(self, desk: Desk, command: Json) -> str:
        """The token for a command."""
        points = command["points"] if self.points is None else self.points
        rules = self.rules or desk.rules().account.digest
        terms = Terms(SHOP, command["member_id"], points, rules)
        signed = sign(
            KEY,
            terms,
            cart="",
            currency="TWD",
            discount=1,
            now=desk.now - self.age_seconds * SECOND,
            ttl_seconds=900,
        )
        return signed.token


ANYBODY = [
    Fault("unknown_merchant", {"merchant_id": "nobody"}),
    Fault("key_reused", {"command_id": ASKED}),
    Fault("unknown_type", {"type": "give", "member_id": ANN}),
    Fault("invalid_command", {"point": 1}),
    Fault("invalid_command", {"issued_at": "2036-01-01T00:00:00Z"}),
]
NO_POINTS = Fault("invalid_points", {"points": 0})
NO_REASON = Fault("invalid_reason", {"reason": " "})
BY_MEMBER = Fault("not_allowed", {"performer": {"kind": "member", "id": ANN}})
SWITCHED_OFF = Fault("feature_off", {"merchant_id": OFF})
HELD = [
    Fault("too_late", {"issued_at": "2020-01-01T00:00:00Z"}),
    Fault("hold_exists", {"hold_id": "taken"}),
]
ENDED = [
    Fault("unknown_hold", {"hold_id": "none"}),
    Fault("unknown_hold", {"hold_id": "beas-captured"}),
    Fault("already_captured", {"hold_id": "captured"}),
    Fault("already_released", {"hold_id": "released"}),
    Fault("hold_expired", {"hold_id": "over"}),
]
FAULTS: dict[str, list[Fault]] = {
    "assign": [
        *ANYBODY,
        NO_POINTS,
        Fault("over_limit", {"points": 1_000_000}),
        NO_REASON,
        BY_MEMBER,
        SWITCHED_OFF,
        Fault("not_a_member", {"member_id": "gone"}),
    ],
    "deduct": [
        *ANYBODY,
        NO_POINTS,
        Fault("over_limit", {"points": -1_000_000}),
        NO_REASON,
        BY_MEMBER,
        SWITCHED_OFF,
        Fault("insufficient_points", {"member_id": "gone"}),
    ],
    "cash": [
        *ANYBODY,
        Fault("invalid_command", {"gifts": [{"gift_id": "mug"}]}),
        NO_POINTS,
        Fault("over_limit", {"points": 1_000_000_001}),
        SWITCHED_OFF,
        *HELD,
        Fault("not_offered", {"channel": "retail"}),
        Fault("below_minimum", {"points": 9}),
        Fault("not_a_unit", {"points": 999_999}),
        Fault("quote_invalid", {"quote": "x"}),
        Fault("quote_invalid", {"quote": Token(10_000, "other", 77)}),
        Fault("quote_expired", {"quote": Token(900)}),
        Fault("quote_expired", {"quote": Token(901, "other")}),
        Fault("quote_changed", {"quote": Token(rules="other")}),
        Fault("insufficient_points", {"member_id": "gone"}),
    ],
    "gift": [
        *ANYBODY,
        Fault("invalid_command", {"quote": "x"}),
        NO_POINTS,
        Fault("over_limit", {"points": 1_000_000_001}),
        SWITCHED_OFF,
        *HELD,
        Fault("campaign_closed", {"campaign_id": "none"}),
        Fault("unknown_gift", {"gifts": [{"gift_id": "mug"}, {"gift_id": "mug"}]}),
        Fault("unknown_gift", {"gifts": [{"gift_id": "cup"}]}),
        Fault("price_changed", {"points": 51}),
        Fault("insufficient_points", {"member_id": "gone"}),
    ],
    "capture": [
        *ANYBODY,
        NO_POINTS,
        Fault("over_limit", {"points": 1_000_000_001}),
        *ENDED,
        Fault("exceeds_hold", {"points": 51}),
    ],
    "release": [*ANYBODY, *ENDED],
    "return_redeemed": [
        *ANYBODY,
        NO_POINTS,
        Fault("over_limit", {"points": 1_000_000_001}),
        NO_REASON,
        BY_MEMBER,
        Fault("nothing_to_return", {"order_id": "o9"}),
        Fault("exceeds_redeemed", {"points": 51}),
    ],
    "bulk_assign": [
        *ANYBODY,
        Fault("invalid_command", {"members": []}),
        NO_POINTS,
        Fault("over_limit", {"points": 1_000_000}),
        Fault("over_limit", {"members": [f"m{n}" for n in range(1001)]}),
        NO_REASON,
        BY_MEMBER,
        SWITCHED_OFF,
        Fault("approval_required", {"members": [f"m{n}" for n in range(51)]}),
        Fault("job_changed", {"job_id": "begun"}),
    ],
}
BASES: dict[str, Json] = {
    "assign": {"type": "assign"},
    "deduct": {"type": "assign", "points": -10},
    "cash": {"type": "hold", "hold_id": "new-cash"},
    "gift": {
        "type": "hold",
        "hold_id": "new-gift",
        "purpose": "gift",
        "campaign_id": "summer",
        "gifts": [{"gift_id": "mug"}],
    },
    "capture": {"type": "capture", "hold_id": "live", "order_id": "o2"},
    "release": {"type": "release", "hold_id": "left"},
    "return_redeemed": {"type": "return_redeemed"},
    "bulk_assign": {"type": "bulk_assign", "job_id": "new"},
}
"""What is applied when nothing is wrong with it."""


@pytest.fixture
def shop(desk: Desk) -> Desk:
    """A shop with a campaign, a job and holds in every state."""
    desk.quote_keys = [KEY]
    desk.settle_in(OFF, enabled=False)
    desk.later(1)
    desk.settle_in(SHOP, assign={"approval_above": 500})
    document = CampaignDocument.model_validate(
        {
            "campaign_id": "summer",
            "names": {"en": "Summer gifts"},
            "starts_at": "2026-05-01T00:00:00Z",
            "gifts": [{"gift_id": "mug", "product_id": "p", "points": 50}],
        }
    )
    at = reading.shop_of(session.raw(desk.connection), SHOP)
    saving.apply(desk.connection, at, document, "mei", name="test")
    desk.send(
        desk.command("assign", points=9_990),
        desk.command("assign", member_id=BEA),
        *(
            desk.command("hold", hold_id=name, ttl_seconds=60 if name == "over" else None)
            for name in ("taken", "captured", "released", "over", "live", "left")
        ),
        desk.command("hold", hold_id="beas-captured", member_id=BEA),
        desk.command("capture", hold_id="beas-captured", member_id=BEA, order_id="o5"),
        desk.command("capture", hold_id="captured"),
        desk.command("release", hold_id="released"),
        desk.command("bulk_assign", job_id="begun", members=[BEA], reason="may"),
        desk.command("release", command_id=ASKED, hold_id="whatever"),
        desk.command("release", command_id=ASKED, hold_id="whatever", merchant_id=OFF),
    )
    desk.leave("gone")
    desk.later(60)
    desk.post_overdue()
    return desk


def together(faults: list[Fault], most: int = 3) -> Iterator[tuple[str, Json]]:
    """Every one, two and three faults that one command can have, and the code of the first."""
    for number in range(1, most + 1):
        for some in combinations(faults, number):
            names = [name for fault in some for name in fault.fields]
            if len(set(names)) == len(names):
                yield some[0].code, {k: v for fault in some for k, v in fault.fields.items()}


def others(wanted: list[tuple[str, Json]], answers: list[Json]) -> list[tuple[Json, str, str]]:
    """The faults that were answered with another code, with the right one and that one."""
    return [
        (fields, code, answer["code"])
        for (code, fields), answer in zip(wanted, answers, strict=True)
        if answer["code"] != code
    ]


def command_of(desk: Desk, kind: str, fields: Json) -> Json:
    """The command with these faults."""
    base: dict[str, Any] = {**BASES[kind], **fields}
    command = desk.command(BASES[kind]["type"]) | base
    return {
        name: value.of(desk, command) if isinstance(value, Token) else value
        for name, value in command.items()
    }


@pytest.mark.parametrize("kind", list(FAULTS))
def test_of_two_and_three_faults_the_first_of_the_list_is_the_code(shop: Desk, kind: str) -> None:
    before = shop.rows(ACCOUNTS)
    wanted = list(together(FAULTS[kind]))
    answers = shop.send(*(command_of(shop, kind, fields) for _, fields in wanted))
    assert others(wanted, answers) == []
    assert shop.rows(ACCOUNTS) == before
    assert shop.send(command_of(shop, kind, {}))[0]["code"] == "ok"


@pytest.mark.parametrize("kind", ["cash", "gift"])
def test_a_hold_that_was_asked_for_ahead_hears_the_same_code(shop: Desk, kind: str) -> None:
    before, merchants = shop.rows(ACCOUNTS), Merchants(shop.connection)
    wanted = list(together(FAULTS[kind], 2))
    answers: list[Json] = []
    for _, fields in wanted:
        command = command_of(shop, kind, fields)
        at = command["merchant_id"]
        answers += apply_at_once(shop.connection, merchants, at, [command], [KEY]).results
    assert others(wanted, answers) == []
    assert shop.rows(ACCOUNTS) == before
