"""Shops: what is heard of them, what is parked until then, and their notice settings."""

from concurrent.futures import ThreadPoolExecutor

import orjson
import pytest

from processors.notices.deciding import settings as deciding_settings
from processors.notices.sending.wiring import outside
from rules.notices.texts.wording import mail_wording
from schemas.notices.document import NoticeSettings, load_notice_settings
from schemas.notices.shop_version import ShopVersion, read_shop_version
from schemas.notices.words import Kind
from store.notices import settings, shops
from store.notices.deciding import parked
from store.notices.settings import NoticeSettingsConflict
from store.postgres import session
from tests.support.engine import wait_for
from tests.support.notices.decided import MAIL, DecidingLane, changed, settings_changed
from tests.support.notices.lane import as_lane


def test_changes_wait_for_their_shops_settings(lane: DecidingLane) -> None:
    lane.apply("shop")
    assert lane.change(changed(1), changed(2, "held", 0), changed(3, merchant="other")).parked == 3
    assert lane.told() == []
    assert lane.hear_of("shop").applied == 1
    assert lane.told() == [
        ("email", "earned", "waiting", None),
        ("sms", "earned", "waiting", None),
    ]
    assert lane.parked() == 1
    assert lane.change(changed(1)).duplicate == 1


def test_what_comes_while_its_shop_is_heard_of_is_parked_by_nobody(lane: DecidingLane) -> None:
    """Or it would wait for ever: who hears of a shop decides what was parked before, and no more.

    A changes' worker has looked for the shop, and finds none, while the other one writes it.
    """
    lane.apply("shop")
    waits = """SELECT count(*) FROM pg_stat_activity
               WHERE datname = current_database() AND wait_event = 'advisory'"""
    version = read_shop_version(orjson.dumps(settings_changed("shop")))
    assert isinstance(version, ShopVersion)
    with ThreadPoolExecutor(1) as thread, as_lane(lane.url, "points-hears") as hears:
        with session.transaction(hears) as cursor:
            parked.take_turns(cursor)
            comes = thread.submit(lane.change, changed(1))
            wait_for("the change", lambda: comes.done() or lane.rows(waits) == [(1,)])
            shops.add_versions(cursor, [version])
        counts = comes.result()
    assert (counts.applied, counts.parked) == (1, 0)
    assert [state for _, _, state, _ in lane.told()] == ["waiting", "waiting"]


def test_a_sealed_reason_waits_as_well_and_no_text_does(lane: DecidingLane) -> None:
    lane.apply("shop")
    lane.change(
        changed(1, "assigned", 50, order=None, notify=(True, False), reason="For Ann's birthday")
    )
    assert "birthday" not in str(lane.rows("SELECT parked_event::text FROM notices.parked_event"))
    lane.hear_of("shop")
    ((sealed,),) = lane.told("sealed_reason")
    number = lane.shop("shop")
    with session.transaction(lane.connection) as cursor:
        sealer = lane.sealer().with_keys(cursor, [(number, "ann")], create=False)
    assert sealer.open(number, "ann", "reason", sealed) == "For Ann's birthday"


def test_what_is_parked_is_decided_some_at_a_time_and_in_order(
    lane: DecidingLane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deciding_settings, "AT_ONCE", 2)
    lane.apply("shop")
    instants = [changed(1).copy() | {"recorded_at": "2026-11-27T03:00:00Z"}]
    instants += [
        changed(n, "adjusted" if n % 2 == 0 else "granted", -10 if n % 2 == 0 else 10, available=n)
        | {"recorded_at": f"2026-11-27T03:{n:02}:00Z"}
        for n in range(2, 8)
    ]
    lane.change(*instants)
    lane.hear_of("shop")
    assert lane.parked() == 5
    # While something is parked, what comes is parked as well: a member's changes keep their order.
    assert lane.change(changed(8, "clawed_back", -500, available=0)).parked == 1
    lane.work_off()
    assert lane.parked() == 0
    balances = "SELECT DISTINCT balance, sequence, state FROM notices.notice WHERE kind = 'earned'"
    assert (0, 8, "withdrawn") in lane.rows(balances)
    assert {row[2] for row in lane.rows(balances)} == {"withdrawn"}
    assert lane.change(changed(9, order="another")).applied == 1


