"""What customers' records say of how a member is reached, whatever the order in which they come."""

import json
from itertools import permutations
from typing import Any

import pytest

from rules.notices.contacts import FIELDS, Said, Value, newer_fields, said_by
from rules.order.trail import ENDS, Version
from schemas.notices.customer import CustomerContact, read_customer
from schemas.upstream.envelope import Unreadable

AT = Version(1_000_000, 0, 7)


def envelope(topic: str = "user/update", **resource: Any) -> bytes:
    return json.dumps(
        {"topic": topic, "merchant_id": "shop", "resource": {"id": "ann", **resource}}
    ).encode()


def resource(**fields: Any) -> CustomerContact:
    read = read_customer(envelope(**fields))
    assert read is not None
    return read.resource


def values(**fields: Any) -> dict[str, Value]:
    return dict(said_by("user/update", resource(**fields), AT).values)


def test_a_whole_record_of_the_platform() -> None:
    assert values(
        name="Ann",
        email="ann@tea.example",
        mobile_phone="0912345678",
        mobile_phone_country_calling_code="886",
        mobile_phone_verified=True,
        confirmed_at="2024-04-18T08:26:03.512+00:00",
        locale_code="zh-hant",
        birthday="1996-03-05",
        delivery_addresses=[{"address_1": "a street"}],
    ) == {
        "name": "Ann",
        "email": "ann@tea.example",
        "phone": "+886 0912345678",
        "language": "zh-hant",
        "email_verified": True,
        "phone_verified": True,
    }


def test_what_a_record_lacks_it_does_not_say() -> None:
    assert values() == {}
    assert values(email=None) == {"email": None}
    assert values(mobile_phone_country_calling_code="886") == {}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"email": "  ann@tea.example\n"}, {"email": "ann@tea.example"}),
        ({"email": " "}, {"email": None}),
        ({"email": "a@"}, {"email": "a@"}),
        ({"email": "a@b.example, c@d.example"}, {"email": "a@b.example, c@d.example"}),
        ({"email": "安@茶.example"}, {"email": "安@茶.example"}),
        ({"email": "a" * 308 + "@tea.example"}, {"email": "a" * 308 + "@tea.example"}),
        ({"email": "a" * 1001}, {"email": None}),
        ({"email": "a\0b"}, {"email": "ab"}),
        ({"mobile_phone": "0912"}, {"phone": "0912"}),
        ({"mobile_phone": 912345678}, {"phone": "912345678"}),
        ({"mobile_phone": "０９１２３４５６７８"}, {"phone": "０９１２３４５６７８"}),
        ({"mobile_phone": "02-2345-6789"}, {"phone": "02-2345-6789"}),
        (
            {"mobile_phone": "+85291234567", "mobile_phone_country_calling_code": "886"},
            {"phone": "+85291234567"},
        ),
        (
            {"mobile_phone": "91234567", "mobile_phone_country_calling_code": "+852"},
            {"phone": "+852 91234567"},
        ),
        (
            {"mobile_phone": "91234567", "mobile_phone_country_calling_code": 852},
            {"phone": "+852 91234567"},
        ),
        (
            {"mobile_phone": "91234567", "mobile_phone_country_calling_code": "TW"},
            {"phone": "91234567"},
        ),
        (
            {"mobile_phone": "91234567", "mobile_phone_country_calling_code": {}},
            {"phone": "91234567"},
        ),
        ({"mobile_phone": None, "mobile_phone_country_calling_code": "886"}, {"phone": None}),
        ({"name": "x" * 300}, {"name": "x" * 200}),
        ({"name": {"first": "Ann"}}, {"name": None}),
        (
            {"name": "{{ points }}<script>\r\n\u202e👩"},
            {"name": "{{ points }}<script>\r\n\u202e👩"},
        ),
        ({"locale_code": 7}, {"language": None}),
        ({"locale_code": "en" * 18}, {"language": None}),
        ({"confirmed_at": None}, {"email_verified": False}),
        ({"confirmed_at": "1970-01-01T00:00:00Z"}, {"email_verified": False}),
        ({"confirmed_at": "soon"}, {"email_verified": False}),
        ({"email_verified": True, "confirmed_at": None}, {"email_verified": True}),
        ({"mobile_phone_verified": "perhaps"}, {"phone_verified": False}),
    ],
)
def test_what_senders_write_is_kept_as_it_stands(
    fields: dict[str, Any], said: dict[str, Value]
) -> None:
    assert values(**fields) == said


@pytest.mark.parametrize("topic", ["user/remove", "customer/remove", "user/delete"])
def test_a_removal_takes_every_field(topic: str) -> None:
    said = said_by(topic, resource(email="ann@tea.example"), AT)
    assert said.values == dict.fromkeys(FIELDS)
    assert said.version == Version(AT.at, AT.ts, AT.digest | ENDS)
    assert newer_fields(dict.fromkeys(FIELDS, AT), said) == list(FIELDS)


def folded(statements: tuple[Said, ...]) -> dict[str, Value]:
    versions: dict[str, Version] = {}
    now: dict[str, Value] = {}
    for said in statements:
        for field in newer_fields(versions, said):
            versions[field], now[field] = said.version, said.values[field]
    return now


def test_the_newest_word_on_each_field_counts_in_whatever_order_they_come() -> None:
    statements = (
        Said(Version(10), {"email": "old@tea.example", "name": "Ann", "phone": "1"}),
        Said(Version(20), {"email": "new@tea.example"}),
        Said(Version(20, 5), {"phone": "2"}),
        Said(Version(30), {"name": None}),
        Said(Version(15), {"phone": "3", "name": "Anna"}),
    )
    expected = {"email": "new@tea.example", "name": None, "phone": "2"}
    assert all(folded(order) == expected for order in permutations(statements))


def test_a_record_newer_than_a_removal_makes_the_contact_again() -> None:
    gone = Said(Version(20, 0, ENDS), dict.fromkeys(FIELDS))
    old, new = (
        Said(Version(10), {"email": "old", "name": "Ann"}),
        Said(Version(30), {"email": "new"}),
    )
    for order in permutations((gone, old, new)):
        assert folded(order) == dict.fromkeys(FIELDS) | {"email": "new"}


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"no json", "not_json"),
        (b"[]", "wrong_type"),
        (b"{}", "missing_field"),
        (envelope(id=None), "wrong_type"),
        (envelope(id=" "), "wrong_type"),
        (envelope(email={"address": "ann@tea.example"}), "wrong_type"),
        (envelope(email=["ann@tea.example"]), "wrong_type"),
        (envelope(email=7), "wrong_type"),
        (envelope(mobile_phone=True), "wrong_type"),
        (envelope(updated_at="2024-04-18T08:26:03"), "wrong_type"),
        (envelope(email="\ud800"), "not_json"),
    ],
)
def test_what_cannot_be_read_is_poison_without_its_values(value: bytes, reason: str) -> None:
    with pytest.raises(Unreadable) as refused:
        read_customer(value)
    assert refused.value.reason == reason
    assert "tea.example" not in str(refused.value)


def test_another_topics_record_is_none_of_ours_and_need_not_be_like_ours() -> None:
    assert read_customer(b'{"topic": "order/update", "resource": {"id": "x"}}') is None
    assert read_customer(envelope("order/update", email=7)) is None
    assert read_customer(envelope("category/create")) is None


def test_poison_names_its_merchant_where_that_can_be_read() -> None:
    with pytest.raises(Unreadable) as refused:
        read_customer(envelope(email=7))
    assert refused.value.merchant_id == "shop"
    assert str(refused.value).startswith("resource.email")
