"""From bytes to what a carrier reported (rules.md 6).

Reports have no envelope, and come from whoever speaks for the carrier.
"""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.intake.decoding import LONGEST_TEXT, CarrierReportEvent, OrderEvent
from schemas.packing import pack_id
from schemas.upstream.envelope import RecordKind, Unreadable
from tests.support.in_memory import at
from tests.support.order_facts import MERCHANT, ORDER, Event, Json, day, delivery
from tests.unit.processors.intake.test_decoding import LIKELY, heard, refused, told

AT_STORE: Event = {
    "carrier": "ecpay",
    "service": "unimartc2c",
    "code": "2073",
    "text": "包裹配達取件門市",
    "tracking_number": "D40617352918",
    "occurred_at": "2024-06-11T09:14:00+08:00",
    "report_id": "1768820931",
}
RETURNED: Event = {
    "carrier": "ninja_van",
    "service": "v2",
    "code": "Delivered, Received by Customer",
    "tracking_number": "NVSG-00417",
    "occurred_at": "2024-06-14T06:48:20Z",
    "merchant_id": MERCHANT,
    "order_id": ORDER,
    "return_leg": True,
    "raw": {
        "event": "Delivered",
        "topic": "delivered",
        "is_parcel_on_rts_leg": True,
        "receiver": "A",
    },
}
NOTHING: list[Json] = [None, "", "  "]


def reported(likely: RecordKind = "delivery", **fields: Json) -> CarrierReportEvent:
    """What the report says, with these fields in place of its own."""
    return told(CarrierReportEvent, AT_STORE | fields, likely)


def without(*keys: str) -> Event:
    return {key: value for key, value in AT_STORE.items() if key not in keys}


def test_a_report_says_what_happened_to_which_parcel_and_when() -> None:
    said = reported()
    assert (said.carrier, said.service, said.code, said.text) == (
        "ecpay",
        "unimartc2c",
        "2073",
        "包裹配達取件門市",
    )
    assert (said.number, said.order_id, said.merchant_id) == (b"D40617352918", None, None)
    assert said.at == said.newest_at == at("2024-06-11T01:14:00Z")
    assert said.return_leg is False


def test_a_report_may_name_its_order_and_its_merchant_and_be_of_the_return_leg() -> None:
    said = told(CarrierReportEvent, RETURNED, "delivery")
    assert (said.merchant_id, said.order_id, said.number) == (
        MERCHANT,
        pack_id(ORDER),
        b"NVSG00417",
    )
    assert (said.return_leg, said.code, said.text) == (
        True,
        "Delivered, Received by Customer",
        None,
    )


def test_nothing_else_of_a_report_is_kept() -> None:
    said = told(CarrierReportEvent, RETURNED, "delivery")
    assert "receiver" not in repr(said._replace(record=None))  # type: ignore[arg-type] # the record itself holds its bytes


@pytest.mark.parametrize("likely", LIKELY)
@pytest.mark.parametrize(
    "report", [AT_STORE, RETURNED, {key: AT_STORE[key] for key in reversed(AT_STORE)}]
)
def test_a_report_is_told_from_the_other_records_on_any_topic(
    report: Event, likely: RecordKind
) -> None:
    assert told(CarrierReportEvent, report, likely) == told(
        CarrierReportEvent, report, "delivery"
    )._replace(record=heard(report, likely).record)


def test_a_report_is_told_however_its_json_is_written() -> None:
    spelt = json.dumps(AT_STORE, indent=2).replace('"carrier"', '"c\\u0061rrier"').encode()
    assert heard(spelt, "delivery")._replace(record=None) == reported()._replace(record=None)  # type: ignore[arg-type]


def test_a_delivery_that_speaks_of_its_carrier_is_no_report() -> None:
    event = delivery("arrived", day("12-01"), carrier="tcat", service="home") | {
        "carrier": "tcat",
        "service": "home",
    }
    assert told(OrderEvent, event, "delivery").parcel is not None


def test_a_carrier_and_its_service_are_compared_in_lower_case() -> None:
    said = reported(carrier=" ECPay ", service="UniMartC2C\n")
    assert (said.carrier, said.service) == ("ecpay", "unimartc2c")


def test_unknown_carriers_and_codes_are_taken() -> None:
    said = reported(carrier="pigeon", service="loft 7", code="coo")
    assert (said.carrier, said.service, said.code) == ("pigeon", "loft 7", "coo")


@pytest.mark.parametrize(
    ("code", "read"), [("2067 ", "2067"), (2067, "2067"), (0, "0"), (-1, "-1"), ("0123", "0123")]
)
def test_a_code_may_be_a_text_or_an_integer(code: str | int, read: str) -> None:
    assert reported(code=code).code == read


@pytest.mark.parametrize("nothing", NOTHING)
def test_a_report_may_have_only_a_text_or_only_a_code(nothing: Json) -> None:
    assert (reported(code=nothing).code, reported(code=nothing).text) == (None, "包裹配達取件門市")
    assert (reported(text=nothing).code, reported(text=nothing).text) == ("2073", None)
    assert told(CarrierReportEvent, without("code"), "delivery").code is None
    assert told(CarrierReportEvent, without("text"), "delivery").text is None


