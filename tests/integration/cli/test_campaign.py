"""`points campaign`: saving, showing and removing campaigns, and every refusal (account.md 6)."""

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest

from schemas.settings import load_settings
from store.postgres import session
from store.settings import versions
from tests.support.bad_input.banners import image
from tests.support.commands import Ran, points
from tests.support.servers import Databases
from tests.unit.schemas.test_campaigns import WHOLE

SHOP, OTHER = "shop-a", "shop-b"
SETTINGS: dict[str, Any] = {
    "timezone": "Asia/Taipei",
    "currency": "TWD",
    "languages": ["en", "zh-hant"],
    "enabled": True,
    "entitlement": {"plan": "enterprise", "app_installed": True},
    "earn": {
        "rules": [{"unit_price": 10, "points_per_unit": 1}],
        "pending_days": 0,
        "expiry": {"kind": "never"},
    },
    "effective_at": "2023-01-01T00:00:00Z",
}
JUNE = {"starts_at": "2026-06-01T00:00", "ends_at": "2026-07-01T00:00"}
NAME = {"names": {"en": "A name"}}


class Desk:
    """Where a person applies campaigns: a database with two merchants, and files."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder = url, folder
        self.environment = {"POINTS_DATABASE__URL": url}

    def settings(self, merchant: str, **fields: Any) -> None:
        document = load_settings(orjson.dumps(SETTINGS | fields), name="test")
        with session.connect(self.url) as connection:
            versions.apply(connection, merchant, document, "mei")

    def clock(self, moment: datetime) -> None:
        """Stops the clock of the database."""
        body = f"SELECT {int(moment.timestamp()) * 1_000_000}::bigint"
        function = "CREATE OR REPLACE FUNCTION points_now() RETURNS bigint LANGUAGE sql AS"
        with psycopg.connect(self.url) as connection:
            connection.execute(f"{function} '{body}'".encode())

    def file(self, name: str, content: bytes) -> str:
        (self.folder / name).write_bytes(content)
        return str(self.folder / name)

    def apply(self, campaign_id: str, *options: str, merchant: str = SHOP, **fields: Any) -> Ran:
        document = {"campaign_id": campaign_id, **NAME, **JUNE} | fields
        file = self.file("campaign.json", json.dumps(document).encode())
        return self.run("apply", merchant, file, "--by", "mei", *options)

    def run(self, *arguments: str) -> Ran:
        return points(self.environment, "campaign", *arguments)

    def show(self, campaign_id: str, merchant: str = SHOP) -> Any:
        return self.run("show", merchant, campaign_id, "--json").json

    def topic(self) -> list[Any]:
        query = "SELECT key, value FROM outbox WHERE key LIKE ':campaign:%' ORDER BY id"
        with psycopg.connect(self.url) as connection:
            rows = connection.execute(query).fetchall()
        return [(key.decode(), orjson.loads(value)) for key, value in rows]


@pytest.fixture
def desk(postgres: Databases, tmp_path: Path) -> Iterator[Desk]:
    url = postgres.migrated()
    made = Desk(url, tmp_path)
    made.settings(SHOP)
    made.settings(OTHER)
    made.clock(datetime(2026, 6, 15, tzinfo=UTC))
    yield made
    postgres.drop(url)


def refused(ran: Ran, code: str) -> bool:
    """Whether the command ended with 5, the code word and a sentence, and printed nothing else."""
    return ran.code == 5 and ran.out == "" and ran.err.startswith(f"error: {code}: ")


def test_a_campaign_is_shown_in_instants_with_its_gifts_in_order(desk: Desk) -> None:
    gifts = [
        {"gift_id": "pen", "product_id": "p-2", "points": 30, "created_at": "2026-05-01T10:00"},
        {"gift_id": "mug", "product_id": "p-1", "points": 500},
        {"gift_id": "cup", "product_id": "p-3", "points": 70, "created_at": "2026-05-01T10:00"},
    ]
    file = desk.file("summer.json", json.dumps(WHOLE | {"gifts": gifts}).encode())
    ran = desk.run("apply", SHOP, file, "--by", "mei", "--json")
    assert ran.json == {
        "merchant_id": SHOP,
        "campaign_id": "summer",
        "version": 1,
        "state": "live",
        "changed": True,
    }
    assert desk.show("summer") == {
        "campaign_id": "summer",
        "names": WHOLE["names"],
        "starts_at": "2026-05-31T16:00:00Z",
        "ends_at": None,
        "terms": WHOLE["terms"],
        "gifts": [
            {
                "gift_id": gift_id,
                "product_id": product_id,
                "points": price,
                "created_at": created_at,
            }
            for gift_id, product_id, price, created_at in [
                ("mug", "p-1", 500, "2026-06-15T00:00:00Z"),
                ("cup", "p-3", 70, "2026-05-01T02:00:00Z"),
                ("pen", "p-2", 30, "2026-05-01T02:00:00Z"),
            ]
        ],
        "banner": None,
        "state": "live",
        "version": 1,
    }


def test_yaml_and_standard_input_are_taken(desk: Desk) -> None:
    text = "campaign_id: summer\nnames: {en: Summer}\nstarts_at: 2026-06-01T00:00\n"
    ran = points(desk.environment, "campaign", "apply", SHOP, "-", "--json", stdin=text)
    assert ran.json["version"] == 1
    assert desk.show("summer")["starts_at"] == "2026-05-31T16:00:00Z"


def test_the_same_id_edits_and_the_same_content_makes_no_version(desk: Desk) -> None:
    assert desk.apply("summer", "--json").json["version"] == 1
    again = desk.apply("summer", "--json").json
    assert (again["version"], again["changed"]) == (1, False)
    assert "nothing changed" in desk.apply("summer").out
    edited = desk.apply("summer", "--json", ends_at=None).json
    assert (edited["version"], edited["changed"]) == (2, True)
    assert desk.show("summer")["ends_at"] is None
    assert [value["version"] for _, value in desk.topic()] == [1, 2]


def test_a_gift_keeps_the_instant_of_its_first_save(desk: Desk) -> None:
    def save(day: int, *gifts: str, **fields: Any) -> dict[str, str]:
        desk.clock(datetime(2026, 6, day, tzinfo=UTC))
        wanted = [{"gift_id": g, "product_id": "p", "points": 1, **fields} for g in gifts]
        assert desk.apply("summer", gifts=wanted).code == 0
        return {gift["gift_id"]: gift["created_at"][:10] for gift in desk.show("summer")["gifts"]}

    assert save(2, "mug") == {"mug": "2026-06-02"}
    assert save(3, "mug", "pen") == {"pen": "2026-06-03", "mug": "2026-06-02"}
    assert save(4, "pen") == {"pen": "2026-06-03"}
    assert save(5, "mug", "pen") == {"pen": "2026-06-03", "mug": "2026-06-02"}
    assert save(6, "mug", created_at="2026-01-01T12:00Z") == {"mug": "2026-01-01"}
    assert save(7, "mug") == {"mug": "2026-06-02"}


def test_a_later_change_of_the_zone_moves_no_campaign(desk: Desk) -> None:
    desk.apply("summer")
    desk.settings(SHOP, timezone="America/New_York", effective_at="2024-01-01T00:00:00Z")
    assert desk.show("summer")["starts_at"] == "2026-05-31T16:00:00Z"
    desk.apply("autumn", starts_at="2026-09-01T00:00", ends_at=None)
    assert desk.show("autumn")["starts_at"] == "2026-09-01T04:00:00Z"


def test_settings_to_come_do_not_count_yet(desk: Desk) -> None:
    desk.settings(SHOP, timezone="UTC", languages=["fr"], effective_at="2026-12-01T00:00:00Z")
    assert desk.apply("summer").code == 0
    assert desk.show("summer")["starts_at"] == "2026-05-31T16:00:00Z"


def test_which_campaign_is_live_by_the_databases_clock_or_at_a_time(desk: Desk) -> None:
    desk.apply("june")
    desk.apply("july", starts_at="2026-07-01T00:00", ends_at="2026-08-01T00:00")

    def live(*at: str) -> str | None:
        answer = desk.run("live", SHOP, "--json", *at).json
        return None if answer is None else f"{answer['campaign_id']} {answer['state']}"

    assert live() == "june live"
    assert live("--at", "2026-06-01T00:00") == "june live"
    assert live("--at", "2026-05-31T15:59:59Z") is None
    assert live("--at", "2026-07-01T00:00:00+08:00") == "july live"
    assert live("--at", "2026-08-01T00:00") is None
    desk.clock(datetime(2026, 6, 30, 16, tzinfo=UTC))
    assert live() == "july live"
    desk.run("remove", SHOP, "july")
    assert live() is None
    assert desk.run("live", SHOP, "--json").out == "null\n"
    assert "no campaign of shop-a is live now" in desk.run("live", SHOP).out
    assert desk.run("live", OTHER, "--json").json is None
    for no_time in ("soon", "0001-01-01T00:00", "2026-02-30T00:00", ""):
        ran = desk.run("live", SHOP, "--at", no_time)
        assert (ran.code, ran.err.startswith("error: invalid_time: ")) == (5, True), ran


@pytest.mark.parametrize(
    "window",
    [
        JUNE,
        {"starts_at": "2026-06-10T00:00", "ends_at": "2026-06-11T00:00"},
        {"starts_at": "2026-06-30T23:59:59", "ends_at": "2026-08-01T00:00"},
        {"starts_at": "2026-01-01T00:00", "ends_at": "2026-06-01T00:00:01"},
        {"starts_at": "2026-01-01T00:00", "ends_at": None},
    ],
)
def test_a_campaign_that_overlaps_is_refused_with_the_others_name(
    desk: Desk, window: dict[str, Any]
) -> None:
    desk.apply("june")
    ran = desk.apply("more", **window)
    assert refused(ran, "campaign_overlaps")
    assert "campaign june" in ran.err
    assert desk.run("show", SHOP, "more").code == 6
    assert [key for key, _ in desk.topic()] == [":campaign:shop-a:june:1"]


def test_touching_removed_and_other_merchants_campaigns_are_no_overlap(desk: Desk) -> None:
    desk.apply("june")
    assert desk.apply("may", starts_at="2026-05-01T00:00", ends_at=JUNE["starts_at"]).code == 0
    assert desk.apply("july", starts_at=JUNE["ends_at"], ends_at=None).code == 0
    assert desk.apply("june", merchant=OTHER).code == 0
    assert refused(desk.apply("second"), "campaign_overlaps")
    assert desk.run("remove", SHOP, "june", "--json").json["state"] == "removed"
    assert desk.apply("second").code == 0
    # The removed one comes back only where there is room.
    assert refused(desk.apply("june"), "campaign_overlaps")
    assert desk.show("june")["state"] == "removed"
    desk.run("remove", SHOP, "second")
    assert desk.apply("june", "--json").json == {
        "merchant_id": SHOP,
        "campaign_id": "june",
        "version": 3,
        "state": "live",
        "changed": True,
    }


def test_an_edit_that_overlaps_leaves_everything_as_it_was(desk: Desk) -> None:
    banner = desk.file("banner.png", image())
    gift = {"gift_id": "mug", "product_id": "p", "points": 1}
    desk.apply("may", "--banner", banner, starts_at="2026-05-01T00:00", ends_at=JUNE["starts_at"])
    desk.apply("june")
    before = desk.show("may")
    ran = desk.apply(
        "may",
        "--banner",
        desk.file("other.png", image()),
        starts_at="2026-05-01T00:00",
        ends_at="2026-06-02T00:00",
        gifts=[gift],
    )
    assert refused(ran, "campaign_overlaps")
    assert desk.show("may") == before


def test_a_banner_is_kept_until_another_comes(desk: Desk) -> None:
    first, second = image("PNG", (1920, 400)), image("JPEG", (100, 50))
    desk.apply("june", "--banner", desk.file("a.png", first))
    shown = desk.show("june")["banner"]
    assert shown == {
        "type": "png",
        "width": 1920,
        "height": 400,
        "bytes": len(first),
        "sha256": hashlib.sha256(first).hexdigest(),
    }
    assert desk.apply("june", names={"en": "Other"}).code == 0
    assert desk.show("june")["banner"] == shown
    again = desk.apply(
        "june", "--json", "--banner", str(desk.folder / "a.png"), names={"en": "Other"}
    )
    assert again.json["changed"] is False
    desk.apply("june", "--banner", desk.file("b.jpg", second), names={"en": "Other"})
    assert desk.show("june")["banner"]["sha256"] == hashlib.sha256(second).hexdigest()
    assert "banner: JPEG, 100 × 50" in desk.run("show", SHOP, "june").out
    with psycopg.connect(desk.url) as connection:
        kept = connection.execute("SELECT content FROM banner ORDER BY width").fetchall()
    assert [bytes(content) for (content,) in kept] == [second, first]


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("banner.png", image("JPEG"), "banner_type"),
        ("banner.jpg", image("GIF"), "banner_type"),
        ("banner.png", image("PNG", (1921, 400)), "banner_size"),
        ("banner.png", image()[:8] + bytes(2 << 20), "banner_size"),
        ("banner.jpg", image("JPEG")[:-2], "banner_broken"),
        ("banner.png", image()[:-20], "banner_broken"),
        ("banner.png", b"", "banner_broken"),
    ],
)
def test_a_banner_that_is_refused_leaves_everything_as_it_was(
    desk: Desk, name: str, content: bytes, code: str
) -> None:
    desk.apply("june")
    before = desk.show("june")
    file = desk.file(name, content)
    assert refused(desk.apply("june", "--banner", file, names={"en": "Other"}), code)
    assert refused(desk.apply("july", "--banner", file), code)
    assert desk.show("june") == before
    assert desk.run("show", SHOP, "july").code == 6
    assert len(desk.topic()) == 1


def test_a_document_with_mistakes_is_refused_with_all_their_paths(desk: Desk) -> None:
    ran = desk.apply("june", names={}, gifts=[{"gift_id": "mug", "points": 0}], colour="red")
    assert refused(ran, "invalid_campaign")
    for path in ("names.en", "gifts[0].product_id", "gifts[0].points", "colour"):
        assert path in ran.err
    backwards = {"starts_at": "2026-06-02T00:00", "ends_at": "2026-06-01T00:00"}
    ran = desk.apply("june", **backwards)
    assert refused(ran, "invalid_campaign")
    assert "ends_at is not after starts_at" in ran.err
    assert desk.run("list", SHOP, "--json").json == []


def test_what_is_not_there_is_not_found(desk: Desk) -> None:
    for arguments in (
        ("show", SHOP, "june"),
        ("remove", SHOP, "june"),
        ("log", SHOP, "june"),
        ("list", "nobody"),
        ("live", "nobody"),
        ("remove", "nobody", "june"),
        ("log", "nobody"),
    ):
        ran = desk.run(*arguments)
        assert (ran.code, ran.out) == (6, ""), arguments
        assert "unknown_merchant" in ran.err or "unknown_campaign" in ran.err
    assert desk.apply("june", merchant="nobody").code == 6
    assert desk.run("apply", SHOP, "/nowhere/x.json").code == 2


def test_a_merchant_that_only_has_orders_has_no_campaigns(desk: Desk) -> None:
    with psycopg.connect(desk.url) as connection:
        connection.execute("INSERT INTO merchant (merchant_id) VALUES ('orders-only')")
    ran = desk.run("list", "orders-only")
    assert ran.code == 6
    assert "it has no settings" in ran.err


def test_removing_is_a_version_and_happens_once(desk: Desk) -> None:
    desk.apply("june")
    assert desk.run("remove", SHOP, "june", "--by", "lin").out.startswith("version 2 of campaign")
    again = desk.run("remove", SHOP, "june", "--json").json
    assert (again["version"], again["changed"]) == (2, False)
    assert [(c["campaign_id"], c["state"]) for c in desk.run("list", SHOP, "--json").json] == [
        ("june", "removed")
    ]


def test_the_log_says_who_when_before_and_after(desk: Desk) -> None:
    mug = {"gift_id": "mug", "product_id": "p", "points": 500}
    desk.apply("june", gifts=[mug])
    desk.clock(datetime(2026, 6, 16, tzinfo=UTC))
    desk.apply("june", gifts=[mug | {"points": 400}], names={"en": "Other"})
    desk.run("remove", SHOP, "june", "--by", "lin")
    desk.apply("july", starts_at="2026-07-01T00:00", ends_at=None)
    log = desk.run("log", SHOP, "june", "--json").json
    assert [(e["version"], e["applied_at"], e["applied_by"]) for e in log] == [
        (1, "2026-06-15T00:00:00Z", "mei"),
        (2, "2026-06-16T00:00:00Z", "mei"),
        (3, "2026-06-16T00:00:00Z", "lin"),
    ]
    first = {change["path"]: change for change in log[0]["changes"]}
    assert list(first)[:4] == ["campaign_id", "names.en", "starts_at", "ends_at"]
    assert first["gifts[mug].points"] == {
        "path": "gifts[mug].points",
        "before": None,
        "after": 500,
    }
    assert sorted((c["path"], c["before"], c["after"]) for c in log[1]["changes"]) == [
        ("gifts[mug].points", 500, 400),
        ("names.en", "A name", "Other"),
    ]
    assert log[2]["changes"] == [{"path": "removed", "before": False, "after": True}]
    everything = desk.run("log", SHOP, "--json").json
    assert {entry["campaign_id"] for entry in everything} == {"june", "july"}
    shown = desk.run("log", SHOP).out
    assert "june version 2" in shown
    assert "500 → 400" in " ".join(shown.split())


def test_every_version_goes_to_the_settings_topic(desk: Desk) -> None:
    desk.apply("june", "--banner", desk.file("banner.png", image()))
    desk.run("remove", SHOP, "june", "--by", "lin")
    (first_key, first), (second_key, second) = desk.topic()
    assert [first_key, second_key] == [":campaign:shop-a:june:1", ":campaign:shop-a:june:2"]
    shown = desk.show("june")
    content = {key: value for key, value in shown.items() if key not in ("state", "version")}
    assert first == {
        "type": "campaign_changed",
        "merchant_id": SHOP,
        "campaign_id": "june",
        "version": 1,
        "removed": False,
        "recorded_at": "2026-06-15T00:00:00Z",
        "performer": "mei",
        "campaign": content,
    }
    assert (second["removed"], second["performer"], second["campaign"]) == (True, "lin", content)


def test_people_see_local_times_and_texts_of_a_language(desk: Desk) -> None:
    assert "has no campaigns" in desk.run("list", SHOP).out
    file = desk.file("summer.json", json.dumps(WHOLE | JUNE).encode())
    assert desk.run("apply", SHOP, file).out.startswith("version 1 of campaign summer")
    listed = desk.run("list", SHOP, "--language", "zh-hant").out
    for part in ("summer", "夏日好禮", "live", "2026-06-01 00:00", "2026-07-01 00:00"):
        assert part in listed
    shown = desk.run("show", SHOP, "summer", "--language", "zh-hant").out
    # The terms have no Chinese text: the first language's are shown.
    for part in ("夏日好禮", "Asia/Taipei", "While stocks last.", "mug", "500", "2026-05-01 18:00"):
        assert part in shown
    assert "Summer gifts" in desk.run("live", SHOP).out


def test_ids_and_texts_from_outside_act_on_no_terminal(desk: Desk) -> None:
    evil = "[red]\u202eevil[/]"
    gift = {"gift_id": evil, "product_id": evil, "points": 1}
    assert desk.apply(evil, names={"en": evil}, terms={"en": evil}, gifts=[gift]).code == 0
    for arguments in (("list", SHOP), ("show", SHOP, evil), ("live", SHOP), ("log", SHOP)):
        ran = desk.run(*arguments)
        assert ran.code == 0
        assert "[red]\\u202eevil[/]" in ran.out, arguments
        assert "\u202e" not in ran.out
