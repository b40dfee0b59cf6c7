"""What every code of every carrier means: the laws of rules.md 6, and each row of the tables."""

from collections import Counter

import pytest

from schemas.carriers import (
    WORDS,
    CarrierCode,
    CodeTable,
    Meaning,
    carrier_lines,
    is_known_service,
    meaning_of,
    shipped_codes,
)
from schemas.carriers.spelling import normal, normal_text
from schemas.options import delivery_options

TABLE = CodeTable()
ROWS = list(shipped_codes().values())
OVERLAY = ("ecpay", "unimart", "2999")

# How many codes each carrier has published for each service. Hi-Life's lists repeat most of 7-11's.
COUNTS = {
    ("ecpay", "unimart"): 88,
    ("ecpay", "unimartc2c"): 53,
    ("ecpay", "fami"): 34,
    ("ecpay", "famic2c"): 32,
    ("ecpay", "hilife"): 123,
    ("ecpay", "hilifec2c"): 123,
    ("ecpay", "okmartc2c"): 28,
    ("ecpay", "tcat"): 51,
    ("ecpay", "post"): 19,
    ("ecpay", "unimartcb"): 12,
    ("tcat", "home"): 32 + 4,  # codes, and texts of the website
    ("seven_eleven", "etracking"): 7
    + 2,  # texts of one journey, and other wordings of the parcel that waits
    ("familymart", "native"): 9 + 2,
    ("hct", "home"): 16,
    ("sf", "express"): 21,
    ("sf", "pickup"): 21,
    ("ninja_van", "v2"): 18 + 1,  # events, and the status that comes where there is no event
}

# Every code that gives or takes points, by service. All others are in transit or wait to be
# fetched.
_HILIFE = {
    Meaning.COLLECTED: "2067 3022",
    Meaning.RETURNING: "2016 2033 2034 2038 2039 2040 2045 2046 2047 2049 2050 "
    "2051 2052 2054 2055 2060 2065 2066 2069 2072 2074 "
    "2075 3019 3020 3021 3025 3031 5001 5004 5005 7012 7016 7032",
    Meaning.RETURNED: "2070 3023 5008",
    Meaning.LOST: "2036 2042 5002 5006 5007 7005 7006 7007 7013",
    Meaning.REVERSED_RETURNING: "2053",
}
_FAMI = {
    Meaning.COLLECTED: "3022",
    Meaning.RETURNING: "3019 3020 3021 3025 3031 7012 7016 7032",
    Meaning.RETURNED: "3023 7035",
    Meaning.LOST: "7006 7007 7013",
}
DECISIVE = {
    ("ecpay", "unimart"): {
        Meaning.COLLECTED: "2067",
        Meaning.RETURNING: "2016 2033 2034 2038 2039 2040 2045 2046 2047 2049 "
        "2050 2051 2052 2054 2055 2060 2065 2066 2072 2074 "
        "2075 2076",
        Meaning.RETURNED: "2044 2070",
        Meaning.LOST: "2036 2042 7018",
    },
    ("ecpay", "unimartc2c"): {
        Meaning.COLLECTED: "2067",
        Meaning.RETURNING: "2051 2066 2069 2072 2074 2075 2076 2077 2078 2079 "
        "2080 2081 2082 2083 2084 2085 2086 2087 2089 2092 "
        "2093 2096 2097 2099",
        Meaning.RETURNED: "2070",
        Meaning.LOST: "2042 2088 7013 7018 7020",
        Meaning.REVERSED_RETURNING: "2053",
    },
    ("ecpay", "fami"): _FAMI,
    ("ecpay", "famic2c"): _FAMI,
    ("ecpay", "hilife"): _HILIFE,
    ("ecpay", "hilifec2c"): _HILIFE,
    ("ecpay", "okmartc2c"): {
        Meaning.COLLECTED: "3022",
        Meaning.RETURNING: "2055 2072 2074 2075 2078 3021 7201",
        Meaning.RETURNED: "3023",
    },
    ("ecpay", "tcat"): {
        Meaning.DELIVERED: "3003",
        Meaning.RETURNING: "3123 3124 3125 5001 5004 5005",
        Meaning.RETURNED: "5008",
        Meaning.LOST: "5002 5006 5007 7005",
        Meaning.REVERSED: "3016",
        Meaning.RETURN_REVERSED: "3017",
    },
    ("ecpay", "post"): {
        Meaning.DELIVERED: "3308",
        Meaning.COLLECTED: "3307 3309",
        Meaning.RETURNING: "3305 3306 3311 3315",
        Meaning.RETURNED: "3310",
        Meaning.LOST: "3304 7301 7302",
    },
    ("ecpay", "unimartcb"): {
        Meaning.COLLECTED: "6010",
        Meaning.RETURNING: "6011",
        Meaning.LOST: "6001",
    },
    ("tcat", "home"): {
        Meaning.DELIVERED: "301 順利送達",
        Meaning.RETURNING: "161 209 303 308 309 取消取件",
        Meaning.RETURNED: "305 退貨完成",
    },
    ("seven_eleven", "etracking"): {Meaning.COLLECTED: "已完成包裹成功取件"},
    ("familymart", "native"): {
        Meaning.COLLECTED: "已完成取件 取件完成",
        Meaning.RETURNING: "退回 退件",
    },
    ("hct", "home"): {
        Meaning.DELIVERED: "正常配交 缺件配達 破損配達",
        Meaning.RETURNING: "拒收退回",
    },
    ("sf", "express"): {Meaning.DELIVERED: "80", Meaning.RETURNING: "631 648"},
    ("sf", "pickup"): {Meaning.COLLECTED: "80", Meaning.RETURNING: "631 648"},
}
NINJA_VAN = {
    "Delivered, Received by Customer": Meaning.DELIVERED,
    "Delivered, Left at Doorstep": Meaning.DELIVERED,
    "Delivered": Meaning.DELIVERED,
    "Delivered, Collected by Customer": Meaning.COLLECTED,
    "Delivery Exception, Return to Sender Initiated": Meaning.RETURNING,
    "Returned to Sender": Meaning.RETURNED,
    "Cancelled": Meaning.LOST,
}

