"""When an order is final, option by option, and when its points are due and expire.

See rules.md 2, 3.
"""

from typing import Any

import pytest

from schemas.ids import NEVER, iso
from tests.support.in_memory import InMemoryEngine, at
from tests.support.order_facts import (
    HOME,
    STORE,
    Event,
    Json,
    day,
    delivery,
    order,
    parcel,
    settings,
)


def words(text: str) -> list[str]:
    return text.split()


# The lines of the help page (001 §6) with the upstream codes that stand for them, or a name of
# ours.
FINAL_AT_ARRIVED = words("""
tw_tcat_roomtemp tw_tcat_roomtemp_cod tw_tcat_refrigerated tw_tcat_refrigerated_cod tw_tcat_frozen
tw_tcat_frozen_cod hct_home non_integrated cross_border_711_home_delivery hk_integrated_sfexpress
sfexpress ninja_van sl_logistics_ninjavan sl_logistics_ninjavan_cod sl_logistics_kerry_th_nd
sl_logistics_kerry_th_nd_cod sl_logistics_kerry_th_2d sl_logistics_kerry_th_2d_cod
sl_logistics_kerry_th_3d sl_logistics_kerry_th_3d_cod hk_sfplus yun_express post ghtk cn_my_home
cn_th_home sl_logistics_yto_home sl_logistics_yto_home_cod sl_logistics_yto_special_home
sl_logistics_yto_special_home_cod
""")
FINAL_AT_COLLECTED = words("""
custom custom_return store_pickup tw_711_nopay tw_711_pay tw_711_b2c_nopay tw_711_b2c_pay
711_return_nopay emap_only_711 tw_simple_711 tw_fm_c2c_nopay tw_fm_c2c_pay tw_fm_b2c_nopay
tw_fm_b2c_pay emap_only_fm tw_simple_familymart sl_logistics_fmt_freeze_pay
sl_logistics_fmt_freeze_nopay tw_ezship cross_border_711_store_pick_up hk_integrated_sf_pickup
hk_pakpobox hop sl_logistics_yto_store sl_logistics_yto_store_cod sl_logistics_yto_special_store
sl_logistics_yto_special_store_cod
""")
CRM = {"plan": "basic", "modules": ["crm_credits"]}


def engine(*, overrides: dict[str, str] | None = None, **earn: Json) -> InMemoryEngine:
    """A merchant in Taipei who grants three days after."""
    made = InMemoryEngine()
    made.apply(settings(earn=earn, entitlement=CRM, delivery_overrides=overrides or {}))
    return made


def arrived(option: str | None = HOME, **fields: Json) -> Event:
    return delivery(
        "arrived", day("12-01 15:00"), option=option, arrived_at=day("12-01 15:00"), **fields
    )


def collected(option: str | None = STORE, **fields: Json) -> Event:
    times: Json = {"arrived_at": day("12-01 15:00"), "collected_at": day("12-05 09:00")}
    return delivery("collected", day("12-05 09:00"), option=option, **times | fields)


@pytest.mark.parametrize("option", FINAL_AT_ARRIVED)
def test_what_is_brought_to_the_door_earns_when_it_arrives(option: str) -> None:
    made = engine()
    made.consume(order(), arrived(option), when=day("12-01 15:00"))
    assert made.explain().due_at == at(day("12-04"))
    made.until(day("12-04"))
    assert made.points() == 100
    made.consume(collected(option), when=day("12-05 09:00"))
    assert made.history() == [("granted", 100)]


@pytest.mark.parametrize("option", FINAL_AT_COLLECTED)
def test_a_parcel_waiting_at_the_store_earns_nothing_until_it_is_collected(option: str) -> None:
    made = engine()
    made.consume(order(), arrived(option), when=day("12-01 15:00"))
    made.until(day("12-05"))
    assert (made.points(), made.explain().state) == (0, "waiting")
    made.consume(collected(option), when=day("12-05 09:00"))
    assert made.explain().due_at == at(day("12-08"))
    made.until(day("12-07 23:59"))
    assert made.points() == 0
    made.until(day("12-08"))
    assert made.points() == 100


@pytest.mark.parametrize("option", ["drone", "", None])
@pytest.mark.parametrize(
    ("delivery_type", "final"),
    [("home", True), (None, True), ("pickup", False), ("store_pickup", False)],
)
def test_an_unknown_option_arrives_unless_it_is_fetched(
    option: str | None, delivery_type: str | None, *, final: bool
) -> None:
    made = engine()
    made.consume(order(), arrived(option, delivery_type=delivery_type), when=day("12-01 15:00"))
    assert (made.explain().state == "planned") is final


