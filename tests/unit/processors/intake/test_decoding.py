"""From bytes to events: orders and deliveries, customers, installations (rules.md 1, 2, 7)."""

from typing import Any, TypeVar

import pytest

from processors.intake.decoding import (
    AppInstallEvent,
    CarrierReportEvent,
    CustomerEvent,
    OrderEvent,
    decode,
)
from processors.runtime.kafka.feed import Record
from rules.order.family import FamilyRecord
from rules.order.membership import MemberStatement
from schemas.packing import pack_id
from schemas.upstream.envelope import RecordKind, Unreadable
from tests.support.in_memory import NOWHERE, FakeMessage, at
from tests.support.order_facts import (
    MEMBER,
    MERCHANT,
    ORDER,
    Event,
    Json,
    bytes_of,
    day,
    delivery,
    envelope,
    order,
    parcel,
    returned,
    some_id,
)

RECEIVED = 1_733_000_000_000_000
TS = 1_733_000_000_123_456_789
APP = some_id("app")
NOT_A_NUMBER: list[Json] = [None, "", "  ", "-", "9" * 65, 1.5, True, [], ["900"], {"no": "900"}]
LIKELY: tuple[RecordKind, ...] = ("order", "delivery", "customer")

_Kind = TypeVar("_Kind", OrderEvent, CarrierReportEvent, CustomerEvent, AppInstallEvent)


def heard(event: Event | bytes | None, likely: RecordKind = "order") -> Any:
    """What the record says, or why it says nothing."""
    value: Any = bytes_of(event) if isinstance(event, dict) else event
    message: Any = FakeMessage(value, RECEIVED)
    return decode(Record(NOWHERE, 0, message), likely)


def told(kind: type[_Kind], event: Event, likely: RecordKind = "order") -> _Kind:
    """What the record says, which is of this kind."""
    said = heard(event, likely)
    assert isinstance(said, kind)
    return said


def refused(event: Event | bytes, likely: RecordKind = "order") -> Unreadable:
    """Why the record is poison."""
    with pytest.raises(Unreadable) as error:
        heard(event, likely)
    return error.value


def of_order(**fields: Json) -> Any:
    """The order record of an order with these fields."""
    return told(OrderEvent, order(**fields)).order


def customer(
    topic: str = "user/update", *, updated: str = "2024-04-18T08:26:03.540+00:00", **fields: Json
) -> Event:
    resource = {
        "id": MEMBER,
        "status": "active",
        "created_at": day("01-01"),
        "updated_at": updated,
        "name": "A",
    } | fields
    return envelope(topic, resource, ts=TS)


def app(topic: str, **fields: Json) -> Event:
    resource = {
        "_id": some_id("installation"),
        "application_id": APP,
        "merchant_id": MERCHANT,
        "installed_by": "MERCHANT",
    } | fields
    return envelope(f"application/{topic}", resource, ts=TS)


def test_an_order_names_its_tracking_number_beside_its_delivery() -> None:
    data = {
        "tracking_number": "9012-3456 78a",
        "url": "https://example.com",
        "store_address": "somewhere",
    }
    said = told(OrderEvent, order(order_delivery=parcel("shipped"), delivery_data=data))
    assert said.order is not None
    assert (said.order.tracking, said.order.delivery_id) == (
        b"9012345678A 90123456 78A",
        pack_id(some_id("first")),
    )
    assert said.parcel is not None
    assert said.parcel.tracking is None
    # One number in two groups, or two numbers: a report shows which (rules.md 6).
    assert said.numbers() == {b"9012345678A", b"90123456", b"78A"}


@pytest.mark.parametrize(
    "fields",
    [
        {"tracking_number": "d4061-7352918"},
        {"delivery_data": {"tracking_number": " D4061-7352918; "}},
        {"tracking_number": "", "delivery_data": {"tracking_number": "D40617352918"}},
        {"tracking_number": "D40617352918", "delivery_data": {"tracking_number": "another"}},
    ],
)
def test_a_parcel_names_its_own_number_itself_or_beside_it(fields: dict[str, Json]) -> None:
    alone = told(OrderEvent, delivery("shipped", day("12-01"), **fields), "delivery")
    nested = told(OrderEvent, order(order_delivery=parcel("shipped", **fields)))
    for said in (alone, nested):
        assert said.parcel is not None
        assert said.parcel.tracking == b"D40617352918"
        assert said.numbers() == {b"D40617352918"}
    assert nested.order is not None
    assert nested.order.tracking is None