# Services whose reports have no codes of their own: the text is the code.
IN_TEXTS = {
    ("hct", "home"),
    ("seven_eleven", "etracking"),
    ("familymart", "native"),
    ("ninja_van", "v2"),
}


def says(service: str, code: str | None, text: str | None = None) -> Meaning:
    """The meaning of a report of "carrier/service"."""
    carrier, _, name = service.partition("/")
    return TABLE.look_up(carrier, name, code, text)[0]


def decisive_in(service: tuple[str, str]) -> dict[str, Meaning]:
    return {
        row.code: row.meaning
        for row in ROWS
        if (row.carrier, row.service) == service and row.meaning.decisive
    }


# Every row


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.carrier}-{row.service}-{row.code}")
def test_every_row_is_found_by_its_code_and_by_its_text(row: CarrierCode) -> None:
    known = (row.meaning, row.code)
    assert TABLE.look_up(row.carrier, row.service, row.code, None) == known
    assert TABLE.look_up(row.carrier, row.service, row.code, "nonsense") == known
    assert TABLE.look_up(row.carrier, row.service, f" {row.code} ", None) == known
    if row.code.isdigit():
        assert TABLE.look_up(row.carrier, row.service, f"0{row.code}", None) == known
    if (row.carrier, row.service) in IN_TEXTS or row.text == row.code:
        assert TABLE.look_up(row.carrier, row.service, None, row.code) == known
        assert TABLE.look_up(row.carrier, row.service, "no such code", f"{row.code}。") == known
    alike = {
        one.meaning for one in ROWS if one[:2] == row[:2] and normal(one.text) == normal(row.text)
    }
    by_text = TABLE.look_up(row.carrier, row.service, None, row.text)
    assert by_text[0] == (row.meaning if alike == {row.meaning} else Meaning.UNKNOWN)


def test_every_service_has_all_its_codes() -> None:
    assert Counter((row.carrier, row.service) for row in ROWS) == COUNTS
    assert len({(row.carrier, row.service, normal(row.code)) for row in ROWS}) == len(ROWS)
    assert all(is_known_service(*service) for service in COUNTS)
    assert not is_known_service("ecpay", "kerry")
    assert not is_known_service("kerry", "unimart")


@pytest.mark.parametrize("service", DECISIVE, ids="/".join)
def test_these_codes_and_no_others_give_or_take_points(service: tuple[str, str]) -> None:
    told = {code: meaning for meaning, codes in DECISIVE[service].items() for code in codes.split()}
    assert decisive_in(service) == told


