"""The merchant's settings document: what it says, and every way in which it is refused."""

import json
from copy import deepcopy
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.ids import micros
from schemas.money import fraction_digits
from schemas.problems import MOST_TOLD, WORDS
from schemas.settings import (
    SettingsDocument,
    SettingsError,
    canonical,
    compile_settings,
    digest,
    load_settings,
)
from schemas.settings.fields import without_repeats
from schemas.settings.parsing import MAX_BYTES, Mapping
from store.settings.merchants import document_of

WHOLE: dict[str, Any] = {
    "timezone": "Asia/Taipei",
    "currency": "TWD",
    "languages": ["en", "zh-hant"],
    "enabled": True,
    "entitlement": {"plan": "enterprise", "app_installed": True, "modules": []},
    "earn": {
        "rules": [{"unit_price": 10, "points_per_unit": 1, "membership_tier_id": None}],
        "channels": ["ec", "retail"],
        "pending_days": 3,
        "grant_on": "delivery_final",
        "expiry": {"kind": "fixed_date", "month": 12, "day": 31},
        "deduct_store_credit": False,
        "on_return": "claw_back",
    },
    "delivery_overrides": {"custom": "arrived"},
    "effective_at": "2024-01-01T00:00:00Z",
}
AS_YAML = b"""
timezone: Asia/Taipei
currency: TWD
languages: [en, zh-hant]
enabled: true
entitlement: {plan: enterprise, app_installed: true, modules: []}
earn:
  rules:
    - {unit_price: 10, points_per_unit: 1, membership_tier_id: null}
  channels: [ec, retail]
  pending_days: 3
  grant_on: delivery_final
  expiry: {kind: fixed_date, month: 12, day: 31}
  deduct_store_credit: false
  on_return: claw_back
delivery_overrides: {custom: arrived}
effective_at: 2024-01-01T00:00:00Z
"""
MISSING = object()


def changed(path: str, value: object) -> bytes:
    """The whole document as JSON with one thing changed; a path such as earn.rules.0.unit_price."""
    document = deepcopy(WHOLE)
    *way, last = path.split(".")
    section: Any = document
    for key in way:
        section = section[int(key)] if key.isdigit() else section[key]
    if value is MISSING:
        del section[last]
    else:
        section[int(last) if last.isdigit() else last] = value
    return json.dumps(document).encode()


def load(data: bytes) -> SettingsDocument:
    return load_settings(data, name="settings")


def problems(data: bytes) -> dict[str, str]:
    with pytest.raises(SettingsError) as refused:
        load(data)
    assert all(problem.wrong and problem.remedy for problem in refused.value.problems)
    return {
        problem.path: f"{problem.wrong}; {problem.remedy}" for problem in refused.value.problems
    }


def test_json_and_yaml_say_the_same() -> None:
    assert load_settings(json.dumps(WHOLE).encode(), name="a.json") == load_settings(
        AS_YAML, name="a.yaml"
    )


def test_what_has_an_obvious_answer_may_be_left_out() -> None:
    document = load(
        b'{"timezone": "UTC", "currency": "USD", "enabled": true, '
        b'"entitlement": {"plan": "o2o"}, "earn":'
        b'{"rules": [{"unit_price": 1, "points_per_unit": 1}], '
        b'"pending_days": 0, "expiry": {"kind": "never"}}}'
    )
    assert document.earn.channels == ("ec", "retail")
    assert document.earn.grant_on == "delivery_final"
    assert document.earn.on_return == "claw_back"
    assert not document.earn.deduct_store_credit
    assert not document.entitlement.app_installed
    assert document.redeem.from_orders == "observe"
    assert document.redeem.return_on_cancel
    assert document.effective_at is None


