"""Many quotes on one connection: settings are read once, and again once they have changed."""

import orjson
import pytest

from rules.quotes.answer import Signing
from schemas.answers.quotes import QuoteAnswer
from schemas.quotes import load_cart
from store.reads.account.quote import quoted
from store.reads.snapshot import UnknownMerchant
from store.settings.merchants import Merchants
from tests.support.account.desk import ANN, CASH, SHOP, Desk
from tests.support.servers import Databases

CART = {"currency": "TWD", "items": [{"product_id": "p", "unit_price": 100, "quantity": 2}]}


def test_a_quote_goes_by_the_settings_in_force_however_many_were_asked_before(
    postgres: Databases,
) -> None:
    url = postgres.migrated()
    desk = Desk(url).open()
    merchants = Merchants(desk.connection)

    def quote(merchant: str = SHOP) -> QuoteAnswer:
        cart = load_cart(orjson.dumps(CART), name="cart.json")
        return quoted(desk.connection, merchants, merchant, ANN, cart, Signing())

    try:
        desk.send(desk.command("assign", points=1_000))
        assert (quote().settings_version, quote().code) == (1, "ok")
        desk.later(60)
        desk.settle_in(SHOP, redeem={"cash": {**CASH, "unit_points": 7}})
        assert quote().settings_version == 2
        assert quote().max_points % 7 == 0
        desk.later(60)
        desk.settle_in(SHOP, enabled=False)
        assert (quote().settings_version, quote().code) == (3, "feature_off")
        with pytest.raises(UnknownMerchant):
            quote("stranger")
        desk.settle_in("stranger")
        assert quote("stranger").settings_version == 1
    finally:
        desk.close()
        postgres.drop(url)