def test_a_record_names_every_number_that_is_in_it() -> None:
    said = told(
        OrderEvent,
        order(
            order_delivery=parcel("shipped", tracking_number="a1"),
            delivery_data={"tracking_number": "b2"},
        ),
    )
    assert said.numbers() == {b"A1", b"B2"}
    assert (
        told(OrderEvent, order()).numbers()
        == told(OrderEvent, returned(5, day("12-01"))).numbers()
        == set()
    )


def test_a_number_written_as_an_integer_is_its_digits() -> None:
    assert of_order(delivery_data={"tracking_number": 7420518836}).tracking == b"7420518836"


@pytest.mark.parametrize("number", NOT_A_NUMBER)
def test_what_is_no_tracking_number_poisons_no_order(number: Json) -> None:
    assert of_order(delivery_data={"tracking_number": number}).tracking is None
    said = told(OrderEvent, delivery("shipped", day("12-01"), tracking_number=number), "delivery")
    assert said.parcel is not None
    assert said.parcel.tracking is None


@pytest.mark.parametrize("data", [None, [], "", 7, {}, {"store_address": "x"}])
def test_an_order_may_have_nothing_beside_its_delivery(data: Json) -> None:
    assert of_order(delivery_data=data).tracking is None


def test_a_split_order_names_the_order_it_was_split_from() -> None:
    event = order(topic="order/split_order", parent_order_id=some_id("parent"))
    assert told(OrderEvent, event).family == FamilyRecord(parent=pack_id(some_id("parent")))


@pytest.mark.parametrize(
    ("named", "parent"),
    [
        ({"type": "return", "return_from_order_id": " sold "}, pack_id("sold")),
        (
            {"type": "exchange", "return_from_order_id": "sold", "parent_order_id": ""},
            pack_id("sold"),
        ),
        ({"type": "return", "return_from_order_id": "sold", "parent_order_id": "p"}, pack_id("p")),
        ({"type": "return", "return_from_order_id": None}, None),
        ({"type": "return", "return_from_order_id": {"id": "sold"}}, None),
        ({"return_from_order_id": "sold"}, None),
    ],
)
def test_a_tills_return_names_the_order_that_it_is_from(named: Json, parent: bytes | None) -> None:
    said = told(OrderEvent, order(**named))
    assert (said.family or FamilyRecord()).parent == parent


@pytest.mark.parametrize("parent", [None, "", ORDER])
def test_no_parent_and_the_order_itself_are_no_parent(parent: str | None) -> None:
    said = told(OrderEvent, order(parent_order_id=parent))
    assert said.family == FamilyRecord(parent=b"")
    assert told(OrderEvent, order()).family is None


@pytest.mark.parametrize(
    ("named", "sources"),
    [
        (None, ()),
        ([], ()),
        (["b ", "a", "a", "", ORDER], (pack_id("a"), pack_id("b"))),
        ([{"id": "a"}, {"_id": "b"}, {}, 7], (pack_id("a"), pack_id("b"))),
        ("a", None),
    ],
)
def test_a_combined_order_names_those_it_was_made_of(
    named: Json, sources: tuple[bytes, ...] | None
) -> None:
    said = told(OrderEvent, order(combined_from_orders=named, combined_to_order_id=" c "))
    assert said.family == FamilyRecord(sources=sources, combined_to=pack_id("c"))


@pytest.mark.parametrize(
    "topic", ["order/split_order", "order/combine_orders", "order/create", "order/invented"]
)
def test_every_order_topic_is_read_as_an_order(topic: str) -> None:
    said = told(OrderEvent, order(topic=topic, subtotal=770))
    assert said.order is not None
    assert (said.order_id, said.order.subtotal, said.order.status) == (
        pack_id(ORDER),
        770,
        "confirmed",
    )


def test_the_platforms_own_figure_is_kept() -> None:
    summary = {
        "pending_days": 3,
        "earned_points": 7,
        "order_created_by": "shop_crm",
        "order_type": None,
    }
    record = of_order(member_point_summary=summary)
    assert (record.summary_days, record.summary_points) == (3, 7)


@pytest.mark.parametrize(
    "summary",
    [None, [], "", 7, {"pending_days": "soon", "earned_points": 7}, {"earned_points": 2**63}, {}],
)
def test_a_figure_of_the_platforms_that_is_none_poisons_no_order(summary: Json) -> None:
    record = of_order(member_point_summary=summary)
    assert (record.summary_days, record.summary_points) == (None, None)


@pytest.mark.parametrize("items", [7, 1.5, True, "A-1", ["A-1"], {"quantity": 1}, [{"total": 7}]])
def test_goods_of_another_shape_poison_no_return(items: Json) -> None:
    goods_back = told(OrderEvent, returned(500, day("12-01"), items=items)).returned
    assert goods_back is not None
    assert (goods_back.total, goods_back.items) == (500, None)


