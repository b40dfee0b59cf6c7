"""`explain` tells what carriers reported, whose word decided, and what else counted."""

import pytest

from rules.explain.view import Family, TrackedNumber
from rules.order.facts import CarrierReport, OrderFacts
from rules.order.family import Creation, FamilyRecord
from rules.order.folding import fold_family
from rules.order.membership import Buyer, MemberStatement, with_statement
from rules.order.trail import Version as RecordVersion
from schemas.carriers.meaning import Meaning
from schemas.ids import DAY, MINUTE, Micros
from tests.unit.rules.explain.test_order import (
    CREATED,
    FINAL,
    ORDER,
    explanation_of,
    facts,
    parcel,
    settings,
    text_of,
)

NUMBER = b"D40617352918"
HOUR = 60 * MINUTE


def report(
    meaning: Meaning,
    when: Micros,
    code: str,
    service: str = "ecpay/unimartc2c",
    *,
    number: bytes = NUMBER,
    named: bool = False,
) -> CarrierReport:
    return CarrierReport(when, meaning, number, service, code, named)


def with_reports(
    *reports: CarrierReport,
    status: str = "shipped",
    option: str = "tw_711_nopay",
    when: Micros = FINAL,
) -> OrderFacts:
    found = facts(ORDER, parcel(status, option, when)._replace(tracking=NUMBER))
    found.reports = tuple(sorted(reports))
    return found


WAITS = report(Meaning.AT_PICKUP_POINT, FINAL, "2073")
FETCHED = report(Meaning.COLLECTED, FINAL + HOUR, "2067")


def test_a_report_is_told_with_who_said_what_and_when() -> None:
    text = text_of(explanation_of(with_reports(WAITS, FETCHED)))
    assert "number D40617352918: tw_711_nopay" in text
    assert "2019-12-01 14:00 (Asia/Taipei) ecpay unimartc2c 2073 “" in text
    assert "”: at the pick-up point, which is never final." in text
    assert "ecpay unimartc2c 2067 “買家已到店取貨”: collected." in text
    assert "Final 2019-12-01 15:00 (Asia/Taipei), by the carrier's word, which is enough." in text


def test_a_parcel_waits_at_the_store_since_the_first_report_of_it() -> None:
    again = report(Meaning.AT_PICKUP_POINT, FINAL + DAY, "2073")
    assert (
        "It has been waiting at the pick-up point since 2019-12-01 14:00 (Asia/Taipei); "
        "that is never final." in text_of(explanation_of(with_reports(WAITS, again)))
    )


def test_whose_word_came_first_is_told() -> None:
    both = text_of(explanation_of(with_reports(FETCHED, status="collected", when=FINAL + 2 * HOUR)))
    assert "by the carrier's word, the earlier one: upstream says so too." in both
    upstream = text_of(explanation_of(with_reports(FETCHED, status="collected", when=FINAL)))
    assert "by upstream's word, the earlier one: the carrier says so too." in upstream
    assert "by upstream's word and the carrier's." in text_of(
        explanation_of(with_reports(FETCHED, status="collected", when=FINAL + HOUR))
    )


@pytest.mark.parametrize(
    ("meaning", "code", "words"),
    [
        (
            Meaning.REVERSED_RETURNING,
            "2053",
            "reversed: the carrier withdraws its report, and the parcel goes back",
        ),
        (
            Meaning.RETURNING,
            "2074",
            (
                "Not final: the carrier reported on 2019-12-01 16:00 (Asia/Taipei) that the parcel "
                "is going back"
            ),
        ),
        (Meaning.LOST, "2094", "that the parcel was returned or lost"),
    ],
)
def test_what_takes_a_final_report_back_is_told(meaning: Meaning, code: str, words: str) -> None:
    found = explanation_of(with_reports(FETCHED, report(meaning, FINAL + 2 * HOUR, code)))
    assert found.state == "waiting"
    assert words in text_of(found)


def test_a_scan_that_was_a_mistake_leaves_it_open() -> None:
    home = "ecpay/tcat"
    found = with_reports(
        report(Meaning.DELIVERED, FINAL, "3003", home),
        report(Meaning.REVERSED, FINAL + HOUR, "3016", home),
        option="tw_tcat_roomtemp",
    )
    text = text_of(explanation_of(found))
    assert "withdraws its report that it was delivered or collected" in text
    assert "Not final: the carrier's newest report leaves it open." in text
    back = with_reports(
        report(Meaning.DELIVERED, FINAL, "3003", home),
        report(Meaning.RETURNED, FINAL + HOUR, "3010", home),
        report(Meaning.RETURN_REVERSED, FINAL + 2 * HOUR, "3017", home),
        option="tw_tcat_roomtemp",
    )
    assert "withdraws its return, so an earlier delivery counts again" in text_of(
        explanation_of(back)
    )
    assert explanation_of(back).state == "granted"


