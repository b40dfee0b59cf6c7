"""Notice settings, what is owed for notices, and erasing, as an operator does it."""

from pathlib import Path

from rules.notices.webhooks import key_of
from tests.support.commands import points
from tests.support.in_process import InProcessEngine
from tests.support.notices.texts import document
from tests.support.notices.told import Lane

SHOP = "shop-a"


def test_settings_are_applied_once_shown_and_logged(
    in_process: InProcessEngine, lane: Lane, tmp_path: Path
) -> None:
    del lane
    file, where = tmp_path / "notices.json", in_process.environment
    file.write_bytes(document())
    for changed in (True, False):
        made = points(where, "notices", "settings", "apply", SHOP, str(file), "--json").json
        assert made == {"merchant_id": SHOP, "version": 1, "changed": changed}
    file.write_bytes(document(max_parts=3))
    points(where, "notices", "settings", "apply", SHOP, str(file), "--by", "amy")
    shown = points(where, "notices", "settings", "show", SHOP, "--json").json
    assert (shown["version"], shown["applied_by"]) == (2, "amy")
    assert shown["settings"]["sms"]["max_parts"] == 3
    log = points(where, "notices", "settings", "log", SHOP, "--json").json
    assert [entry["version"] for entry in log] == [1, 2]
    assert log[1]["changes"] == [{"path": "sms.max_parts", "before": 2, "after": 3}]
    assert "sms.max_parts" in points(where, "notices", "settings", "log", SHOP).out


def test_a_shop_without_settings_of_its_own_is_told_so(
    in_process: InProcessEngine, lane: Lane
) -> None:
    lane.shop(SHOP)
    shown = points(in_process.environment, "notices", "settings", "show", SHOP)
    assert shown.code == 6
    assert shown.err.startswith("error: unknown_version: ")
    log = ("notices", "settings", "log", SHOP)
    assert "has no notice settings" in points(in_process.environment, *log).out
    assert points(in_process.environment, *log, "--json").json == []


def test_it_is_said_that_a_shop_is_not_heard_of_yet(
    in_process: InProcessEngine, lane: Lane, tmp_path: Path
) -> None:
    """Its id may be mistyped, or no worker of the lane has run yet."""
    file, where = tmp_path / "notices.json", in_process.environment
    file.write_bytes(document())
    words = ("notices", "settings", "apply", SHOP, str(file))
    assert "nobody is told before the lane has heard of" in points(where, *words).out
    lane.connection.execute(
        "INSERT INTO shop_settings VALUES (%s, 1, 0, 'Asia/Taipei', ARRAY['en'], true, true)",
        [lane.shop(SHOP)],
    )
    assert "nobody is told" not in points(where, *words).out


def test_texts_that_cannot_be_are_refused_with_their_path(
    in_process: InProcessEngine, lane: Lane, tmp_path: Path
) -> None:
    file = tmp_path / "notices.json"
    file.write_bytes(document({"en": {"earned": {"sms": "{{ nothing }}"}}}))
    refused = points(in_process.environment, "notices", "settings", "apply", SHOP, str(file))
    assert refused.code == 5
    assert "texts.en.earned.sms" in refused.err
    assert lane.value("SELECT count(*) FROM notice_settings") == 0


def test_what_a_month_costs_is_shown_by_provider(in_process: InProcessEngine, lane: Lane) -> None:
    lane.connection.execute(
        "INSERT INTO meter VALUES (%s, 202611, 'sms', 'mitake', 3, 5, 6, 1)", [lane.shop(SHOP)]
    )
    where, words = in_process.environment, ("notices", "usage", SHOP, "--month", "2026-11")
    (row,) = points(where, *words, "--json").json["items"]
    assert (row["messages"], row["parts"], row["provider_parts"], row["unknown"]) == (3, 5, 6, 1)
    assert "2026-11,sms,mitake,3,5,6,1" in points(where, *words, "--csv").out
    both = points(where, *words, "--csv", "--json")
    assert (both.code, both.out) == (2, "")
    lines = points(where, *words).out.splitlines()
    assert lines[1].split() == ["2026-11", "sms", "mitake", "3", "5", "6", "1"]
    before = points(where, "notices", "usage", SHOP, "--month", "2026-10").out
    assert before == "nothing was sent in 2026-10\n"
    assert points(where, "notices", "usage", SHOP, "--month", "2026-13").code == 2


def test_how_far_a_months_limit_is_and_since_when_it_is_reached(
    in_process: InProcessEngine, lane: Lane, tmp_path: Path
) -> None:
    file, where = tmp_path / "notices.json", in_process.environment
    words = ("notices", "usage", SHOP, "--month", "2026-11")
    file.write_bytes(document(monthly_limit_parts=6))
    points(where, "notices", "settings", "apply", SHOP, str(file))
    none = points(where, *words, "--json").json
    assert none == {
        "month": "2026-11", "limit": 6, "used": 0, "limit_reached_at": None, "skipped": 0,
        "items": [],
    }  # fmt: skip
    shop, at = lane.shop(SHOP), 1_795_752_000_000_000
    lane.connection.execute(
        "INSERT INTO meter VALUES (%s, 202611, 'sms', 'mitake', 3, 5, 6, 1)", [shop]
    )
    lane.connection.execute("INSERT INTO limit_reached VALUES (%s, 202611, 6, %s, 4)", [shop, at])
    shown = points(where, *words, "--json").json
    assert (shown["limit"], shown["used"], shown["skipped"]) == (6, 6, 4)
    assert shown["limit_reached_at"].startswith("2026-11-27T04:00:00")
    assert "6 of 6 parts of SMS; the limit was reached at 2026-11-27T04:00:00Z, 4 skipped" in (
        points(where, *words).out
    )


def test_a_contact_that_is_not_there_is_no_failure(in_process: InProcessEngine, lane: Lane) -> None:
    lane.shop(SHOP)
    answer = points(in_process.environment, "notices", "erase", SHOP, "ann", "--json").json
    assert answer == {"merchant_id": SHOP, "member_id": "ann", "erased": False}


def test_a_shops_key_goes_into_a_new_file_of_ones_own_and_nowhere_else(
    in_process: InProcessEngine, lane: Lane, tmp_path: Path
) -> None:
    lane.shop(SHOP)
    secret, file = "s" * 40, tmp_path / "key"
    where = {**in_process.environment, "POINTS_WEBHOOK__SECRET": secret}
    words = ("notices", "webhook-key", SHOP, "--to", str(file))
    made = points(where, *words)
    assert file.read_text() == key_of(secret, SHOP) + "\n"
    assert file.stat().st_mode & 0o777 == 0o600
    assert key_of(secret, SHOP) not in made.out + made.err
    assert points(where, *words).code == 2
    assert points(where, "notices", "webhook-key", "nobody", "--to", f"{file}2").code == 6
    assert points(in_process.environment, *words).code == 2