def test_what_was_parked_too_long_is_not_told(lane: DecidingLane) -> None:
    lane.apply("shop")
    lane.change(changed(1))
    lane.clock(lane.now() + 86_400_000_001)
    lane.hear_of("shop")
    assert {row[3] for row in lane.told()} == {"too_old"}


def test_other_records_of_the_settings_topic_are_passed_over(lane: DecidingLane) -> None:
    counts, poison = lane.process(
        lane.settings,
        [
            settings_changed("shop"),
            settings_changed("shop"),
            {"type": "campaign_changed"},
            {"type": "carrier_code_changed"},
            {"type": "of a later version"},
            None,
            b"[]",
            {"type": "settings_changed", "merchant_id": "shop"},
            settings_changed("shop", 2, timezone="Mars/Olympus"),
            settings_changed("bad\0"),
        ],
    )
    assert (counts.applied, counts.duplicate) == (1, 1)
    assert counts.reasons == {
        "campaign_changed": 1, "carrier_code_changed": 1, "unknown_type": 1, "null_value": 1,
    }  # fmt: skip
    assert [error.reason for _, error in poison] == [
        "wrong_type", "missing_field", "wrong_type", "wrong_type",
    ]  # fmt: skip


def test_an_app_that_is_not_installed_is_the_engines_matter(lane: DecidingLane) -> None:
    lane.hear_of("shop", entitlement={"plan": "o2o", "app_installed": False, "modules": []})
    with session.transaction(lane.connection) as cursor:
        (shop,) = settings.in_force(cursor, [lane.shop("shop")]).values()
    assert shop.entitled
    assert (shop.zone, shop.languages) == ("Asia/Taipei", ("en",))
    assert shop.notices == NoticeSettings(languages=("en",))


def test_a_shop_that_names_no_languages_has_those_of_its_points_settings(
    lane: DecidingLane,
) -> None:
    """All that is written goes by them: whoever reads none of ours is told in the shop's first."""
    lane.hear_of("shop", languages=["zh-Hant", "ja"])
    lane.apply("shop")
    with session.transaction(lane.connection) as cursor:
        (shop,) = outside(lane.configuration()).shops(cursor, [lane.shop("shop")]).values()
    assert shop.languages == ("zh-Hant", "ja")
    assert mail_wording(shop.settings, Kind.earned, "ja").language == "zh-Hant"


def test_a_shop_that_no_settings_tell_of_is_not_in_force(lane: DecidingLane) -> None:
    lane.apply("shop")
    with session.transaction(lane.connection) as cursor:
        assert settings.in_force(cursor, [lane.shop("shop")]) == {}
        assert shops.heard_of(cursor, ["shop"]) == {}


def document(**sections: object) -> NoticeSettings:
    return load_notice_settings(orjson.dumps({"email": MAIL, **sections}), "settings.json")


def test_versions_are_kept_with_who_applied_them(lane: DecidingLane) -> None:
    first = settings.apply(lane.connection, "shop", document(), "mei")
    assert (first.version, first.changed, first.heard_of) == (1, True, False)
    again = settings.apply(lane.connection, "shop", document(shop=None), "lin")
    assert (again.version, again.changed) == (1, False)
    second = settings.apply(lane.connection, "shop", document(shop="Lantern"), "lin", if_version=1)
    assert (second.version, second.changed) == (2, True)
    logged = settings.log(lane.connection, "shop")
    assert [(each.version, each.applied_by, each.settings.shop) for each in logged] == [
        (1, "mei", None),
        (2, "lin", "Lantern"),
    ]
    assert all(each.applied_at == lane.now() for each in logged)
    assert len({each.digest for each in logged}) == 2


def test_a_change_made_for_another_version_is_refused(lane: DecidingLane) -> None:
    settings.apply(lane.connection, "shop", document(), "mei")
    with pytest.raises(NoticeSettingsConflict, match="version 1 is in force, not 7"):
        settings.apply(lane.connection, "shop", document(shop="Lantern"), "lin", if_version=7)
    assert len(settings.log(lane.connection, "shop")) == 1


def test_two_who_apply_at_once_make_two_versions(lane: DecidingLane) -> None:
    other = lane.connect()
    try:
        settings.apply(lane.connection, "shop", document(shop="one"), "mei")
        settings.apply(other, "shop", document(shop="two"), "lin")
    finally:
        other.close()
    assert [each.version for each in settings.log(lane.connection, "shop")] == [1, 2]