def test_these_events_and_no_others_of_ninja_van_give_or_take_points() -> None:
    assert decisive_in(("ninja_van", "v2")) == NINJA_VAN
    assert {*DECISIVE, ("ninja_van", "v2")} == set(COUNTS)


# The laws of rules.md 6


def test_a_code_means_nothing_without_its_service() -> None:
    assert says("ecpay/unimart", "2053") == Meaning.IN_TRANSIT
    for service in ("unimartc2c", "hilife", "hilifec2c"):
        assert says(f"ecpay/{service}", "2053") == Meaning.REVERSED_RETURNING
    assert says("ecpay/okmartc2c", "2053") == Meaning.UNKNOWN
    assert says("sf/express", "204") == says("tcat/home", "204") == Meaning.IN_TRANSIT
    assert says("sf/express", "301") == Meaning.UNKNOWN


@pytest.mark.parametrize(
    ("service", "codes"),
    [
        ("ecpay/unimart", "2063 2073 2098"),
        ("ecpay/unimartc2c", "2073 2098"),
        ("ecpay/fami", "3018 3029"),
        ("ecpay/famic2c", "3018 3029"),
        ("ecpay/hilife", "2063 2073 3018 3029"),
        ("ecpay/hilifec2c", "2063 2073 3018 3029"),
        ("ecpay/okmartc2c", "2073"),
        ("ecpay/tcat", "3011 3012"),
        ("ecpay/post", "3302 3314"),
        ("ecpay/unimartcb", "6009"),
        ("seven_eleven/etracking", "包裹配達門市 配達取件門市 包裹配達取件門市"),
        ("familymart/native", "貨件配達取件店舖 配達取件門市 包裹配達取件門市"),
        ("hct/home", "到站自領"),
        ("sf/express", "125 130 607"),
        ("sf/pickup", "125 130 607"),
    ],
)
def test_a_parcel_that_waits_to_be_fetched_is_never_final(service: str, codes: str) -> None:
    carrier, _, name = service.partition("/")
    waiting = {
        row.code
        for row in ROWS
        if row[:2] == (carrier, name) and row.meaning == Meaning.AT_PICKUP_POINT
    }
    assert waiting == set(codes.split())
    assert not Meaning.AT_PICKUP_POINT.decisive


def test_only_the_buyers_own_pick_up_is_collected() -> None:
    for service in ("unimart", "unimartc2c", "hilife", "hilifec2c"):
        assert says(f"ecpay/{service}", "2067") == Meaning.COLLECTED
    for service in ("fami", "famic2c", "hilife", "hilifec2c", "okmartc2c"):
        assert says(f"ecpay/{service}", "3022") == Meaning.COLLECTED
    assert says("seven_eleven/etracking", None, "門市已收件") == Meaning.IN_TRANSIT
    assert says("hct/home", "集貨", "已由台北站取件完成") == Meaning.IN_TRANSIT


def test_cross_border_is_final_for_the_door_and_for_the_shop() -> None:
    assert says("ecpay/unimartcb", "6010") == Meaning.COLLECTED


def test_hct_at_the_hub_and_out_for_delivery_is_not_delivered() -> None:
    assert says("hct/home", "到著") == says("hct/home", "配達") == Meaning.IN_TRANSIT
    assert says("hct/home", None, "到著") == says("hct/home", None, "配達") == Meaning.IN_TRANSIT
    for category in ("正常配交", "缺件配達", "破損配達"):
        assert says("hct/home", category) == says("hct/home", None, category) == Meaning.DELIVERED


def test_tcat_takes_back_a_delivery_and_a_return() -> None:
    assert says("ecpay/tcat", "3003") == Meaning.DELIVERED
    assert says("ecpay/tcat", "3016") == Meaning.REVERSED
    assert says("ecpay/tcat", "3017") == Meaning.RETURN_REVERSED
    assert {row.code for row in ROWS if row.meaning.word == "reversed"} == {"2053", "3016", "3017"}


def test_sf_signed_for_is_delivered_by_express_and_collected_at_a_pick_up_point() -> None:
    assert says("sf/express", "80") == Meaning.DELIVERED
    assert says("sf/pickup", "80") == Meaning.COLLECTED
    assert says("sf/express", "8000") == says("sf/pickup", "8000") == Meaning.IN_TRANSIT


