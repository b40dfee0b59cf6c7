"""The settings of spending and assigning: their limits, refusals, and what they compile to."""

import json
from copy import deepcopy
from decimal import Decimal
from typing import Any

import pytest

from schemas.problems import MOST_PUBLISHED
from schemas.settings import SettingsDocument, canonical, compile_settings, digest, load_settings
from schemas.settings.account_rules import AccountRules, CashRules
from tests.unit.schemas.settings.test_settings import WHOLE, problems

CASH: dict[str, Any] = {"unit_points": 10, "price_per_unit": 1}


def written(currency: str = "TWD", **sections: Any) -> bytes:
    return json.dumps(deepcopy(WHOLE) | {"currency": currency} | sections).encode()


def with_cash(currency: str = "TWD", **keys: Any) -> bytes:
    return written(currency, redeem={"cash": CASH | keys})


def load(data: bytes) -> SettingsDocument:
    return load_settings(data, name="settings")


def rules(data: bytes) -> AccountRules:
    return compile_settings(load(data)).account


def test_nothing_is_redeemed_for_cash_and_no_job_needs_approval_unless_the_shop_says_so() -> None:
    document = load(written())
    assert document.redeem.cash is None
    assert document.redeem.on_return == "proportional"
    assert document.assign.approval_above is None
    assert not document.assign.bulk_undo
    assert document.rules_text == {}


def test_settings_that_no_record_of_their_topic_has_room_for_are_refused() -> None:
    """Who reads the topic would miss a version, since the broker refuses what is too large."""
    languages = [f"a{chr(ord('a') + number)}-hant" for number in range(26)]
    languages += [f"b{chr(ord('a') + number)}-hant" for number in range(8)]

    def with_texts(characters: int) -> bytes:
        texts = dict.fromkeys(languages, "夏" * characters)
        content = deepcopy(WHOLE) | {"languages": languages, "rules_text": texts}
        return json.dumps(content, ensure_ascii=False).encode()

    assert len(canonical(load(with_texts(9_200)))) < MOST_PUBLISHED
    refused = with_texts(9_900)
    assert len(refused) < 1 << 20
    assert "as JSON with all its keys" in problems(refused)[""]


def test_a_cash_section_needs_only_what_points_are_worth() -> None:
    assert rules(with_cash()).cash == CashRules(10, 1, 0, None, None, frozenset({"ec"}))


def test_amounts_become_minor_units_and_percentages_hundredths() -> None:
    cash = rules(with_cash("HKD", price_per_unit=0.5, minimum_purchase=200, max_amount=50.05)).cash
    assert cash == CashRules(10, 50, 20000, 5005, None, frozenset({"ec"}))
    cash = rules(with_cash(max_percent=12.25, channels=["retail", "ec"])).cash
    assert cash == CashRules(10, 1, 0, None, 1225, frozenset({"ec", "retail"}))


def test_the_policies_of_captures_and_of_bulk_jobs_are_taken() -> None:
    redeem = {"from_orders": "debit", "return_on_cancel": False, "on_return": "keep"}
    found = rules(written(redeem=redeem, assign={"approval_above": 0, "bulk_undo": True}))
    assert (found.debit_orders, found.returns_on_cancel, found.returns_in_proportion) == (
        True,
        False,
        False,
    )
    assert (found.approval_above, found.bulk_undo) == (0, True)


@pytest.mark.parametrize(
    ("key", "value", "wrong"),
    [
        ("unit_points", 0, "use 1 or more"),
        ("unit_points", 1_000_001, "use 1000000 or less"),
        ("unit_points", 10.5, "not a whole number"),
        ("unit_points", "10", "not a whole number"),
        ("price_per_unit", 0, "use more than 0"),
        ("price_per_unit", -1, "use more than 0"),
        ("price_per_unit", "1", "not a number"),
        ("price_per_unit", 0.5, "more digits after the point than TWD has"),
        ("minimum_purchase", -1, "use 0 or more"),
        ("minimum_purchase", None, "not a number"),
        ("minimum_purchase", 0.5, "more digits after the point than TWD has"),
        ("max_amount", 0, "use more than 0"),
        ("max_amount", 49.9, "more digits after the point than TWD has"),
        ("max_percent", 0, "use more than 0"),
        ("max_percent", 100.01, "use 100 or less"),
        ("max_percent", 33.333, "more than two digits"),
        ("channels", [], "empty"),
        ("channels", ["pos"], "use 'ec' or 'retail'"),
        ("channels", ["ec", "ec"], "twice"),
        ("unit_point", 10, "did you mean unit_points"),
    ],
)
def test_a_mistake_in_the_cash_section_is_refused_with_its_path(
    key: str, value: Any, wrong: str
) -> None:
    (found,) = problems(with_cash(**{key: value})).items()
    assert found[0].startswith(f"redeem.cash.{key}")
    assert wrong in found[1]