def test_a_voice_that_denies_the_other_is_told() -> None:
    found = text_of(explanation_of(with_reports(FETCHED, status="returned", when=FINAL + 2 * HOUR)))
    assert (
        "Not final: the carrier says that it was final on 2019-12-01 15:00 (Asia/Taipei), but "
        "upstream says that on 2019-12-01 16:00 (Asia/Taipei) it went back or was lost." in found
    )
    found = text_of(
        explanation_of(
            with_reports(report(Meaning.LOST, FINAL + HOUR, "x"), status="collected", when=FINAL)
        )
    )
    assert (
        "Not final: upstream says that it was final on 2019-12-01 14:00 (Asia/Taipei), "
        "but the carrier says" in found
    )


def test_delivered_is_not_enough_where_the_member_must_fetch_it() -> None:
    text = text_of(explanation_of(with_reports(report(Meaning.DELIVERED, FINAL, "999"))))
    assert "delivered; it is final only when collected" in text


def test_an_unknown_code_is_told_with_what_to_do() -> None:
    text = text_of(explanation_of(with_reports(report(Meaning.UNKNOWN, FINAL, "77777"))))
    assert (
        "ecpay unimartc2c 77777: unknown; no table has this code, so it changes nothing "
        "(points carriers set" in text
    )


def test_reports_of_half_a_year_away_are_of_another_order() -> None:
    far = report(Meaning.COLLECTED, CREATED + 200 * DAY, "2067")
    row = TrackedNumber(NUMBER, 1, ambiguous=False, reports=(far,), named_at=CREATED)
    found = explanation_of(with_reports(WAITS), numbers=(row,), now=FINAL + 300 * DAY)
    assert (
        "collected; more than 180 days from the first record that named the number, "
        "so it is not of this order" in text_of(found)
    )
    assert found.state == "waiting"


def test_reports_that_are_kept_with_the_number_only_are_told_too_the_latest_of_them() -> None:
    on_the_way = [report(Meaning.IN_TRANSIT, FINAL - n * HOUR, "2030") for n in range(1, 8)]
    row = TrackedNumber(NUMBER, 1, ambiguous=False, reports=(*on_the_way, FETCHED))
    text = text_of(explanation_of(with_reports(FETCHED), numbers=(row,)))
    assert "4 earlier reports of the carrier that it was in transit." in text
    assert text.count("2030") == 3
    assert text.count("2067") == 1


def test_ambiguous_numbers_count_for_none_and_are_told() -> None:
    row = TrackedNumber(NUMBER, 2, ambiguous=True, reports=(FETCHED,))
    text = text_of(explanation_of(with_reports(), numbers=(row,)))
    assert "collected; ambiguous, so it does not count" in text
    assert "ambiguous: 2 orders named the number D40617352918" in text


def test_several_parcels_are_told_apart_by_their_numbers() -> None:
    second = parcel("shipped", "tw_711_nopay")._replace(parcel_id=b"\xffsecond", tracking=b"N2")
    found = facts(ORDER, parcel("shipped", "tw_711_nopay")._replace(tracking=NUMBER), second)
    nameless = report(Meaning.COLLECTED, FINAL, "2067", number=b"", named=True)
    found.reports = tuple(
        sorted((FETCHED, nameless, report(Meaning.LOST, FINAL, "x", number=b"N3", named=True)))
    )
    text = text_of(explanation_of(found))
    assert "number N2: tw_711_nopay" in text
    assert "It is of none of the order's several parcels: it has no number." in text
    assert "of the order's several parcels: its number N3 belongs to none." in text
    assert "With several parcels, the order is final when all" in text


def test_a_report_before_any_parcel_is_told_to_wait() -> None:
    found = facts(ORDER)
    found.reports = (report(Meaning.COLLECTED, FINAL, "2067", named=True),)
    assert "no parcel is known that it could be of" in text_of(explanation_of(found))


def buyer_of(is_member: bool, registered: Micros | None) -> Buyer:
    return Buyer((MemberStatement(RecordVersion(CREATED - HOUR), is_member, registered),))