@pytest.mark.parametrize(
    ("service", "code"),
    [("unimart", "2036"), ("hilife", "2036"), ("fami", "7013"), ("unimartc2c", "7013")],
)
def test_a_parcel_that_was_not_handed_over_in_time_is_lost(service: str, code: str) -> None:
    assert says(f"ecpay/{service}", code) == Meaning.LOST


def test_a_closed_shop_is_in_transit_until_the_parcel_goes_back() -> None:
    for service, code in (
        ("unimart", "2037"),
        ("unimartc2c", "2104"),
        ("fami", "7011"),
        ("okmartc2c", "7101"),
    ):
        assert says(f"ecpay/{service}", code) == Meaning.IN_TRANSIT
    for service, code in (
        ("unimart", "2016"),
        ("unimart", "2060"),
        ("unimartc2c", "2092"),
        ("fami", "7032"),
        ("okmartc2c", "7201"),
    ):
        assert says(f"ecpay/{service}", code) == Meaning.RETURNING


def test_refused_uploads_and_failed_attempts_lose_no_parcel() -> None:
    for code in ("2002", "2015", "2023", "2035", "2071"):
        assert says("ecpay/unimart", code) == Meaning.IN_TRANSIT
    assert says("ecpay/fami", "7037") == says("ecpay/post", "7300") == Meaning.IN_TRANSIT
    assert says("ninja_van/v2", "Pickup Exception, Max Attempts Reached") == Meaning.IN_TRANSIT
    assert says("ninja_van/v2", "Delivery Exception, Max Attempts Reached") == Meaning.IN_TRANSIT


def test_codes_that_their_carrier_withdrew_are_unknown() -> None:
    for code in range(3001, 3018):
        assert (
            says("ecpay/hilife", str(code)) == says("ecpay/hilifec2c", str(code)) == Meaning.UNKNOWN
        )


# Finding a row


@pytest.mark.parametrize(
    ("spoken", "meaning"),
    [
        ("正常配交", Meaning.DELIVERED),
        (" 正常 配交 ", Meaning.DELIVERED),
        ("正常配交。", Meaning.DELIVERED),
        ("正常配交.", Meaning.DELIVERED),
        ("未正常配交", Meaning.UNKNOWN),
        ("正常配交：改期", Meaning.UNKNOWN),
    ],
)
def test_texts_match_as_a_whole_whatever_their_spaces_and_stops(
    spoken: str, meaning: Meaning
) -> None:
    assert says("hct/home", None, spoken) == meaning


def test_width_and_case_make_no_difference() -> None:
    known = (Meaning.DELIVERED, "Delivered, Received by Customer")
    assert TABLE.look_up("ninja_van", "v2", "delivered,  RECEIVED by customer", None) == known
    assert TABLE.look_up("ecpay", "unimartc2c", "２０６７", None) == (Meaning.COLLECTED, "2067")
    assert TABLE.look_up("sf", "express", None, "派件至豐巢(智能櫃)") == (
        Meaning.AT_PICKUP_POINT,
        "125",
    )


def test_a_known_code_speaks_before_the_text() -> None:
    assert says("hct/home", "配達", "正常配交") == Meaning.IN_TRANSIT
    assert says("hct/home", "77", "正常配交") == Meaning.DELIVERED
    assert says("hct/home", "", "正常配交") == Meaning.DELIVERED


def test_a_text_that_means_two_things_is_no_match() -> None:
    assert says("ecpay/unimart", "2066") == Meaning.RETURNING
    assert says("ecpay/unimart", "2061") == Meaning.IN_TRANSIT
    assert says("ecpay/unimart", None, "包裹異常，請洽客服") == Meaning.UNKNOWN


def test_a_service_that_no_table_has_knows_no_code() -> None:
    assert TABLE.look_up("kerry", "th", "2067", "買家已到店取貨") == (Meaning.UNKNOWN, "2067")


# Unknown codes


