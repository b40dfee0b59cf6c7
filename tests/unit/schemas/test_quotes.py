"""A cart: what may be left out, and every way in which it is refused."""

import json
from typing import Any

import pytest

from schemas.quotes import CartError, load_cart
from tests.support.account.quoting import cart_json, cart_of, item


def problems(data: bytes, points: int | str | None = None) -> dict[str, str]:
    with pytest.raises(CartError) as refused:
        load_cart(data, name="cart", points=points)
    assert (refused.value.code, refused.value.exit_code) == ("invalid_cart", 5)
    return {
        problem.path: f"{problem.wrong}; {problem.remedy}" for problem in refused.value.problems
    }


def test_what_has_an_obvious_answer_may_be_left_out() -> None:
    cart = cart_of(item(113, 2))
    assert (cart.channel, cart.discount, cart.store_credit, cart.delivery_fee) == ("ec", 0, 0, 0)
    assert (cart.points, cart.ignore_hold, cart.items[0].excluded) == (None, None, False)
    assert cart.subtotal == 226


def test_the_digest_is_that_of_the_meaning() -> None:
    spelt_out = cart_of(item(5) | {"excluded": False}, channel="ec", discount=0, points=None)
    assert spelt_out.digest() == cart_of(item(5)).digest()
    assert cart_of(item(5), points=10).digest() != cart_of(item(5)).digest()


@pytest.mark.parametrize(
    ("keys", "path", "wrong"),
    [
        ({"currency": "dollars"}, "currency", "not spelt as expected"),
        ({"currency": None}, "currency", "not text"),
        ({"channel": "pos"}, "channel", "use 'ec' or 'retail'"),
        ({"items": []}, "items", "empty"),
        ({"items": {}}, "items", "not a list"),
        ({"items": [item(1)] * 1001}, "items", "more than 1,000 items"),
        ({"items": [7]}, "items[0]", "not a section"),
        ({"items": [item(-1)]}, "items[0].unit_price", "use 0 or more"),
        ({"items": [item(1) | {"unit_price": 1.5}]}, "items[0].unit_price", "not a whole number"),
        ({"items": [item(1) | {"unit_price": 10.0}]}, "items[0].unit_price", "not a whole number"),
        ({"items": [item(1) | {"unit_price": "10"}]}, "items[0].unit_price", "not a whole number"),
        ({"items": [item(1) | {"unit_price": True}]}, "items[0].unit_price", "not a whole number"),
        ({"items": [item(10**12 + 1)]}, "items[0].unit_price", "too large"),
        ({"items": [item(1, 0)]}, "items[0].quantity", "use 1 or more"),
        ({"items": [item(1, -1)]}, "items[0].quantity", "use 1 or more"),
        ({"items": [item(10**12, 10**12)]}, "items", "cost more than"),
        ({"items": [item(1) | {"product_id": ""}]}, "items[0].product_id", "empty"),
        ({"items": [item(1) | {"product_id": "x" * 101}]}, "items[0].product_id", "longer than"),
        ({"items": [item(1) | {"product_id": " p"}]}, "items[0].product_id", "blanks at an end"),
        ({"items": [item(1) | {"product_id": "a\nb"}]}, "items[0].product_id", "control"),
        ({"items": [item(1) | {"product_id": "\ud800"}]}, "items[0].product_id", "not text"),
        ({"items": [item(1) | {"exclude": True}]}, "items[0].exclude", "did you mean excluded"),
        ({"discount": -5}, "discount", "use 0 or more"),
        ({"discount": 0.5}, "discount", "not a whole number"),
        ({"store_credit": None}, "store_credit", "not a whole number"),
        ({"delivery_fee": 10**12 + 1}, "delivery_fee", "too large"),
        ({"points": -1}, "points", "use 0 or more"),
        ({"points": 10.5}, "points", "not a whole number"),
        ({"ignore_hold": 7}, "ignore_hold", "not text"),
        ({"colour": "red"}, "colour", "not a known key"),
    ],
)
def test_a_mistake_is_refused_with_its_path(keys: dict[str, Any], path: str, wrong: str) -> None:
    found = problems(cart_json(item(1), **keys))
    assert list(found) == [path]
    assert wrong in found[path]


@pytest.mark.parametrize("key", ["currency", "items"])
def test_what_cannot_be_guessed_must_be_there(key: str) -> None:
    cart = json.loads(cart_json(item(1)))
    del cart[key]
    assert problems(json.dumps(cart).encode()) == {key: "is missing; add it"}


def test_all_problems_are_told_at_once_without_the_values() -> None:
    data = cart_json(item(-77), item(1, 0), discount=-5, colour="secret")
    assert set(problems(data)) == {
        "items[0].unit_price",
        "items[1].quantity",
        "discount",
        "colour",
    }
    with pytest.raises(CartError) as refused:
        load_cart(data, name="cart")
    assert "secret" not in str(refused.value)
    assert "77" not in str(refused.value)


@pytest.mark.parametrize(
    ("data", "wrong"),
    [
        (b"", "not JSON"),
        (b"currency: TWD", "not JSON"),
        (b"[]", "not a section"),
        (b"null", "not a section"),
        (b'{"points": NaN}', "NaN is no number"),
        (b"[" * 100_000, "nested too deeply"),
        (b"\xff", "not UTF-8"),
    ],
)
def test_a_text_that_is_no_cart_is_refused(data: bytes, wrong: str) -> None:
    assert wrong in problems(data)[""]


def test_a_key_that_is_there_twice_is_refused() -> None:
    data = cart_json(item(1), discount=5).replace(b'"discount"', b'"discount": 4, "discount"')
    assert problems(data) == {"discount": "is there twice; keep it once"}


def test_the_number_that_is_given_apart_replaces_the_carts() -> None:
    assert load_cart(cart_json(item(1), points=7), name="cart", points=20).points == 20
    assert "use 0 or more" in problems(cart_json(item(1)), points=-1)["points"]
    assert "not a whole number" in problems(cart_json(item(1)), points="10.5")["points"]


@pytest.mark.parametrize("name", ["a\u200eb", "a\u2028b", ":", "{}", "\U0001f381" * 100])
def test_ids_are_those_that_commands_take(name: str) -> None:
    items = [{"product_id": name, "unit_price": 1, "quantity": 1}]
    content = {"currency": "TWD", "items": items, "ignore_hold": name}
    assert load_cart(json.dumps(content).encode(), name="cart").ignore_hold == name


def test_a_number_of_thousands_of_digits_is_too_large_in_our_words() -> None:
    data = cart_json(item(7)).replace(b"7", b"9" * 5000)
    assert problems(data) == {
        "items[0].unit_price": "is too large; use 1000000000000 or less",
    }