def test_of_a_long_text_or_code_only_the_beginning_is_kept() -> None:
    said = reported(text="配" * 5_000, code="c" * 5_000)
    assert (said.text, said.code) == ("配" * LONGEST_TEXT, "c" * LONGEST_TEXT)


@pytest.mark.parametrize("merchant", [None, ""])
def test_a_report_may_leave_its_merchant_blank(merchant: Json) -> None:
    assert reported(merchant_id=merchant).merchant_id is None


@pytest.mark.parametrize("number", [*NOTHING, "- -", "9" * 65])
def test_a_report_with_an_order_needs_no_number(number: Json) -> None:
    said = reported(tracking_number=number, order_id=ORDER)
    assert (said.number, said.order_id) == (b"", pack_id(ORDER))


def test_a_number_written_as_an_integer_is_its_digits() -> None:
    assert reported(tracking_number=7420518836).number == b"7420518836"


@pytest.mark.parametrize("key", ["carrier", "service", "occurred_at"])
def test_a_report_without_carrier_service_or_time_is_poison(key: str) -> None:
    why = refused(without(key), "delivery")
    assert (why.reason, str(why).startswith(f"{key}:")) == ("missing_field", True)


@pytest.mark.parametrize("order_id", [None, ""])
@pytest.mark.parametrize("number", [*NOTHING, "- -", "9" * 65])
def test_a_report_of_no_parcel_and_no_order_is_poison(number: Json, order_id: Json) -> None:
    why = refused(
        AT_STORE | {"tracking_number": number, "order_id": order_id, "merchant_id": MERCHANT},
        "delivery",
    )
    assert (why.reason, why.merchant_id) == ("missing_field", MERCHANT)
    assert "tracking_number, order_id" in str(why)
    assert refused(without("tracking_number"), "delivery").reason == "missing_field"


@pytest.mark.parametrize("text", NOTHING)
@pytest.mark.parametrize("code", NOTHING)
def test_a_report_of_nothing_that_happened_is_poison(code: Json, text: Json) -> None:
    why = refused(AT_STORE | {"code": code, "text": text}, "delivery")
    assert (why.reason, "code, text" in str(why)) == ("missing_field", True)
    assert refused(without("code", "text"), "delivery").reason == "missing_field"


@pytest.mark.parametrize("likely", LIKELY)
@pytest.mark.parametrize(
    "wrong",
    [
        {"carrier": 7},
        {"carrier": " "},
        {"carrier": "x" * 101},
        {"service": None},
        {"service": "a\0b"},
        {"occurred_at": "2024-06-11T09:14:00"},
        {"occurred_at": "2024-06-11"},
        {"occurred_at": "yesterday"},
        {"occurred_at": 1_718_068_440},
        {"occurred_at": None},
        {"code": 20.67},
        {"code": True},
        {"code": ["2067"]},
        {"code": 2**63},
        {"code": "a\0b"},
        {"text": {"zh": "配達"}},
        {"text": "a\0b"},
        {"tracking_number": ["900"]},
        {"tracking_number": "9\0"},
        {"tracking_number": 9.5},
        {"order_id": 7},
        {"order_id": "x" * 101},
        {"merchant_id": 7},
        {"return_leg": "perhaps"},
    ],
)
def test_a_report_of_wrong_types_is_poison_and_says_which_field(
    wrong: dict[str, Json], likely: RecordKind
) -> None:
    why = refused(AT_STORE | wrong, likely)
    assert why.reason == "wrong_type"
    assert str(why).startswith(next(iter(wrong)))


def test_why_a_report_is_poison_does_not_repeat_what_it_says() -> None:
    why = refused(
        AT_STORE | {"code": ["secret"], "text": ["secret"], "merchant_id": MERCHANT}, "delivery"
    )
    assert "secret" not in str(why)
    assert why.merchant_id == MERCHANT


def test_a_record_with_neither_topic_nor_any_mark_of_a_report_lacks_its_topic() -> None:
    assert "topic" in str(refused({"merchant_id": MERCHANT, "note": "x"}, "delivery"))
    assert "topic" in str(
        refused({"merchant_id": MERCHANT, "resource": {}, "carrier": "tcat"}, "delivery")
    )


def answer(value: bytes) -> str:
    """In a word, what becomes of a record."""
    try:
        said = heard(value, "delivery")
    except Unreadable as why:
        return why.reason
    return "reported" if isinstance(said, CarrierReportEvent) else str(said)


KEYS = (*AT_STORE, *RETURNED, "topic", "resource")
contents: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=6),
        st.sampled_from([AT_STORE[k] for k in AT_STORE]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)
    ),
    max_leaves=6,
)


@given(fields=st.dictionaries(st.sampled_from(KEYS), contents, max_size=6), drop=st.booleans())
def test_whatever_stands_in_a_record_it_is_read_or_poison(
    fields: dict[str, Any], *, drop: bool
) -> None:
    value = json.dumps(fields if drop else AT_STORE | fields).encode()
    assert answer(value) in {"not_json", "wrong_type", "missing_field", "unknown_topic", "reported"}