@pytest.mark.parametrize(
    ("delivery_type", "state"), [("pickup", "waiting"), ("home", "planned"), (None, "planned")]
)
def test_hk_sfplus_goes_by_its_delivery_type(delivery_type: str | None, state: str) -> None:
    made = engine()
    made.consume(
        order(), arrived("hk_sfplus", delivery_type=delivery_type), when=day("12-01 15:00")
    )
    assert made.explain().state == state


def test_a_pickup_type_does_not_change_a_known_option() -> None:
    made = engine()
    made.consume(order(), arrived(HOME, delivery_type="pickup"), when=day("12-01 15:00"))
    assert made.explain().state == "planned"


@pytest.mark.parametrize(
    ("option", "says", "state"),
    [
        ("custom", "arrived", "planned"),
        (HOME, "collected", "waiting"),
        ("our_own_bicycle", "collected", "waiting"),
        ("our_own_counter", "arrived", "planned"),
    ],
)
def test_a_merchants_override_speaks_first_also_for_names_that_nobody_knows(
    option: str, says: str, state: str
) -> None:
    made = engine(overrides={option: says})
    made.consume(order(), arrived(option, delivery_type="pickup"), when=day("12-01 15:00"))
    assert made.explain().state == state


@pytest.mark.parametrize("status", ["pending", "shipped", "store_closed", "a_new_status", ""])
def test_other_statuses_are_not_final_even_when_times_are_set(status: str) -> None:
    made = engine()
    made.consume(
        order(),
        delivery(status, day("12-01"), arrived_at=day("12-01"), collected_at=day("12-01")),
        when=day("12-01"),
    )
    assert made.explain().state == "waiting"


@pytest.mark.parametrize("status", ["returning", "returned", "returning_store_closed", "expired"])
def test_a_parcel_on_its_way_back_or_lost_waits(status: str) -> None:
    made = engine()
    made.consume(
        order(),
        arrived(),
        delivery(status, day("12-02"), arrived_at=day("12-01 15:00")),
        when=day("12-03"),
    )
    made.until(day("12-10"))
    assert (made.points(), made.explain().state) == (0, "waiting")


def test_the_logistics_state_does_not_make_a_parcel_final() -> None:
    made = engine()
    made.consume(
        order(), delivery("shipped", day("12-01"), delivery_status="arrived"), when=day("12-01")
    )
    assert made.explain().state == "waiting"


def test_a_failed_logistics_state_beats_a_final_status() -> None:
    made = engine()
    made.consume(order(), arrived(delivery_status="failed"), when=day("12-01 15:00"))
    made.until(day("12-10"))
    assert (made.points(), made.explain().state) == (0, "waiting")


def test_a_delivery_inside_the_order_counts_by_its_own_time() -> None:
    made = engine()
    newer = parcel("arrived", arrived_at=day("12-01 15:00"), updated_at=day("12-01 15:00"))
    older = parcel("shipped", updated_at=day("11-30"))
    made.consume(
        order(updated=day("12-01 15:00"), order_delivery=newer),
        order(updated=day("12-02"), order_delivery=older),
        when=day("12-02"),
    )
    assert made.explain().state == "planned"


def test_a_nested_delivery_without_a_time_counts_by_the_orders() -> None:
    made = engine()
    made.consume(
        order(updated=day("12-01"), order_delivery=parcel("arrived")),
        order(updated=day("11-30"), order_delivery=parcel("shipped")),
        when=day("12-02"),
    )
    assert made.explain().final_at == at(day("12-01"))


# --- orders without a delivery (D4), and grants on completion (D5)


@pytest.mark.parametrize("created_by", ["pos", "shop_crm"])
def test_a_counter_sale_is_final_when_completed(created_by: str) -> None:
    made = engine()
    made.consume(order(created_by=created_by, status="confirmed"), when=day("11-29"))
    assert made.explain().state == "waiting"
    done = order(
        created_by=created_by,
        status="completed",
        updated=day("12-01 20:00"),
        completed_at=day("12-01 19:00"),
    )
    made.consume(done, when=day("12-01 20:00"))
    assert made.explain().final_at == at(day("12-01 19:00"))
    made.until(day("12-04"))
    assert made.points() == 100


