"""What is refused when a shop applies its texts, and what a preview says of them."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.notices.texts.checking import load_checked
from rules.notices.texts.preview import preview, sample_values
from rules.notices.texts.render import rendered_sms
from rules.notices.texts.worst import worst_case
from rules.sms.parts import Encoding
from schemas.notices.document import NoticeSettingsError
from schemas.notices.words import Kind
from tests.support.notices.texts import ZONE, content, document, notice_settings, values

SHOP = "6a5b8c0de27d930011ab0001"


def refused(data: bytes) -> dict[str, str]:
    with pytest.raises(NoticeSettingsError) as error:
        load_checked(data, "settings", SHOP)
    return {each.path: f"{each.wrong}; {each.remedy}" for each in error.value.problems}


def test_our_texts_pass() -> None:
    assert load_checked(document(), "settings", SHOP) == notice_settings()


def test_every_problem_of_texts_is_said_with_path_and_line() -> None:
    texts = {
        "en": {
            "earned": {"subject": "{{ pionts }}", "email": "a\n{{ 'a' * 10 ** 9 }}"},
            "assigned": {"sms": "{% raw %}"},
        }
    }
    found = refused(document(texts, languages=("en", "xx"), country="XX"))
    assert set(found) == {
        "languages[1]",
        "sms.country",
        "texts.en.earned.subject",
        "texts.en.earned.email",
        "texts.en.assigned.sms",
    }
    assert "did you mean points?" in found["texts.en.earned.subject"]
    assert "(line 2)" in found["texts.en.earned.email"]


def test_sms_that_may_take_too_many_parts_is_refused() -> None:
    texts = {"en": {"earned": {"sms": "{{ member_name }} " * 2}}}
    assert "takes 4 SMS with the longest values" in refused(document(texts))["texts.en.earned.sms"]
    assert load_checked(document(texts, max_parts=4), "settings", SHOP).sms.max_parts == 4


def test_a_shops_own_gateway_needs_an_address_of_the_web() -> None:
    own = load_checked(
        document(provider="webhook", webhook_url="https://shop.example/sms"), "settings", SHOP
    )
    assert own.sms.webhook_url == "https://shop.example/sms"
    assert "is missing" in refused(document(provider="webhook"))["sms.webhook_url"]
    for wrong in ("http://shop.example", "https://a:b@shop.example", "https://", "shop.example"):
        found = refused(document(provider="webhook", webhook_url=wrong))
        assert "is no address of the web" in found["sms.webhook_url"]


def test_our_text_that_may_take_too_many_parts_is_named() -> None:
    found = refused(document(max_parts=1))
    assert "takes 2 with the longest values" in found["sms.max_parts"]
    assert "write a shorter one under texts." in found["sms.max_parts"]


def test_a_shop_that_gives_no_name_is_called_by_its_id_and_may_use_all_of_our_texts() -> None:
    every = dict.fromkeys(("earned", "assigned", "returned", "earned_more"), True)
    given = content(kinds=every) | {"expiring": {"channels": ["sms"]}}
    assert "shop" not in given
    assert load_checked(json.dumps(given).encode(), "settings", SHOP).sms.max_parts == 2
    named = json.dumps(given | {"shop": "燈" * 60}).encode()
    assert "takes 3 with the longest values" in refused(named)["sms.max_parts"]


@given(st.text(max_size=120), st.text(max_size=60), st.integers(0, 10**9), st.booleans())
def test_no_values_take_more_parts_than_the_worst_case(
    name: str, reason: str, points: int, ends: bool
) -> None:
    text = "Hi {{ member_name }}: {{ points }} {{ reason | default('x') }} {{ expires_on }}"
    settings = notice_settings({"en": {"earned": {"sms": text}}}, max_parts=10)
    worst = worst_case(settings, Kind.earned, "en", SHOP)
    changed = values(member_name=name, reason=reason, points=points)
    changed = changed if ends else values(member_name=name, reason=reason, expires_us=None)
    sms = rendered_sms(settings, Kind.earned, "en", changed, ZONE)
    assert worst is not None
    assert sms.parts <= worst.parts


def test_preview_says_what_an_sms_costs() -> None:
    settings = notice_settings({"en": {"earned": {"sms": "{{ points }} for {{ member_name }}"}}})
    seen = preview(settings, Kind.earned, "en", values(), ZONE, price_per_part=Decimal("0.7"))
    assert (seen.sms, seen.encoding, seen.characters, seen.parts) == (
        "100 for Ann",
        Encoding.gsm7,
        11,
        1,
    )
    assert seen.cost == Decimal("0.7")
    assert seen.worst_case is not None
    assert (seen.worst_case.parts, seen.worst_cost) == (2, Decimal("1.4"))
    assert not seen.too_long


def test_preview_of_a_kind_without_sms() -> None:
    settings = notice_settings()
    seen = preview(settings, Kind.expired, "en", sample_values("Lantern Tea", 0), ZONE)
    assert (seen.sms, seen.parts, seen.worst_case, seen.cost) == (None, None, None, None)
    assert seen.subject == "Lantern Tea: points have expired"
