"""What people see of notices: lists, one with all of it, what is unknown, pauses."""

import uuid

import psycopg
import pytest
from psycopg import sql

from cli.support import console
from schemas.notices.points_change import ALL_PAID
from tests.support.commands import points
from tests.support.in_process import InProcessEngine
from tests.support.notices.told import HOUR, Lane

SHOP = "shop-a"


def test_a_merchants_notices_are_listed_those_of_the_newest_events_first(
    in_process: InProcessEngine, lane: Lane
) -> None:
    old = lane.notice(SHOP, "ann", "sent", hours_ago=200, parts=1, provider="mitake")
    new = lane.notice(SHOP, "bob", "skipped", reason="opted_out")
    lane.notice("shop-b", "ann")
    rows = points(in_process.environment, "notices", "list", SHOP, "--json").json
    assert [row["notice_id"] for row in rows] == [str(new), str(old)]
    assert (rows[0]["state"], rows[0]["reason"]) == ("skipped", "opted_out")
    assert (rows[1]["parts"], rows[1]["provider"]) == (1, "mitake")
    text = points(in_process.environment, "notices", "list", SHOP).out
    assert "skipped: opted_out" in text
    assert "shop-b" not in text


def test_a_list_has_whole_ids_for_other_commands_also_in_a_narrow_terminal(
    in_process: InProcessEngine, lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "WIDTH_OF_A_PIPE", 80)
    member = "65e1f0a400000000000000aa"
    of_long = lane.notice(SHOP, member, "skipped", reason="unusable_number", points=1_000_000)
    lost = lane.notice(SHOP, "m" * 100, "unknown", provider="twilio")
    listed = points(in_process.environment, "notices", "list", SHOP).out
    unknown = points(in_process.environment, "notices", "unknown", "list").out
    assert str(of_long) in listed
    assert str(lost) in listed
    assert str(lost) in unknown
    assert member in listed
    assert "m" * 100 in listed
    usual = points(in_process.environment, "notices", "list", SHOP, member).out
    assert str(of_long) in usual
    assert member in usual
    assert max(map(len, usual.splitlines())) <= 80


def test_a_list_can_be_of_one_member_or_state_and_has_an_end(
    in_process: InProcessEngine, lane: Lane
) -> None:
    of_ann = lane.notice(SHOP, "ann", "failed", reason="refused")
    for hour in range(3):
        lane.notice(SHOP, "bob", hours_ago=hour)

    def ids(*words: str) -> list[str]:
        rows = points(in_process.environment, "notices", "list", SHOP, *words, "--json").json
        return [row["notice_id"] for row in rows]

    assert ids("ann") == ids("--state", "failed") == [str(of_ann)]
    assert len(ids("--limit", "2")) == 2
    assert len(ids()) == 4
    assert ids("nobody") == []
    assert points(in_process.environment, "notices", "list", SHOP, "nobody").out == "no notices\n"


def test_a_notice_is_shown_with_all_that_the_lane_keeps_of_it(
    in_process: InProcessEngine, lane: Lane
) -> None:
    made = lane.notice(SHOP, "ann", not_before_us=lane.now() + HOUR, order_id="65e1")
    shown = points(in_process.environment, "notices", "show", str(made), "--json").json
    assert (shown["merchant_id"], shown["member_id"], shown["points"]) == (SHOP, "ann", 100)
    assert shown["not_before_at"] > shown["decided_at"]
    assert shown["give_up_at"] is None
    assert shown["expires_at"] is None
    assert "not_before_at" in points(in_process.environment, "notices", "show", str(made)).out


def test_points_that_a_debt_took_lapse_at_no_moment(
    in_process: InProcessEngine, lane: Lane
) -> None:
    notice = lane.notice(SHOP, "ann", expires_us=ALL_PAID)
    shown = points(in_process.environment, "notices", "show", str(notice), "--json").json
    assert shown["expires_at"] is None


def test_what_is_not_there_is_not_found(in_process: InProcessEngine, lane: Lane) -> None:
    del lane
    environment = in_process.environment
    assert points(environment, "notices", "list", "no-shop").code == 6
    assert points(environment, "notices", "show", str(uuid.uuid4())).code == 6
    assert points(environment, "notices", "show", "no-id").code == 2
    assert points(environment, "notices", "unknown", "list", "no-shop").code == 6
    assert points(environment, "notices", "settings", "log", "no-shop").code == 6
    assert points(environment, "notices", "dlq", "show", "7").code == 6


def test_the_unknown_ones_are_listed_from_the_oldest(
    in_process: InProcessEngine, lane: Lane
) -> None:
    now = lane.now()
    second = lane.notice(SHOP, "ann", "unknown", changed_us=now - HOUR, provider="twilio")
    first = lane.notice("shop-b", "bob", "unknown", changed_us=now - 2 * HOUR)
    lane.notice(SHOP, "cat", "sent")

    def ids(*words: str) -> list[str]:
        rows = points(in_process.environment, "notices", "unknown", "list", *words, "--json").json
        return [row["notice_id"] for row in rows]

    assert ids() == [str(first), str(second)]
    assert ids(SHOP) == [str(second)]


def test_names_from_outside_do_not_act_on_the_terminal(
    in_process: InProcessEngine, lane: Lane
) -> None:
    made = lane.notice(SHOP, "\x1b[31mann[bold]", order_id="\x1b]0;x\x07")
    for words in (("list", SHOP), ("show", str(made))):
        out = points(in_process.environment, "notices", *words).out
        assert "\x1b" not in out
        assert "[bold]" in out


def test_deciding_is_paused_and_goes_on(in_process: InProcessEngine, lane: Lane) -> None:
    environment = in_process.environment
    paused = points(environment, "notices", "pause", "--by", "olga", "--json").json
    assert paused == {"provider": None, "paused": True, "changed": True}
    assert points(environment, "notices", "pause", "--json").json["changed"] is False
    assert lane.value("SELECT reason FROM pipeline_state WHERE pipeline = 'notices'") == "by olga"
    assert "goes on" in points(environment, "notices", "resume").out
    assert points(environment, "notices", "resume", "--json").json["changed"] is False


def test_a_login_that_may_not_take_the_lanes_role_is_refused(
    in_process: InProcessEngine, lane: Lane
) -> None:
    del lane
    with psycopg.connect(in_process.database_url, autocommit=True) as owner:
        name = f"app_{owner.info.dbname}"
        role = sql.Identifier(name)
        owner.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'w' IN ROLE points_app").format(role))
        try:
            url = f"postgresql://{name}:w@{owner.info.host}:{owner.info.port}/{owner.info.dbname}"
            environment = {**in_process.environment, "POINTS_DATABASE__URL": url}
            ran = points(environment, "notices", "unknown", "list")
            assert ran.code == 5
            assert "GRANT points_notices TO the user of POINTS_DATABASE__URL" in ran.err
            own = {**in_process.environment, "POINTS_NOTICES__DATABASE_URL": url}
            refused = points(own, "notices", "unknown", "list")
            assert "POINTS_NOTICES__DATABASE_URL" in refused.err
        finally:
            owner.execute(sql.SQL("DROP ROLE {}").format(role))


def test_the_lanes_own_database_url_is_checked_as_the_engines(
    in_process: InProcessEngine,
) -> None:
    environment = {**in_process.environment, "POINTS_NOTICES__DATABASE_URL": "mysql://u:p@h/d"}
    ran = points(environment, "notices", "unknown", "list")
    assert ran.code == 2
    assert "POINTS_NOTICES__DATABASE_URL: is not a PostgreSQL URL" in ran.err