def test_an_order_that_says_it_has_no_delivery_is_final_when_completed() -> None:
    made = engine()
    made.consume(
        order(status="completed", updated=day("12-01"), order_delivery=None), when=day("12-01")
    )
    assert made.explain().final_at == at(day("12-01"))


def test_a_missing_delivery_is_not_known_yet() -> None:
    made = engine()
    made.consume(
        order(status="completed", updated=day("12-01"), completed_at=day("12-01")),
        when=day("12-01"),
    )
    assert made.explain().state == "waiting"


def test_a_counter_sale_that_is_sent_home_is_final_when_it_arrives() -> None:
    made = engine()
    made.consume(
        order(
            created_by="pos",
            status="completed",
            updated=day("12-01"),
            order_delivery=parcel("shipped"),
        ),
        when=day("12-01"),
    )
    assert made.explain().state == "waiting"
    made.consume(arrived(), when=day("12-02"))
    assert made.explain().state == "planned"


@pytest.mark.parametrize(
    ("status", "updated", "final"),
    [("completed", day("12-02"), day("12-01")), ("completed", day("12-03"), day("12-01"))],
)
def test_without_a_completion_time_the_earliest_record_since_it_was_not_completed_counts(
    status: str, updated: str, final: str
) -> None:
    made = engine()
    counter: Json = {"created_by": "pos"}
    made.consume(
        order(status="completed", updated=day("11-30"), **counter),
        order(status="confirmed", updated=day("11-30 12:00"), **counter),
        order(status=status, updated=updated, **counter),
        order(status="completed", updated=day("12-01"), **counter),
        when=day("12-03"),
    )
    assert made.explain().final_at == at(final)


def test_a_merchant_may_grant_on_completion_whatever_the_delivery_says() -> None:
    made = engine(grant_on="order_completed")
    made.consume(order(), arrived(), when=day("12-01 15:00"))
    assert made.explain().state == "waiting"
    done = order(
        status="completed",
        updated=day("12-02"),
        completed_at=day("12-02"),
        order_delivery=parcel("shipped"),
    )
    made.consume(done, when=day("12-02"))
    assert made.explain().due_at == at(day("12-05"))


# --- the final moment


def test_for_an_arrived_option_the_earlier_of_both_times_counts() -> None:
    made = engine()
    made.consume(order(), collected(HOME), when=day("12-05 09:00"))
    assert made.explain().final_at == at(day("12-01 15:00"))


def test_for_a_collected_option_the_collection_counts() -> None:
    made = engine()
    made.consume(order(), collected(STORE), when=day("12-05 09:00"))
    assert made.explain().final_at == at(day("12-05 09:00"))


def test_arrived_and_then_collected_without_times_loses_nothing() -> None:
    made = engine()
    made.consume(
        order(),
        delivery("arrived", day("12-01")),
        delivery("collected", day("12-05")),
        when=day("12-06"),
    )
    assert made.explain().final_at == at(day("12-01"))


def test_a_collection_time_without_an_arrival_time_does_not_hide_the_earlier_arrival() -> None:
    made = engine()
    made.consume(order(), delivery("arrived", day("12-01")), when=day("12-01"))
    made.until(day("12-04"))
    made.consume(delivery("collected", day("12-05"), collected_at=day("12-05")), when=day("12-05"))
    assert made.explain().final_at == at(day("12-01"))
    assert made.history() == [("granted", 100)]


def test_without_times_the_earliest_record_since_the_newest_that_was_not_final_counts() -> None:
    events = [
        delivery("collected", day("12-01"), option=STORE),
        delivery("arrived", day("12-02"), option=STORE),
        delivery("collected", day("12-04"), option=STORE),
        delivery("collected", day("12-03"), option=STORE),
    ]
    for heard in (events, events[::-1], [events[2], events[0], events[3], events[1]]):
        made = engine()
        made.consume(order(), *heard, when=day("12-06"))
        assert made.explain().final_at == at(day("12-03"))


def test_a_late_word_of_an_interruption_moves_the_final_moment() -> None:
    made = engine()
    made.consume(
        order(),
        delivery("arrived", day("12-01")),
        delivery("arrived", day("12-03")),
        when=day("12-03"),
    )
    assert made.explain().final_at == at(day("12-01"))
    made.consume(delivery("shipped", day("12-02")))
    assert made.explain().final_at == at(day("12-03"))


# --- due dates