def test_half_a_figure_of_the_platforms_is_kept() -> None:
    assert (
        of_order(member_point_summary={"earned_points": 7, "pending_days": None}).summary_points
        == 7
    )


def test_a_nested_delivery_has_a_version_of_its_own() -> None:
    nested = parcel("arrived", updated_at=day("12-05"))
    said = told(OrderEvent, order(updated=day("12-02"), order_delivery=nested, ts=TS))
    assert said.parcel is not None
    assert said.version[:2] == (at(day("12-02")), TS)
    assert said.parcel.version[:2] == (at(day("12-05")), TS)
    assert said.newest_at == at(day("12-05"))
    without = told(OrderEvent, order(updated=day("12-02"), order_delivery=parcel("arrived"), ts=TS))
    assert without.parcel is not None
    assert without.parcel.version == without.version


@pytest.mark.parametrize(
    "topic", ["user/update", "user/create", "customer/update", "customer/create"]
)
@pytest.mark.parametrize("likely", LIKELY)
def test_a_customers_record_says_whether_and_since_when_it_is_a_member(
    topic: str, likely: RecordKind
) -> None:
    said = told(
        CustomerEvent,
        customer(topic, is_member=True, registered_at="2024-04-18T16:26:03.512+08:00"),
        likely,
    )
    assert (said.merchant_id, said.member) == (MERCHANT, pack_id(MEMBER))
    version = said.statement.version
    assert version[:2] == (at("2024-04-18T08:26:03.540Z"), TS)
    registered = at("2024-04-18T08:26:03.512Z")
    assert said.statement == MemberStatement(version, is_member=True, registered_at=registered)
    assert said.newest_at == version.at


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"is_member": False, "registered_at": None}, (False, None)),
        ({"is_member": False}, (False, None)),
        ({"registered_at": day("04-18")}, (None, at(day("04-18")))),
    ],
)
def test_either_key_of_a_customer_is_a_statement(
    fields: dict[str, Json], says: tuple[Json, Json]
) -> None:
    said = told(CustomerEvent, customer(**fields), "customer")
    assert (said.statement.is_member, said.statement.registered_at) == says
    assert not said.statement.removal


@pytest.mark.parametrize("topic", ["user/remove", "customer/remove"])
@pytest.mark.parametrize("fields", [{}, {"is_member": True}])
def test_a_removal_says_that_the_customer_is_no_member(topic: str, fields: dict[str, Json]) -> None:
    said = told(CustomerEvent, customer(topic, **fields), "customer").statement
    assert (said.is_member, said.removal) == (False, True)


def test_a_registration_that_is_null_says_nothing() -> None:
    assert heard(customer(registered_at=None), "customer") == "no_statement"


def test_a_customers_record_with_neither_key_says_nothing() -> None:
    older = {
        "_id": MEMBER,
        "created_at": "2021-01-12T04:18:54.177Z",
        "status": "active",
        "name": "A",
        "phones": [],
    }
    legacy = {
        "topic": "user/create",
        "event": "User",
        "merchant_id": MERCHANT,
        "merchant_handle": "x",
        "resource": older,
    }
    assert heard(legacy, "customer") == heard(customer(), "customer") == "no_statement"


def test_a_customer_of_the_older_form_takes_its_version_from_the_record() -> None:
    event = {
        "topic": "user/update",
        "merchant_id": MERCHANT,
        "resource": {"_id": MEMBER, "is_member": True},
    }
    said = told(CustomerEvent, event, "customer")
    version = said.statement.version
    assert (said.member, version.at, version.ts) == (pack_id(MEMBER), RECEIVED, 0)
    assert version.digest != 0


@pytest.mark.parametrize(
    "topic", ["user_credit/create", "customer_group/update", "product/update", "users", ""]
)
def test_a_topic_that_only_begins_like_a_customers_is_unknown(topic: str) -> None:
    assert heard(customer(topic, is_member=True), "customer") == "unknown_topic"


@pytest.mark.parametrize(
    ("fields", "reason", "named"),
    [
        ({"is_member": "perhaps"}, "wrong_type", "resource.is_member"),
        ({"registered_at": "2024-04-18T08:26:03"}, "wrong_type", "resource.registered_at"),
        ({"registered_at": 1_713_428_763}, "wrong_type", "resource.registered_at"),
        ({"id": "", "is_member": True}, "wrong_type", "resource.id"),
        ({"id": "a\0", "is_member": True}, "wrong_type", "resource.id"),
    ],
)
def test_a_customer_of_wrong_types_is_poison(
    fields: dict[str, Json], reason: str, named: str
) -> None:
    why = refused(customer(**fields), "customer")
    assert (why.reason, why.merchant_id) == (reason, MERCHANT)
    assert named in str(why)