def test_when_the_buyer_became_a_member_is_told() -> None:
    found = facts(ORDER, parcel("arrived"))
    found.buyer = buyer_of(True, CREATED + HOUR)
    later = explanation_of(found)
    assert (later.state, later.decided.reason) == ("none", "registered_later")
    assert (
        "registered_later: member became a member 2019-11-29 11:00 (Asia/Taipei), "
        "after the order was made" in text_of(later)
    )
    found.buyer = buyer_of(True, CREATED)
    assert "Member member, registered 2019-11-29 10:00 (Asia/Taipei)." in text_of(
        explanation_of(found)
    )
    found.buyer = buyer_of(False, None)
    assert (
        "not_a_member: customer events say that member was not a member when the order was made."
        in text_of(explanation_of(found))
    )
    left = MemberStatement(RecordVersion(CREATED + DAY), is_member=False)
    found.buyer = with_statement(buyer_of(True, CREATED), left)
    assert (
        "Left 2019-11-30 10:00 (Asia/Taipei), after the order was made: that changes nothing"
        in text_of(explanation_of(found))
    )


def inherited(bound_as: bytes = b"\xffp") -> Creation:
    """The creation of an order p, which may be bound as another one."""
    before = CREATED - DAY
    return Creation(
        b"\xffp", before, "gold", "shop", bound_as=bound_as, bound_at=before, heard_at=None
    )


def test_a_child_tells_whose_creation_it_is_judged_by() -> None:
    found = facts(ORDER, parcel("arrived"))
    fold_family(found, FamilyRecord(parent=b"\xffp"), ORDER.version)
    found.settings_no, found.inherited = 3, inherited()
    text = text_of(explanation_of(found))
    assert "as order p is, which it was split from" in text
    assert (
        "Judged by the creation of order p, 2019-11-28 10:00 (Asia/Taipei): its member, tier"
        in text
    )
    found.inherited = inherited(bound_as=b"\xffa")
    assert "as order a is, the oldest of those combined into order p" in text_of(
        explanation_of(found)
    )
    found.inherited = None
    assert "Split from order p, which is not known: until it comes" in text_of(
        explanation_of(found, family=Family(unknown=("p",)))
    )
    assert "lead back to itself: it is bound by its own creation" in text_of(
        explanation_of(found, family=Family(goes_round=True))
    )


def test_combined_orders_tell_where_they_come_from_and_where_they_went() -> None:
    found = facts(ORDER, parcel("arrived"))
    fold_family(found, FamilyRecord(sources=(b"\xffa",)), ORDER.version)
    found.settings_no, found.inherited = 3, inherited(bound_as=b"\xffa")
    assert "as order a is, the oldest of those combined into it" in text_of(explanation_of(found))
    fold_family(found, FamilyRecord(combined_to=b"\xffc"), ORDER.version)
    ended = explanation_of(found)
    assert (ended.state, ended.decided.reason) == ("withdrawn", "combined")
    assert "Combined into order c: it counts as cancelled" in text_of(ended)


def test_application_events_are_told_where_they_spoke() -> None:
    found, before = facts(ORDER, parcel("arrived")), CREATED - DAY
    off = explanation_of(found, installs=((before, False),))
    assert off.decided.reason == "feature_off"
    assert "the app not installed (application event of 2019-11-28)" in text_of(off)
    on = explanation_of(found, installs=((CREATED + DAY, False),))
    assert "the app installed (settings of 2019-01-01)" in text_of(on)
    assert (
        "The app was uninstalled 2019-11-30 10:00 (Asia/Taipei), after the order was made"
        in text_of(on)
    )
    module = settings(
        entitlement={"plan": "basic", "app_installed": False, "modules": ["crm_credits"]}
    )
    assert "after the order was made" not in text_of(
        explanation_of(found, bound=module, installs=((CREATED + DAY, False),))
    )


def test_the_platforms_own_figure_stands_beside_ours() -> None:
    record = ORDER._replace(summary_days=3, summary_points=90)
    text = text_of(explanation_of(facts(record, parcel("arrived"))))
    assert (
        "is 90 points after 3 days, ours 100 points after 3: other_points. "
        "It is only compared: points are never granted from it." in text
    )


def test_with_keep_a_parcel_that_the_carrier_lost_after_the_due_date_is_told() -> None:
    keep = settings(
        earn={**settings().document.model_dump(mode="json")["earn"], "on_return": "keep"}
    )
    late = explanation_of(
        with_reports(FETCHED, report(Meaning.LOST, FINAL + 20 * DAY, "x")), bound=keep
    )
    assert late.state == "granted"
    assert "A parcel went back at or after the due date: on_return is keep" in text_of(late)


def test_newer_records_do_not_hide_reports() -> None:
    found = with_reports(FETCHED)
    found.record = ORDER._replace(version=RecordVersion(FINAL + DAY))
    assert explanation_of(found).state == "granted"