@pytest.mark.parametrize(
    ("path", "value", "where", "wrong"),
    [
        ("timezone", "Asia/Taipeh", "timezone", "not a known time zone"),
        ("timezone", "Asia", "timezone", "not a known time zone"),
        ("timezone", "../etc/passwd", "timezone", "not a known time zone"),
        ("timezone", "right/UTC", "timezone", "not a known time zone"),
        ("timezone", 8, "timezone", "not text"),
        ("timezone", MISSING, "timezone", "missing"),
        ("currency", "twd", "currency", "not a known currency"),
        ("currency", "XYZ", "currency", "not a known currency"),
        ("languages", [], "languages", "empty"),
        ("languages", "en", "languages", "not a list"),
        ("languages", ["en", "en"], "languages[1]", "twice"),
        ("languages", ["en", "a language"], "languages[1]", "not spelt as expected"),
        ("enabled", "true", "enabled", "not true or false"),
        ("enabled", 1, "enabled", "not true or false"),
        ("enabled", MISSING, "enabled", "missing"),
        ("entitlement", [], "entitlement", "not a section"),
        ("entitlement", MISSING, "entitlement", "missing"),
        ("entitlement.plan", "Enterprise", "entitlement.plan", "not spelt as expected"),
        ("entitlement.modules", ["a", "a"], "entitlement.modules[1]", "twice"),
        (
            "entitlement.app_instaled",
            True,
            "entitlement.app_instaled",
            "did you mean app_installed",
        ),
        ("earn", None, "earn", "not a section"),
        ("earn.rules", [], "earn.rules", "empty"),
        ("earn.rules", MISSING, "earn.rules", "missing"),
        ("earn.rules", {}, "earn.rules", "not a list"),
        ("earn.rules.0", 7, "earn.rules[0]", "not a section"),
        ("earn.rules.0.unit_price", 0, "earn.rules[0].unit_price", "too small; use more than 0"),
        ("earn.rules.0.unit_price", -10, "earn.rules[0].unit_price", "too small"),
        (
            "earn.rules.0.unit_price",
            10.5,
            "earn.rules[0].unit_price",
            "more digits after the point than TWD has",
        ),
        ("earn.rules.0.unit_price", "10", "earn.rules[0].unit_price", "not a number"),
        ("earn.rules.0.unit_price", True, "earn.rules[0].unit_price", "not a number"),
        ("earn.rules.0.unit_price", None, "earn.rules[0].unit_price", "not a number"),
        ("earn.rules.0.unit_price", 10**12 + 1, "earn.rules[0].unit_price", "too large"),
        ("earn.rules.0.points_per_unit", 0, "earn.rules[0].points_per_unit", "use 1 or more"),
        ("earn.rules.0.points_per_unit", 10**9 + 1, "earn.rules[0].points_per_unit", "too large"),
        (
            "earn.rules.0.points_per_unit",
            1.5,
            "earn.rules[0].points_per_unit",
            "not a whole number",
        ),
        ("earn.rules.0.membership_tier_id", "", "earn.rules[0].membership_tier_id", "empty"),
        (
            "earn.rules.0.membership_tier_id",
            "x" * 101,
            "earn.rules[0].membership_tier_id",
            "longer than 100",
        ),
        (
            "earn.rules.0.membership_tier_id",
            "gold\x00",
            "earn.rules[0].membership_tier_id",
            "has NUL",
        ),
        ("delivery_overrides", {"a\x00b": "arrived"}, "delivery_overrides.a\x00b", "has NUL"),
        ("earn.rules", 2 * WHOLE["earn"]["rules"], "earn.rules[1]", "the general rule once more"),
        ("earn.channels", [], "earn.channels", "empty"),
        ("earn.channels", ["ec", "ec"], "earn.channels[1]", "twice"),
        ("earn.channels", ["pos"], "earn.channels[0]", "use 'ec' or 'retail'"),
        ("earn.pending_days", -1, "earn.pending_days", "use 0 or more"),
        ("earn.pending_days", 366, "earn.pending_days", "use 365 or less"),
        ("earn.pending_days", True, "earn.pending_days", "not a whole number"),
        ("earn.pending_days", "3", "earn.pending_days", "not a whole number"),
        ("earn.pending_days", MISSING, "earn.pending_days", "missing"),
        ("earn.grant_on", "payment", "earn.grant_on", "use 'delivery_final' or 'order_completed'"),
        ("earn.grant_on", "order_completed", "earn.grant_on", "only with the module crm_credits"),
        ("earn.on_return", "refund", "earn.on_return", "use 'claw_back' or 'keep'"),
        ("earn.deduct_store_credit", None, "earn.deduct_store_credit", "not true or false"),
        ("earn.expiry", {"month": 12, "day": 31}, "earn.expiry", "no kind"),
        ("earn.expiry", {"kind": "someday"}, "earn.expiry", "unknown kind"),
        ("earn.expiry", {"kind": "never", "month": 1}, "earn.expiry.month", "not a known key"),
        ("earn.expiry", MISSING, "earn.expiry", "missing"),
        ("earn.expiry.month", 13, "earn.expiry.month", "use 12 or less"),
        ("earn.expiry.day", 0, "earn.expiry.day", "use 1 or more"),
        (
            "earn.expiry",
            {"kind": "fixed_date", "month": 2, "day": 30},
            "earn.expiry.day",
            "30 does not exist in month 2",
        ),
        (
            "earn.expiry",
            {"kind": "fixed_date", "month": 4, "day": 31},
            "earn.expiry.day",
            "31 does not exist in month 4",
        ),
        ("earn.expiry", {"kind": "fixed_date", "month": 4}, "earn.expiry.day", "missing"),
        ("redeem", {"from_orders": "pay"}, "redeem.from_orders", "use 'observe' or 'debit'"),
        (
            "delivery_overrides",
            {"custom": "delivered"},
            "delivery_overrides.custom",
            "use 'arrived' or 'collected'",
        ),
        (
            "delivery_overrides",
            {" custom": "arrived"},
            "delivery_overrides. custom",
            "not spelt as expected",
        ),
        ("effective_at", "2024-01-01T00:00:00", "effective_at", "no offset"),
        ("effective_at", "2024-01-01", "effective_at", "not a time"),
        ("effective_at", "2024-13-01T00:00:00Z", "effective_at", "not a time"),
        ("effective_at", "0001-01-01T00:00:00+08:00", "effective_at", "outside the calendar"),
        ("effective_at", 1704067200, "effective_at", "not a time"),
        ("colour", "red", "colour", "not a known key"),
        ("earn.pendingdays", 3, "earn.pendingdays", "did you mean pending_days"),
    ],
)
def test_a_mistake_is_refused_with_its_path(
    path: str, value: object, where: str, wrong: str
) -> None:
    found = problems(changed(path, value))
    assert list(found) == [where]
    assert wrong in found[where]