@pytest.mark.parametrize("key", ["resource", "merchant_id"])
def test_a_customer_without_merchant_or_resource_is_poison(key: str) -> None:
    event = customer(is_member=True)
    del event[key]
    assert refused(event, "customer").reason == "missing_field"


def test_a_customer_without_an_id_is_poison() -> None:
    event = customer(is_member=True)
    del event["resource"]["id"]
    why = refused(event, "customer")
    assert (why.reason, "resource.id" in str(why)) == ("missing_field", True)


def test_an_installation_holds_since_it_was_made() -> None:
    event = app("install", created_at=day("03-27 12:00"), deleted_at=None, updated_at=day("03-28"))
    said = told(AppInstallEvent, event)
    assert (said.merchant_id, said.installed, said.application_id) == (MERCHANT, True, APP)
    assert (said.at, said.version[:2]) == (at(day("03-27 12:00")), (at(day("03-28")), TS))
    assert said.newest_at == at(day("03-28"))


def test_an_uninstallation_holds_since_the_installation_was_deleted() -> None:
    event = app(
        "uninstall", created_at=day("03-27"), deleted_at=day("03-29"), updated_at=day("03-28")
    )
    said = told(AppInstallEvent, event)
    assert (said.installed, said.at, said.newest_at) == (
        False,
        at(day("03-29")),
        at(day("03-29")),
    )


@pytest.mark.parametrize(
    ("fields", "since"),
    [
        (
            {"created_at": day("03-27"), "deleted_at": None, "updated_at": day("03-28")},
            at(day("03-28")),
        ),
        ({"updated_at": day("03-28")}, at(day("03-28"))),
        ({}, TS // 1000),
    ],
)
def test_an_uninstallation_without_its_time_holds_since_the_records_version(
    fields: dict[str, Json], since: int
) -> None:
    assert told(AppInstallEvent, app("uninstall", **fields)).at == since


def test_an_uninstallation_of_the_older_form_names_no_app() -> None:
    older = {
        "_id": some_id("installation"),
        "merchant_id": MERCHANT,
        "updated_at": "2021-04-21T08:36:17.892Z",
    }
    event = {
        "event": "Application",
        "merchant_id": MERCHANT,
        "resource": older,
        "topic": "application/uninstall",
    }
    said = told(AppInstallEvent, event)
    assert (said.application_id, said.installed, said.at) == (
        "",
        False,
        at("2021-04-21T08:36:17.892Z"),
    )


@pytest.mark.parametrize("topic", ["update", "installed", ""])
def test_other_application_topics_say_nothing(topic: str) -> None:
    assert heard(app(topic)) == "unknown_topic"
    assert (
        heard(envelope("access_token/create", {"_id": "1", "application_id": APP}))
        == "unknown_topic"
    )


def test_of_a_list_only_the_first_wrong_item_is_told() -> None:
    """What is wrong with each of half a million took half a gigabyte, and the worker with it."""
    why = refused(order(custom_discount_items=[1] * 1_000))
    place = "resource.custom_discount_items.0"
    assert (why.reason, str(why)) == ("wrong_type", f"{place}: Input should be an object")
    for wrong in ({"total": 1}, {"total": {"cents": "many"}}):
        why = refused(order(custom_discount_items=[{"total": None}, wrong, wrong]))
        assert str(why).startswith("resource.custom_discount_items.1.total")
        assert "items.2" not in str(why)


def test_an_installation_of_wrong_types_is_poison() -> None:
    why = refused(app("install", created_at="2023-03-27"))
    assert (why.reason, why.merchant_id) == ("wrong_type", MERCHANT)
    assert "resource.created_at" in str(why)
    assert refused(app("install", application_id=["x"])).reason == "wrong_type"


@pytest.mark.parametrize("likely", LIKELY)
def test_whatever_is_likely_every_kind_is_told_by_its_topic(likely: RecordKind) -> None:
    member, installed = customer(is_member=True), app("install")
    assert told(OrderEvent, order(), likely).order is not None
    assert told(OrderEvent, delivery("arrived", day("12-01")), likely).parcel is not None
    assert told(OrderEvent, returned(5, day("12-01")), likely).returned is not None
    assert isinstance(heard(member, likely), CustomerEvent)
    assert isinstance(heard(installed, likely), AppInstallEvent)
    assert heard(None, likely) == "null_value"