@pytest.mark.parametrize(
    ("code", "text", "label"),
    [
        ("2999", "新貨態", "2999"),
        (None, "新貨態", "新貨態"),
        ("", "新貨態", "新貨態"),
        (None, "已签收,签收人: 王小明", "已签收,签收人"),
        (None, "已簽收：王小明 0912345678", "已簽收"),
        (None, "請電0912-345-678洽詢", "請電****洽詢"),
        (None, "請電 0912 345 678 洽詢", "請電 **** 洽詢"),
        (None, "寄至 someone@example.com 查詢", "寄至 **** 查詢"),
        ("0912345678", None, "****"),
        (None, "貨" * 61, "貨" * 60),
        ("\x00\x1b[31m停\u202e", None, "[31m停"),
        (None, "a\n  b", "a b"),
        (": 王小明", None, "?"),
        (None, None, "?"),
        ("\ud800", " ", "?"),
    ],
)
def test_an_unknown_code_is_shown_without_what_is_personal(
    code: str | None, text: str | None, label: str
) -> None:
    assert TABLE.look_up("ecpay", "unimart", code, text) == (Meaning.UNKNOWN, label)


# What operators add


def test_an_operators_code_speaks_over_the_shipped_table() -> None:
    assert says("ecpay/unimart", "2999") == Meaning.UNKNOWN
    table = CodeTable({OVERLAY: Meaning.COLLECTED, ("ecpay", "unimart", "2067"): Meaning.RETURNED})
    assert table.look_up("ecpay", "unimart", "2999", None) == (Meaning.COLLECTED, "2999")
    assert table.look_up("ecpay", "unimart", "02999", None) == (Meaning.COLLECTED, "2999")
    assert table.look_up("ecpay", "unimartc2c", "2999", None)[0] == Meaning.UNKNOWN
    assert table.look_up("ecpay", "unimart", None, "買家已到店取貨") == (Meaning.RETURNED, "2067")
    assert table.look_up("ecpay", "unimartc2c", "2067", None) == (Meaning.COLLECTED, "2067")
    assert TABLE.look_up("ecpay", "unimart", "2067", None) == (Meaning.COLLECTED, "2067")


def test_another_spelling_of_a_shipped_code_is_that_code() -> None:
    table = CodeTable({("ecpay", "unimart", "02067"): Meaning.RETURNED})
    assert table.look_up("ecpay", "unimart", "2067", None) == (Meaning.RETURNED, "2067")


def test_none_leaves_the_shipped_meaning() -> None:
    table = CodeTable({OVERLAY: None, ("ecpay", "unimart", "2067"): None})
    assert table.look_up("ecpay", "unimart", "2067", None)[0] == Meaning.COLLECTED
    assert table.look_up("ecpay", "unimart", "2999", None)[0] == Meaning.UNKNOWN


def test_an_operator_can_make_a_text_that_meant_two_things_mean_one() -> None:
    table = CodeTable({("ecpay", "unimart", "2066"): Meaning.IN_TRANSIT})
    assert table.look_up("ecpay", "unimart", None, "包裹異常，請洽客服")[0] == Meaning.IN_TRANSIT


@pytest.mark.parametrize(
    "text", ["已送達，單號12345678", "代收點簽收：王小明", "請電0912-345-678", "貨" * 70]
)
def test_an_unknown_text_can_be_added_as_it_was_shown(text: str) -> None:
    _, label = TABLE.look_up("hct", "home", None, text)
    table = CodeTable({("hct", "home", label): Meaning.DELIVERED})
    assert table.look_up("hct", "home", None, text) == (Meaning.DELIVERED, label)
    assert table.look_up("hct", "home", label, None) == (Meaning.DELIVERED, label)
    assert TABLE.look_up("hct", "home", label, None) == (Meaning.UNKNOWN, label)


def test_a_service_of_an_operators_own_needs_no_table() -> None:
    table = CodeTable({("kerry", "th", "POD"): Meaning.DELIVERED})
    assert table.look_up("kerry", "th", "pod", None) == (Meaning.DELIVERED, "POD")


# Words, carriers and lines


def test_the_words_are_those_of_the_spec() -> None:
    words = (
        "in transit, at the pick-up point, delivered, collected, "
        "returning, returned, lost, reversed"
    )
    assert ", ".join(WORDS) == words
    assert {meaning_of(word) for word in WORDS} == set(Meaning) - {
        Meaning.UNKNOWN, Meaning.REVERSED_RETURNING, Meaning.RETURN_REVERSED,
    }  # fmt: skip
    assert meaning_of("reversed", "returning") == Meaning.REVERSED_RETURNING
    assert meaning_of("reversed", "return") == Meaning.RETURN_REVERSED
    assert meaning_of("unknown") is meaning_of("lost", "return") is None