def test_the_help_pages_order_is_due_on_the_fourth_and_expires_at_the_end_of_the_next_year() -> (
    None
):
    made = InMemoryEngine()
    made.apply(settings())
    bought = order(created=day("2019-11-29"), updated=day("2019-11-29"))
    made.consume(bought, delivery("arrived", day("2019-12-01 18:00")), when=day("2019-12-01 18:00"))
    made.until(day("2019-12-03 23:59"))
    assert (made.points(), made.explain().state) == (0, "planned")
    made.until(day("2019-12-04"))
    assert made.history() == [("granted", 100)]
    assert [iso(moment) for moment in made.expiries()] == ["2020-12-31T16:00:00Z"]
    made.until(day("2020-12-31 23:59"))
    assert made.points() == 100
    made.until(day("2021-01-01"))
    assert made.history() == [("granted", 100), ("expired", -100)]


def test_with_no_days_to_wait_points_are_due_at_the_final_moment() -> None:
    made = engine(pending_days=0)
    made.consume(order(), arrived(), when=day("12-01 15:00"))
    assert (made.points(), made.explain().due_at) == (100, at(day("12-01 15:00")))


def test_the_days_to_wait_are_those_of_the_bound_settings() -> None:
    made = engine()
    made.consume(order(), when=day("11-29"))
    made.apply(settings(effective=day("11-30"), earn={"pending_days": 30}))
    made.consume(arrived(), when=day("12-01 15:00"))
    assert made.explain().due_at == at(day("12-04"))


@pytest.mark.parametrize("heard", [day("12-31"), day("2025-01-01"), day("2025-06-01")])
def test_the_year_of_expiry_is_the_due_dates_however_late_the_worker(heard: str) -> None:
    made = engine()
    made.consume(order(), delivery("arrived", day("12-28")), when=heard)
    assert set(made.expiries()) == {at(day("2026-01-01"))}


def test_due_in_the_new_year_expires_a_year_later() -> None:
    made = engine()
    made.consume(order(), delivery("arrived", day("12-29")), when=day("2025-02-01"))
    assert set(made.expiries()) == {at(day("2027-01-01"))}


def test_points_that_never_expire_are_a_lot_of_their_own() -> None:
    made = engine()
    made.consume(order(), when=day("11-29"))
    made.apply(settings(effective=day("11-30"), earn={"expiry": {"kind": "never"}}))
    made.consume(
        order(order_id="6633a7d1c95e4b0012f7a1b9", created=day("12-01")), when=day("12-01")
    )
    for order_id in ("6633a7d1c95e4b0012f7a1b8", "6633a7d1c95e4b0012f7a1b9"):
        made.consume(delivery("arrived", day("12-02"), order_id=order_id), when=day("12-02"))
    made.until(day("12-10"))
    assert made.expiries() == {at(day("2026-01-01")): 100, NEVER: 100}


# --- several parcels


def second(status: str, updated: str, **fields: Json) -> Event:
    return delivery(status, updated, parcel_id="second", **fields)


def test_several_parcels_are_final_with_the_last_of_them() -> None:
    made = engine()
    made.consume(order(), arrived(), second("shipped", day("12-01")), when=day("12-01 15:00"))
    assert made.explain().state == "waiting"
    made.consume(second("arrived", day("12-06")), when=day("12-06"))
    assert (made.explain().final_at, made.explain().due_at) == (at(day("12-06")), at(day("12-09")))


def test_each_parcel_has_its_own_final_status() -> None:
    made = engine()
    made.consume(
        order(), arrived(), second("arrived", day("12-02"), option=STORE), when=day("12-02")
    )
    assert made.explain().state == "waiting"
    made.consume(second("collected", day("12-03"), option=STORE))
    assert made.explain().final_at == at(day("12-03"))


@pytest.mark.parametrize(
    "gone",
    [
        {"status": "returned"},
        {"status": "shipped", "delivery_status": "failed"},
        {"status": "expired"},
    ],
)
def test_a_parcel_that_is_returned_or_lost_is_out_of_the_count(gone: dict[str, Any]) -> None:
    made = engine()
    fields = {k: v for k, v in gone.items() if k != "status"}
    made.consume(
        order(), arrived(), second(gone["status"], day("12-02"), **fields), when=day("12-02")
    )
    assert made.explain().final_at == at(day("12-01 15:00"))
    made.consume(delivery("returned", day("12-03")))
    assert made.explain().state == "waiting"


def test_a_parcel_on_its_way_back_is_still_awaited() -> None:
    made = engine()
    made.consume(order(), arrived(), second("returning", day("12-02")), when=day("12-02"))
    assert made.explain().state == "waiting"