def test_two_rules_for_one_tier_are_refused_and_two_tiers_are_not() -> None:
    rule = {"unit_price": 10, "points_per_unit": 1, "membership_tier_id": "gold"}
    assert (
        "the rule of a membership tier once more"
        in problems(changed("earn.rules", [rule, rule]))["earn.rules[1]"]
    )
    other = rule | {"membership_tier_id": None}
    assert compile_settings(load(changed("earn.rules", [rule, other]))).unit_by_tier == {
        "gold": (10, 1),
        None: (10, 1),
    }


def test_all_problems_are_told_at_once_without_the_values() -> None:
    data = changed("earn.expiry", {"kind": "fixed_date", "month": 2, "day": 30})
    data = data.replace(b"Asia/Taipei", b"secret-zone").replace(b'"enabled"', b'"enabeld"')
    with pytest.raises(SettingsError, match="settings: 4 problems") as refused:
        load(data)
    assert {problem.path for problem in refused.value.problems} == {
        "timezone",
        "enabled",
        "enabeld",
        "earn.expiry.day",
    }
    assert "secret-zone" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "data", "wrong"),
    [
        ("a.json", b"", "not JSON"),
        (
            "a.json",
            b"{",
            "not JSON: Expecting property name enclosed in double quotes (line 1, column 2)",
        ),
        ("a.json", b'{"a": NaN}', "NaN is no number"),
        ("a.json", b"[" * 100_000, "nested too deeply"),
        ("a.json", b"\xff{}", "not UTF-8"),
        ("a.json", b" " * (1 << 20) + b"{}", "larger than"),
        ("a.json", b"[]", "not a section"),
        ("a.yaml", b"", "not a section"),
        ("a.yaml", b"a: [", "not YAML"),
        ("a.yaml", b"a: \x01", "not YAML"),
        ("a.yaml", b"a: !!int x", "not YAML"),
        ("a.yaml", b"a: &x [1]\nb: *x", "uses an alias (line 2)"),
        ("a.yaml", b"!!python/object:os.system {}", "uses a tag (line 1)"),
        ("a.yaml", b"7: x", "a key that is not a word (line 1)"),
        ("a.yaml", b"a: " + b"[" * 5000, "nested too deeply"),
        ("-", b"{", "not JSON"),
        ("-", b"a: [", "not YAML"),
        ("a.json", b'{"earn": {"rules": [' + b"1," * 400_000 + b"1]}}", "more than 20,000 values"),
        ("a.json", json.dumps(dict.fromkeys(map(str, range(70_000)))).encode(), "20,000 values"),
        ("a.yaml", b"earn:\n rules:\n" + b" - x\n" * 200_000, "more than 20,000 values"),
        ("a.yaml", b"earn: [" + b"[]," * 300_000 + b"]", "more than 20,000 values"),
    ],
)
def test_a_text_that_is_no_document_is_refused(name: str, data: bytes, wrong: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings(data, name=name)
    (problem,) = refused.value.problems
    assert problem.path == ""
    assert wrong in problem.wrong


def test_what_was_accepted_is_read_again_however_large_it_is_as_stored() -> None:
    """YAML in which a text of line feeds or quotes has a byte for each; stored they have two."""
    languages = [f"e{a}-{b}" for a in "abcdefgh" for b in ("aa", "bb", "cc", "dd", "ee", "ff")]
    texts = dict.fromkeys(languages, "\n" * 10_000)
    content = {**WHOLE, "languages": languages, "rules_text": texts}
    rule = {"unit_price": Decimal(1), "points_per_unit": 1}
    rules = [{**rule, "membership_tier_id": f"{n}"} for n in range(3_500)]
    content["earn"] = {**WHOLE["earn"], "rules": rules}
    document = SettingsDocument.model_validate(content)
    stored = canonical(document)
    assert len(stored) > MAX_BYTES
    assert digest(document_of(json.loads(stored))) == digest(document)


def test_of_very_many_problems_the_first_are_told_and_how_many_more_there_are() -> None:
    wrong = dict.fromkeys([f"unknown {n}" for n in range(9_000)])
    with pytest.raises(SettingsError) as refused:
        load(changed("earn", WHOLE["earn"] | wrong))
    assert len(refused.value.problems) == MOST_TOLD
    first, *_, last = str(refused.value).splitlines()
    assert (first, last) == ("settings: 9,000 problems", "  and 8,900 more")


def test_modules_and_languages_are_compared_with_each_other_once() -> None:
    """Eight thousand of them, each compared with all before it, took seconds."""
    words = tuple(CountedKey(f"m{n}") for n in range(2_000))
    CountedKey.compared = 0
    assert without_repeats(words) == words
    assert CountedKey.compared <= 10 * len(words)


def test_of_very_many_keys_those_are_named_that_are_there_twice() -> None:
    """A document of the largest size has a hundred thousand; counting each took minutes."""
    pairs: list[tuple[str, object]] = [(CountedKey(f"k{n}"), n) for n in range(2_000)]
    CountedKey.compared = 0
    assert Mapping([*pairs, *pairs[5:7]]).repeated == ("k5", "k6")
    assert CountedKey.compared <= 10 * len(pairs)


class CountedKey(str):
    """A text that counts how often it is compared."""

    __slots__ = ()
    compared = 0

    def __eq__(self, other: object) -> bool:
        CountedKey.compared += 1
        return super().__eq__(other)

    __hash__ = str.__hash__


def test_a_key_that_is_there_twice_is_refused_with_its_path() -> None:
    twice = b'"pending_days": 7, "pending_days": 3'
    assert problems(json.dumps(WHOLE).encode().replace(b'"pending_days": 3', twice)) == {
        "earn.pending_days": "is there twice; keep it once"
    }
    assert list(
        problems(AS_YAML.replace(b"unit_price: 10", b"unit_price: 10, unit_price: 20"))
    ) == ["earn.rules[0].unit_price"]


def test_yaml_words_stay_words() -> None:
    assert load(AS_YAML.replace(b"[en, zh-hant]", b"[no, zh-hant]")).languages == ("no", "zh-hant")


@given(
    units=st.integers(1, 10**12),
    currency=st.sampled_from(["TWD", "HKD", "KWD"]),
    as_yaml=st.booleans(),
)
def test_a_price_is_the_decimal_that_was_written(
    units: int, currency: str, *, as_yaml: bool
) -> None:
    written = str(Decimal(units).scaleb(-fraction_digits(currency)))
    if "E" in written:
        written = format(Decimal(written), "f")
    data = AS_YAML if as_yaml else json.dumps(WHOLE).encode()
    data = data.replace(b"TWD", currency.encode())
    data = data.replace(b"unit_price: 10", b"unit_price: " + written.encode())
    data = data.replace(b'"unit_price": 10', b'"unit_price": ' + written.encode())
    document = load(data)
    assert compile_settings(document).unit_by_tier == {None: (units, 1)}
    assert load(canonical(document)) == document.model_copy(update={"effective_at": None})


def test_equal_content_has_one_digest_whatever_its_form() -> None:
    document = load(AS_YAML)
    others = [
        changed("effective_at", MISSING),
        changed("effective_at", "2025-01-01T00:00:00Z"),
        changed("earn.channels", ["retail", "ec"]),
        changed("earn.channels", MISSING),
        changed("earn.rules.0.unit_price", 10.0),
        changed("redeem", {}),
    ]
    assert {digest(load(data)) for data in others} == {digest(document)}
    assert digest(load(changed("earn.pending_days", 4))) != digest(document)
    assert b"effective_at" not in canonical(document)


def test_the_compiled_rules_say_what_the_document_says() -> None:
    document = load(AS_YAML)
    assert document.effective_at is not None
    rules = compile_settings(document)
    assert rules.zone == "Asia/Taipei"
    assert rules.currency == "TWD"
    assert rules.effective_at == micros(document.effective_at)
    assert rules.unit_by_tier == {None: (10, 1)}
    assert rules.channels == {"ec", "retail"}
    assert rules.pending_days == 3
    assert rules.expiry == (12, 31)
    assert rules.overrides == {"custom": "arrived"}
    assert rules.app_installed
    assert (rules.on_completed, rules.deduct_store_credit, rules.keep) == (False, False, False)
    assert compile_settings(load(changed("earn.expiry", {"kind": "never"}))).expiry is None
    assert compile_settings(load(changed("earn.on_return", "keep"))).keep
    assert compile_settings(document, effective_at=5).effective_at == 5


def test_rules_without_a_beginning_are_refused() -> None:
    with pytest.raises(ValueError, match="pass effective_at"):
        compile_settings(load(changed("effective_at", MISSING)))


@pytest.mark.parametrize(
    ("enabled", "plan", "modules", "possible", "needs_app"),
    [
        (True, "enterprise", [], True, True),
        (True, "o2o", ["other"], True, True),
        (True, "basic", [], False, False),
        (True, "basic", ["crm_credits"], True, False),
        (True, "o2o", ["crm_credits"], True, False),
        (False, "o2o", ["crm_credits"], False, False),
        (False, "enterprise", [], False, True),
    ],
)
def test_who_is_entitled(
    *, enabled: bool, plan: str, modules: list[str], possible: bool, needs_app: bool
) -> None:
    document = deepcopy(WHOLE) | {
        "enabled": enabled,
        "entitlement": {"plan": plan, "modules": modules},
    }
    rules = compile_settings(load(json.dumps(document).encode()))
    assert (rules.feature_possible, rules.needs_app) == (possible, needs_app)


def test_merchants_with_the_module_may_grant_on_completion() -> None:
    document = deepcopy(WHOLE)
    document["entitlement"]["modules"] = ["crm_credits"]
    document["earn"]["grant_on"] = "order_completed"
    assert compile_settings(load(json.dumps(document).encode())).on_completed


def test_29_february_may_be_set() -> None:
    document = load(changed("earn.expiry", {"kind": "fixed_date", "month": 2, "day": 29}))
    assert compile_settings(document).expiry == (2, 29)


def test_every_wording_has_what_was_wrong_and_what_to_do() -> None:
    assert all(wrong and remedy for wrong, remedy in WORDS.values())


@pytest.mark.parametrize("name", ["a.json", "a.yaml"])
@pytest.mark.parametrize(("sign", "wrong"), [("", "is too large"), ("-", "is too small")])
def test_a_number_of_thousands_of_digits_is_told_in_our_words(
    name: str, sign: str, wrong: str
) -> None:
    digits = f'"points_per_unit": {sign}{"9" * 5000}'.encode()
    data = json.dumps(WHOLE).encode().replace(b'"points_per_unit": 1', digits)
    with pytest.raises(SettingsError) as refused:
        load_settings(data, name=name)
    assert f"earn.rules[0].points_per_unit {wrong}" in str(refused.value)
    assert "digits" not in str(refused.value)


def test_an_instant_may_be_written_in_small_letters() -> None:
    for text in (
        b"2024-01-01t00:00:00z",
        b"2024-01-01T00:00:00z",
        b"2024-01-01 00:00:00Z",
    ):
        document = load_settings(AS_YAML.replace(b"2024-01-01T00:00:00Z", text), name="x.yaml")
        assert document.effective_at == load_settings(AS_YAML, name="x.yaml").effective_at