def test_every_delivery_option_belongs_to_a_line_of_the_carriers_and_the_reverse() -> None:
    lines = [line.line for line in carrier_lines() if line.line]
    assert len(lines) == len(set(lines))
    assert set(lines) == {option.line for option in delivery_options().values()}


def test_every_table_belongs_to_a_carrier() -> None:
    assert {service for line in carrier_lines() for service in line.services} == set(COUNTS)


def test_where_no_reports_are_understood_upstreams_own_status_is_known() -> None:
    untold = {line.carrier for line in carrier_lines() if not line.services}
    assert untold == {
        "Kerry Express",
        "YTO",
        "YUN Express",
        "GHTK",
        "Zeek2door",
        "ezShip",
        "Alfred",
        "HOP!",
        "any",
        "several",
        "the shop",
    }


def test_the_tables_cannot_be_changed_by_who_reads_them() -> None:
    with pytest.raises(TypeError):
        shipped_codes()["ecpay", "unimart", "2067"] = ROWS[0]  # type: ignore[index]


@pytest.mark.parametrize(
    ("carrier", "service", "text", "meaning"),
    [
        ("hct", "home", "貨件已由台北營業所送達。貨物件數共2件", Meaning.DELIVERED),
        (
            "hct",
            "home",
            "貨件已由 台北 送達。貨物件數共 2 件。 2024/06/12 15:37",
            Meaning.DELIVERED,
        ),
        ("hct", "home", "文件缺件配交!", Meaning.DELIVERED),
        ("hct", "home", "貨件由王小明人員配送中", Meaning.IN_TRANSIT),
        ("hct", "home", "貨件由高雄轉運中", Meaning.IN_TRANSIT),
        ("hct", "home", "貨件已退回，退貨號碼為7420518836", Meaning.RETURNING),
        ("hct", "home", "貨件已由台北營業所送達。未完", Meaning.UNKNOWN),
        ("sf", "express", "在深圳，準備送往下一站", Meaning.IN_TRANSIT),
        ("tcat", "home", "順利送達（2024-12-04T14:03:00+08:00）", Meaning.DELIVERED),
        ("tcat", "home", "順利送達 12/04 下午2:03", Meaning.DELIVERED),
        ("tcat", "home", "順利送達 12月4日 14時03分", Meaning.DELIVERED),
        ("tcat", "home", "順利送達 20241204140300", Meaning.DELIVERED),
        ("tcat", "home", "順利送達！", Meaning.DELIVERED),
        ("familymart", "native", "已完成取件 (三) 2024/12/04", Meaning.COLLECTED),
        ("seven_eleven", "etracking", "2020/04/08 16:57 已完成包裹成功取件", Meaning.COLLECTED),
        ("ninja_van", "v2", "Delivered, Left at Doorstep. 4 Dec 2024 2:03 PM", Meaning.DELIVERED),
    ],
)
def test_texts_are_known_with_places_and_moments_in_them(
    carrier: str, service: str, text: str, meaning: Meaning
) -> None:
    for code, said in ((text, None), (None, text)):
        assert CodeTable().look_up(carrier, service, code, said)[0] is meaning


def test_a_text_of_nothing_but_moments_is_looked_at_some_times_only() -> None:
    """Each cut looks at the whole of it: a text of full width would take a worker a second."""
    for sign, plain in (("\u3230", "(日)"), ("\ufdfa", "صلى")):
        assert plain in normal(sign * 200)
        assert len(normal(sign * 200)) <= 200
        assert len(normal_text(sign * 200)) <= 200
    assert normal_text("(日)" * 8 + "怪事") == "怪事"
    assert normal_text("(日)" * 20 + "怪事") != "怪事"


def test_an_unknown_text_has_one_label_whenever_it_is_sent_and_a_date_alone_is_no_text() -> None:
    labels = {
        CodeTable().look_up("hct", "home", None, f"怪事 2024/12/{day} 14:03")[1]
        for day in ("04", "05")
    }
    assert labels == {"怪事"}
    assert CodeTable().look_up("ecpay", "tcat", "2024/12/04", None)[0] is Meaning.UNKNOWN
