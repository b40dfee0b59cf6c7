"""What a notice would look like, before anybody gets it."""

import base64
from pathlib import Path
from typing import Any

import pytest

from schemas.notices.words import Kind
from store.notices.members import contacts
from store.notices.members.contacts import SealedContact
from store.notices.members.sealing import REASON, Sealer, key_encryption_keys
from store.postgres import session
from tests.support.commands import Ran, points
from tests.support.in_process import InProcessEngine
from tests.support.notices.lane import as_lane
from tests.support.notices.texts import document
from tests.support.notices.told import Lane

SHOP = "shop-a"
TEXT = "{{ member_name }}: {{ points }} points, {{ balance }} in all"
KEYS = "k1:" + base64.urlsafe_b64encode(b"1" * 32).decode().rstrip("=") + "\n"


@pytest.fixture
def heard(in_process: InProcessEngine, lane: Lane, tmp_path: Path) -> Lane:
    """A shop whose points settings and notice settings the lane knows, in Taipei's time."""
    number, file = lane.shop(SHOP), tmp_path / "notices.json"
    lane.connection.execute(
        "INSERT INTO shop_settings VALUES (%s, 1, 0, 'Asia/Taipei', ARRAY['en'], true, true)",
        [number],
    )
    texts = {"en": {"earned": {"sms": TEXT}}}
    file.write_bytes(document(texts, languages=("en", "zh-hant"), max_parts=4))
    assert points(in_process.environment, "notices", "settings", "apply", SHOP, str(file)).code == 0
    return lane


def preview(engine: InProcessEngine, *words: str, **more: str) -> Ran:
    return points({**engine.environment, **more}, "notices", "preview", SHOP, *words)


def shown(engine: InProcessEngine, *words: str, **more: str) -> Any:
    return preview(engine, *words, "--json", **more).json


def test_a_sample_says_what_it_costs_and_what_the_longest_would(
    in_process: InProcessEngine, heard: Lane
) -> None:
    del heard
    seen = shown(in_process, "--kind", "earned", "--price", "0.85")
    assert "100 points, 340 in all" in seen["sms"]
    assert (seen["encoding"], seen["parts"], seen["cost"]) == ("GSM-7", 1, "0.85")
    assert seen["worst_parts"] >= 1
    assert float(seen["worst_cost"]) == pytest.approx(seen["worst_parts"] * 0.85)
    assert seen["characters"] == len(seen["sms"])
    assert "<html" in seen["html"]
    text = preview(in_process, "--kind", "earned", "--price", "0.85").out
    assert "parts: 1" in text
    assert "cost 0.85" in text


def test_another_language_and_a_kind_that_no_sms_tells(
    in_process: InProcessEngine, heard: Lane, tmp_path: Path
) -> None:
    del heard
    file = tmp_path / "mail.html"
    text = preview(
        in_process, "--kind", "expired", "--language", "zh-hant", "--html", str(file)
    ).out
    assert "never told by SMS" in text
    assert "點" in text
    assert "點" in file.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "price", ["cheap", "", "-1", "nan", "1e999999", "1_0", "\uff19", "1.", "1" * 10]
)
def test_a_price_is_a_plain_number(in_process: InProcessEngine, heard: Lane, price: str) -> None:
    del heard
    ran = preview(in_process, "--kind", "earned", "--price", price)
    assert (ran.code, "0.85" in ran.err) == (2, True)


def test_html_goes_where_it_can_be_written(
    in_process: InProcessEngine, heard: Lane, tmp_path: Path
) -> None:
    del heard
    for file in (tmp_path, tmp_path / "no" / "mail.html"):
        ran = preview(in_process, "--kind", "earned", "--html", str(file))
        assert (ran.code, "cannot be written" in ran.err) == (2, True)


