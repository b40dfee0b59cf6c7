"""Holds with quotes, and holds of gifts (account.md 2, 3, 6)."""

from base64 import urlsafe_b64encode
from typing import Any

import pytest

from rules.quotes.tokens import QuoteKey, Terms, sign
from schemas.campaigns import CampaignDocument
from schemas.commands.results import CommandResult
from store.campaigns import reading, saving
from store.postgres import session
from tests.support.account.desk import ANN, BEA, CASH, SHOP, Desk
from tests.support.upstream import Json

KEY = QuoteKey("first", b"k" * 32)
OTHER = QuoteKey("first", b"x" * 32)


def token(desk: Desk, key: QuoteKey = KEY, **terms: Any) -> str:
    """A quote for 50 points of Ann's, made now."""
    rules = desk.rules().account.digest
    wanted: dict[str, Any] = {
        "merchant_id": SHOP,
        "member_id": ANN,
        "points": 50,
        "rules": rules,
    } | terms
    return sign(
        key,
        Terms(**wanted),
        cart="0" * 64,
        currency="TWD",
        discount=5,
        now=desk.now,
        ttl_seconds=900,
    ).token


def without_signature(good: str) -> str:
    """The same payload under `alg: none`."""
    header = urlsafe_b64encode(b'{"alg":"none","kid":"first","typ":"points-quote"}').decode()
    return f"{header.rstrip('=')}.{good.split('.')[1]}."


def test_a_hold_with_a_good_quote_is_made_and_the_quote_serves_again(desk: Desk) -> None:
    desk.quote_keys = [KEY]
    desk.do("assign")
    quote = token(desk)
    assert desk.code("hold", quote=quote) == "ok"
    assert desk.code("hold", hold_id="h2", quote=quote) == "ok"
    third = desk.do("hold", hold_id="h3", quote=quote)
    assert (third["code"], third["changed"]) == ("insufficient_points", ["balance"])


@pytest.mark.parametrize(
    "wrong",
    [
        {"member_id": BEA},
        {"merchant_id": "another"},
        {"points": 60},
        {"key": OTHER},
        {"key": QuoteKey("unknown", b"k" * 32)},
    ],
)
def test_a_quote_must_be_ours_and_for_this_hold(desk: Desk, wrong: Json) -> None:
    desk.quote_keys = [KEY]
    desk.do("assign")
    assert desk.code("hold", quote=token(desk, **wrong)) == "quote_invalid"
    assert desk.code("hold", hold_id="h2", quote=without_signature(token(desk))) == "quote_invalid"
    assert desk.code("hold", hold_id="h3", quote=token(desk)[:-2]) == "quote_invalid"


def test_without_keys_no_quote_is_good(desk: Desk) -> None:
    desk.do("assign")
    assert desk.code("hold", quote=token(desk)) == "quote_invalid"


def test_a_quote_says_what_changed(desk: Desk) -> None:
    desk.quote_keys = [KEY]
    desk.do("assign")
    quote = token(desk)
    desk.later(1)
    desk.settle_in(SHOP, redeem={"cash": CASH | {"price_per_unit": 2}})
    answer = desk.do("hold", quote=quote)
    assert (answer["code"], answer["changed"]) == ("quote_changed", ["settings"])
    desk.later(899)
    assert desk.code("hold", quote=quote) == "quote_expired"


def test_another_section_of_the_settings_voids_no_quote(desk: Desk) -> None:
    desk.quote_keys = [KEY]
    desk.do("assign")
    quote = token(desk)
    desk.later(1)
    desk.settle_in(SHOP, assign={"approval_above": 5})
    assert desk.code("hold", quote=quote) == "ok"


def campaign(desk: Desk, points: int = 30, ends_at: str | None = None) -> None:
    """A campaign since the first of the month, with a mug."""
    document = CampaignDocument.model_validate(
        {
            "campaign_id": "summer",
            "names": {"en": "Summer gifts"},
            "starts_at": "2026-05-01T00:00:00Z",
            "ends_at": ends_at,
            "gifts": [{"gift_id": "mug", "product_id": "p", "points": points}],
        }
    )
    shop = reading.shop_of(session.raw(desk.connection), SHOP)
    saving.apply(desk.connection, shop, document, "mei", name="test")


GIFTS: Json = {
    "purpose": "gift",
    "campaign_id": "summer",
    "gifts": [{"gift_id": "mug", "quantity": 2}],
    "points": 60,
}


def test_gifts_are_held_at_the_campaigns_prices(desk: Desk) -> None:
    desk.do("assign")
    assert desk.code("hold", **GIFTS) == "campaign_closed"
    campaign(desk)
    assert desk.code("hold", **GIFTS | {"campaign_id": "winter"}) == "campaign_closed"
    for gifts in ([{"gift_id": "cup"}], [{"gift_id": "mug"}, {"gift_id": "mug"}]):
        assert desk.code("hold", **GIFTS | {"gifts": gifts}) == "unknown_gift"
    dearer = desk.do("hold", **GIFTS | {"points": 61})
    assert (dearer["code"], dearer["changed"]) == ("price_changed", ["gifts"])
    assert desk.code("hold", **GIFTS | {"channel": "retail"}) == "ok"


def test_a_hold_of_gifts_stands_whatever_becomes_of_the_campaign(desk: Desk) -> None:
    desk.do("assign", points=200)
    campaign(desk, ends_at="2026-05-29T00:00:00Z")
    assert desk.code("hold", ttl_seconds=86_400, **GIFTS) == "ok"
    campaign(desk, points=40, ends_at="2026-05-29T00:00:00Z")
    assert desk.code("hold", **GIFTS | {"hold_id": "h2"}) == "price_changed"
    desk.at("2026-05-29T00:00:00Z")
    assert desk.code("hold", **GIFTS | {"hold_id": "h3"}) == "campaign_closed"
    assert desk.code("capture") == "ok"


def test_every_answer_is_as_its_schema_says(desk: Desk) -> None:
    desk.do("assign", points=100)
    answers = desk.send(
        desk.command("assign"),
        desk.command("hold"),
        desk.command("hold"),
        desk.command("capture", points=10),
        desk.command("capture"),
        desk.command("return_redeemed"),
        desk.command("bulk_assign", members=[ANN, ANN]),
        desk.command("nothing"),
        desk.command("assign", merchant_id="nobody"),
    )
    for answer in answers:
        shown = CommandResult.model_validate(answer).model_dump(mode="json", exclude_unset=True)
        assert shown == answer
        assert list(answer) == [name for name in CommandResult.model_fields if name in answer]
