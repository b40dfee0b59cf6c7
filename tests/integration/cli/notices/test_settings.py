"""A merchant's notice settings from the command line, its usage, and previews."""

import sys

import pytest

from tests.support.commands import Ran, points
from tests.support.in_process import InProcessEngine
from tests.support.notices.told import Lane

SHOP = "shop-a"
GIVEN = 'email: {from: "Lantern Tea <points@lantern.example>"}\n'


def run(engine: InProcessEngine, *words: str, stdin: str | None = None) -> Ran:
    return points(engine.environment, "notices", *words, stdin=stdin)


def test_settings_are_applied_shown_and_logged_each_change_a_version(
    in_process: InProcessEngine,
) -> None:
    first = run(in_process, "settings", "apply", SHOP, "-", "--by", "olga", "--json", stdin=GIVEN)
    assert first.json == {"merchant_id": SHOP, "version": 1, "changed": True, "heard_of": False}
    again = run(in_process, "settings", "apply", SHOP, "-", "--json", stdin=GIVEN)
    assert (again.json["version"], again.json["changed"]) == (1, False)
    stale = run(
        in_process, "settings", "apply", SHOP, "-", "--if-version", "0", stdin="shop: Tea\n"
    )
    assert stale.code == 5
    run(in_process, "settings", "apply", SHOP, "-", "--if-version", "1", stdin=GIVEN + "shop: Tea")
    newest = run(in_process, "settings", "show", SHOP, "--json").json
    assert (newest["version"], newest["settings"]["shop"]) == (2, "Tea")
    old = run(in_process, "settings", "show", SHOP, "--version", "1", "--json").json
    assert (old["applied_by"], old["settings"]["shop"]) == ("olga", None)
    log = run(in_process, "settings", "log", SHOP, "--json").json
    assert log[1]["changes"] == [{"path": "shop", "before": None, "after": "Tea"}]
    assert "version 2" in run(in_process, "settings", "log", SHOP).out
    assert "shop: Tea" in run(in_process, "settings", "show", SHOP).out


def test_settings_that_are_wrong_are_refused_with_the_path_and_nothing_is_kept(
    in_process: InProcessEngine, lane: Lane
) -> None:
    unknown = run(in_process, "settings", "apply", SHOP, "-", stdin="emails: {}\n")
    assert unknown.code != 0
    assert "emails" in unknown.err
    text = "texts: {en: {earned: {sms: \"{{ 'a' * 10 }}\"}}}\n"
    refused = run(in_process, "settings", "apply", SHOP, "-", stdin=text)
    assert refused.code != 0
    assert "texts.en.earned.sms" in refused.err
    assert lane.value("SELECT count(*) FROM notice_settings") == 0
    assert run(in_process, "settings", "show", SHOP).code == 6
    lane.shop(SHOP)
    assert run(in_process, "settings", "show", SHOP).code == 6


def test_texts_are_checked_only_where_the_lanes_packages_are(
    in_process: InProcessEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "rules.notices.texts.checking", raising=False)
    monkeypatch.setitem(sys.modules, "rules.notices.texts", None)
    ran = run(in_process, "settings", "apply", SHOP, "-", stdin=GIVEN)
    assert ran.code == 2
    assert "install member-points[notices]" in ran.err


def test_a_months_usage_is_shown_by_provider_and_as_csv(
    in_process: InProcessEngine, lane: Lane
) -> None:
    lane.connection.execute(
        "INSERT INTO meter (merchant_no, month, channel, provider, messages, parts,"
        " provider_parts, unknown) VALUES (%s, 202611, 'sms', 'mitake', 3, 4, 5, 1)",
        [lane.shop(SHOP)],
    )
    answer = run(in_process, "usage", SHOP, "--month", "2026-11", "--json").json
    row = {
        "channel": "sms",
        "provider": "mitake",
        "messages": 3,
        "parts": 4,
        "provider_parts": 5,
        "unknown": 1,
    }
    assert answer == {"merchant_id": SHOP, "month": 202611, "usage": [row]}
    lines = run(in_process, "usage", SHOP, "--month", "2026-11", "--csv").out.splitlines()
    assert lines == [
        "channel,provider,messages,parts,provider_parts,unknown",
        "sms,mitake,3,4,5,1",
    ]
    assert "mitake" in run(in_process, "usage", SHOP, "--month", "2026-11").out
    assert "nothing" in run(in_process, "usage", SHOP, "--month", "2026-10").out
    assert run(in_process, "usage", SHOP, "--month", "2026-13").code == 2
    assert run(in_process, "usage", "no-shop", "--month", "2026-11").code == 6


def test_a_preview_is_of_a_shop_whose_points_settings_are_heard_of(
    in_process: InProcessEngine, lane: Lane
) -> None:
    number = lane.shop(SHOP)
    assert run(in_process, "preview", SHOP, "--kind", "earned").code == 6
    lane.connection.execute(
        "INSERT INTO shop_settings (merchant_no, version, effective_us, timezone, languages,"
        " enabled, entitled) VALUES (%s, 1, 0, 'Asia/Taipei', '{en}', true, true)",
        [number],
    )
    words = ("preview", SHOP, "--kind", "earned", "--price", "0.85")
    seen = run(in_process, *words, "--json").json
    assert seen["mail_language"] == "en"
    assert "100" in seen["plain"]
    assert seen["parts"] >= 1
    assert seen["cost"] == "0.85"
    assert "SMS" in run(in_process, *words).out
    assert "never told by SMS" in run(in_process, "preview", SHOP, "--kind", "expired").out
    assert run(in_process, "preview", SHOP, "--kind", "earned", "--price", "much").code == 2