def test_settings_that_are_not_applied_yet_are_tried(
    in_process: InProcessEngine, heard: Lane, tmp_path: Path
) -> None:
    file = tmp_path / "tried.json"
    file.write_bytes(document({"en": {"earned": {"sms": "Hi! {{ points }}"}}}, languages=("en",)))
    seen = shown(in_process, "--kind", "earned", "--settings", str(file))
    assert seen["sms"] == "Hi! 100"
    assert heard.value("SELECT count(*) FROM notice_settings") == 1
    file.write_bytes(document({"en": {"earned": {"sms": "{{ nothing }}"}}}))
    refused = preview(in_process, "--kind", "earned", "--settings", str(file))
    assert refused.code == 5
    assert "texts.en.earned.sms" in refused.err


def test_a_member_is_shown_his_name_and_his_newest_figures_and_nothing_else(
    in_process: InProcessEngine, heard: Lane, tmp_path: Path
) -> None:
    keys = tmp_path / "keys"
    keys.write_text(KEYS)
    number = heard.shop(SHOP)
    with (
        as_lane(in_process.database_url) as connection,
        session.transaction(connection) as cursor,
    ):
        sealer = Sealer(key_encryption_keys(KEYS)).with_keys(cursor, [(number, "ann")], create=True)
        sealed = SealedContact(name=sealer.seal(number, "ann", "name", "Ann\x1b[2J"))
        contacts.write(cursor, {(number, "ann"): sealed})
    heard.notice(SHOP, "ann", "sent", hours_ago=20, points=7, balance=8)
    heard.notice(SHOP, "ann", "sent", hours_ago=1, points=25, balance=1250)
    with_keys = {"POINTS_NOTICES__KEY_FILE": str(keys)}
    seen = shown(in_process, "--kind", "earned", "--member", "ann", **with_keys)
    assert "25 points, 1,250 in all" in seen["sms"]
    assert seen["sms"].startswith("Ann")
    ran = preview(in_process, "--kind", "earned", "--member", "ann", **with_keys)
    assert "\x1b[2J" not in ran.out
    nobody = shown(in_process, "--kind", "earned", "--member", "bob", **with_keys)
    assert "100 points, 340 in all" in nobody["sms"]
    missing = preview(in_process, "--kind", "earned", "--member", "ann")
    assert missing.code == 2
    assert "POINTS_NOTICES__KEY_FILE" in missing.err


def test_a_shop_without_a_name_is_called_by_its_id_as_its_members_will_see(
    in_process: InProcessEngine, heard: Lane, tmp_path: Path
) -> None:
    del heard
    file = tmp_path / "tried.json"
    file.write_bytes(b'{"languages": ["en"]}')
    seen = shown(in_process, "--kind", "earned", "--settings", str(file))
    assert seen["sms"].startswith("shop-a: you earned points")
    assert seen["subject"].startswith("shop-a: ")


def test_a_member_is_shown_why_the_points_were_given(
    in_process: InProcessEngine, heard: Lane, tmp_path: Path
) -> None:
    keys, number = tmp_path / "keys", heard.shop(SHOP)
    keys.write_text(KEYS)
    with (
        as_lane(in_process.database_url) as connection,
        session.transaction(connection) as cursor,
    ):
        sealer = Sealer(key_encryption_keys(KEYS)).with_keys(cursor, [(number, "ann")], create=True)
        sealed = sealer.seal(number, "ann", REASON, "Happy birthday")
    heard.notice(SHOP, "ann", "sent", kind=Kind.assigned, sealed_reason=sealed)
    words = ("--kind", "assigned", "--member", "ann")
    with_keys = shown(in_process, *words, POINTS_NOTICES__KEY_FILE=str(keys))
    assert "Reason: Happy birthday\n" in with_keys["plain"]
    heard.connection.execute("DELETE FROM notices_keys.member_key")
    erased = shown(in_process, *words, POINTS_NOTICES__KEY_FILE=str(keys))
    assert "Reason: a gift from us\n" in erased["plain"]


def test_a_shop_that_is_not_heard_of_is_not_found(in_process: InProcessEngine, lane: Lane) -> None:
    assert preview(in_process, "--kind", "earned").code == 6
    lane.shop(SHOP)
    ran = preview(in_process, "--kind", "earned")
    assert ran.code == 6
    assert "points settings apply" in ran.err