@pytest.mark.parametrize("missing", ["unit_points", "price_per_unit"])
def test_what_points_are_worth_must_be_said(missing: str) -> None:
    cash = {key: value for key, value in CASH.items() if key != missing}
    assert problems(written(redeem={"cash": cash})) == {
        f"redeem.cash.{missing}": "is missing; add it"
    }


def test_both_maxima_are_refused() -> None:
    assert problems(with_cash(max_amount=50, max_percent=20)) == {
        "redeem.cash.max_percent": "is there together with max_amount; keep one of the two"
    }


@pytest.mark.parametrize(
    ("sections", "path", "wrong"),
    [
        ({"redeem": {"on_return": "claw_back"}}, "redeem.on_return", "'proportional' or 'keep'"),
        ({"redeem": {"return_on_cancel": 1}}, "redeem.return_on_cancel", "not true or false"),
        ({"redeem": {"gift": {}}}, "redeem.gift", "not a known key"),
        ({"redeem": {"cash": []}}, "redeem.cash", "not a section"),
        ({"assign": {"approval_above": -1}}, "assign.approval_above", "use 0 or more"),
        ({"assign": {"approval_above": 1.5}}, "assign.approval_above", "not a whole number"),
        ({"assign": {"bulk_undo": "no"}}, "assign.bulk_undo", "not true or false"),
        ({"assign": None}, "assign", "not a section"),
        ({"rules_text": {"en": ""}}, "rules_text.en", "empty"),
        ({"rules_text": {"en": "x" * 10_001}}, "rules_text.en", "longer than 10000"),
        ({"rules_text": {"en": "a\x00b"}}, "rules_text.en", "control characters"),
        ({"rules_text": {"ja": "text"}}, "rules_text.ja", "in none of the shop's languages"),
        ({"rules_text": "text"}, "rules_text", "not a section"),
    ],
)
def test_a_mistake_about_spending_or_assigning_is_refused_with_its_path(
    sections: dict[str, Any], path: str, wrong: str
) -> None:
    found = problems(written(**sections))
    assert list(found) == [path]
    assert wrong in found[path]


def test_rules_texts_are_kept_per_language() -> None:
    texts = {"en": "One point\nper $10", "zh-hant": "每 10 元 1 點"}
    assert load(written(rules_text=texts)).rules_text == texts


def test_equal_sections_have_one_digest_however_they_are_written() -> None:
    spelt_out = with_cash(
        price_per_unit=1.0,
        minimum_purchase=0,
        max_amount=None,
        max_percent=None,
        channels=["ec"],
    )
    assert digest(load(spelt_out)) == digest(load(with_cash()))
    both = with_cash(channels=["ec", "retail"]), with_cash(channels=["retail", "ec"])
    assert digest(load(both[0])) == digest(load(both[1]))
    assert load(canonical(load(spelt_out))).redeem.cash == load(with_cash()).redeem.cash


def test_a_quote_is_bound_to_cash_and_currency_and_to_nothing_else() -> None:
    before = rules(with_cash()).digest
    other_rest = written(redeem={"cash": CASH, "return_on_cancel": False}, rules_text={"en": "!"})
    assert rules(other_rest).digest == before
    assert rules(with_cash(channels=["retail"])).digest != before
    assert rules(with_cash("JPY")).digest != before
    assert rules(with_cash(max_percent=20)).digest != rules(with_cash(max_amount=20)).digest


def test_numbers_stay_exact_through_json() -> None:
    data = with_cash("KWD", price_per_unit=999999999999.999)
    document = load(data)
    assert document.redeem.cash is not None
    assert document.redeem.cash.price_per_unit == Decimal("999999999999.999")
    assert load(canonical(document)).redeem == document.redeem
