"""Every delivery option and the status at which its points start to wait (rules.md 2.2)."""

import pytest

from rules.order.options import final_status_of, is_known
from schemas.options import OptionsTableError, delivery_options, read_options


def _words(text: str) -> list[str]:
    return text.split()


ARRIVED = _words("""
tw_tcat_roomtemp tw_tcat_roomtemp_cod tw_tcat_refrigerated tw_tcat_refrigerated_cod tw_tcat_frozen
tw_tcat_frozen_cod sfexpress cross_border_711_home_delivery hk_integrated_sfexpress ninja_van
sl_logistics_ninjavan sl_logistics_ninjavan_cod sl_logistics_kerry_th_nd
sl_logistics_kerry_th_nd_cod sl_logistics_kerry_th_2d sl_logistics_kerry_th_2d_cod
sl_logistics_kerry_th_3d sl_logistics_kerry_th_3d_cod sl_logistics_yto_home
sl_logistics_yto_home_cod sl_logistics_yto_special_home sl_logistics_yto_special_home_cod
""")
OUR_ARRIVED = _words("non_integrated hct_home yun_express post ghtk cn_my_home cn_th_home")
COLLECTED = _words("""
custom custom_return store_pickup tw_711_nopay tw_711_pay tw_711_b2c_nopay tw_711_b2c_pay
711_return_nopay emap_only_711 tw_simple_711 tw_fm_c2c_nopay tw_fm_c2c_pay tw_fm_b2c_nopay
tw_fm_b2c_pay emap_only_fm tw_simple_familymart sl_logistics_fmt_freeze_pay
sl_logistics_fmt_freeze_nopay tw_ezship cross_border_711_store_pick_up hk_integrated_sf_pickup
hk_pakpobox sl_logistics_yto_store sl_logistics_yto_store_cod sl_logistics_yto_special_store
sl_logistics_yto_special_store_cod
""")
OUR_COLLECTED = ["hop"]


@pytest.mark.parametrize("pickup", [False, True])
@pytest.mark.parametrize("option", ARRIVED + OUR_ARRIVED)
def test_a_parcel_brought_to_the_door_is_final_when_it_arrives(
    *, option: str, pickup: bool
) -> None:
    assert is_known(option)
    assert final_status_of(option, delivery_type_is_pickup=pickup, overrides={}) == "arrived"


@pytest.mark.parametrize("pickup", [False, True])
@pytest.mark.parametrize("option", COLLECTED + OUR_COLLECTED)
def test_a_parcel_fetched_by_the_member_is_final_when_collected(
    *, option: str, pickup: bool
) -> None:
    assert is_known(option)
    assert final_status_of(option, delivery_type_is_pickup=pickup, overrides={}) == "collected"


def test_one_option_that_can_be_both_goes_by_its_delivery_type() -> None:
    assert is_known("hk_sfplus")
    assert final_status_of("hk_sfplus", delivery_type_is_pickup=True, overrides={}) == "collected"
    assert final_status_of("hk_sfplus", delivery_type_is_pickup=False, overrides={}) == "arrived"


def test_the_table_has_these_rows_and_no_others() -> None:
    table = delivery_options()
    assert set(table) == {*ARRIVED, *OUR_ARRIVED, *COLLECTED, *OUR_COLLECTED, "hk_sfplus"}
    assert {code for code, option in table.items() if option.ours} == {*OUR_ARRIVED, *OUR_COLLECTED}


@pytest.mark.parametrize("option", ["drone", "", None])
def test_an_unknown_option_counts_as_not_integrated_unless_it_is_a_pickup(
    option: str | None,
) -> None:
    assert not is_known(option)
    assert final_status_of(option, delivery_type_is_pickup=False, overrides={}) == "arrived"
    assert final_status_of(option, delivery_type_is_pickup=True, overrides={}) == "collected"


@pytest.mark.parametrize("option", ["custom", "hk_sfplus", "drone", "tw_tcat_frozen"])
def test_the_merchants_override_speaks_first(option: str) -> None:
    for pickup in (False, True):
        assert (
            final_status_of(option, delivery_type_is_pickup=pickup, overrides={option: "arrived"})
            == "arrived"
        )
        assert (
            final_status_of(option, delivery_type_is_pickup=pickup, overrides={option: "collected"})
            == "collected"
        )


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        (
            "- {line: Door, codes: [a]}",
            "row 1: final must be one of arrived, collected, by_delivery_type",
        ),
        ("- {line: Door, final: delivered, codes: [a]}", "row 1: final must be"),
        ("- {final: arrived, codes: [a]}", "row 1: has no line"),
        ("- {line: Door, final: arrived}", "row 1: has no codes"),
        (
            "- {line: Door, final: arrived, codes: [711]}",
            "row 1: has no codes, or one that is not text",
        ),
        ("- {line: Door, final: arrived, codes: [a], colour: red}", "row 1: may have only"),
        (
            "- {line: A, final: arrived, codes: [a]}\n- {line: B, final: collected, codes: [a]}",
            "row 2: a has a row",
        ),
        ("line: Door", "not a list"),
    ],
)
def test_a_table_with_a_row_that_does_not_say_is_refused(text: str, wrong: str) -> None:
    with pytest.raises(OptionsTableError, match=wrong):
        read_options(text)
