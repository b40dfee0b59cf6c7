"""What operators do with notices and members: settle, send again, opt out, erase, rotate keys."""

import base64
import uuid
from pathlib import Path

import psycopg
import pytest

from schemas.ids import DAY
from schemas.notices.words import Channel
from store.notices.members.sealing import Sealer, key_encryption_keys
from store.notices.sending.queue import due_shops, least_id, reach
from store.postgres import session
from store.streams import outbox, refused
from store.streams.outbox import SHARD_OF_KIND, OutboxKind
from store.streams.refused import Refusal
from tests.support.commands import Ran, points
from tests.support.in_process import InProcessEngine
from tests.support.notices.lane import as_lane
from tests.support.notices.told import HOUR, Lane

SHOP = "shop-a"
KEYS = (b"shop-a:ann", b"shop-a:ben", b"shop-a:cat")


def run(engine: InProcessEngine, *words: str) -> Ran:
    return points(engine.environment, "notices", *words)


def line(key_id: str) -> str:
    secret = base64.urlsafe_b64encode(key_id[-1:].encode() * 32).decode().rstrip("=")
    return f"{key_id}:{secret}\n"


def with_key(engine: InProcessEngine, lane: Lane, member: str, key_id: str) -> None:
    """The member's key is there, wrapped under this one."""
    number = lane.shop(SHOP)
    with as_lane(engine.database_url) as connection, session.transaction(connection) as cursor:
        sealer = Sealer(key_encryption_keys(line(key_id)))
        sealer.with_keys(cursor, [(number, member)], create=True)


def test_one_provider_is_paused_and_goes_on(in_process: InProcessEngine, lane: Lane) -> None:
    paused = run(in_process, "pause", "mitake", "--by", "olga", "--json").json
    assert paused == {"provider": "mitake", "paused": True, "changed": True}
    assert run(in_process, "pause", "mitake", "--by", "ann", "--json").json["changed"] is False
    assert lane.value("SELECT paused_by FROM provider WHERE provider = 'mitake'") == "olga"
    assert lane.value("SELECT count(*) FROM pipeline_state") == 0
    assert "goes on" in run(in_process, "resume", "mitake").out
    assert run(in_process, "resume", "mitake", "--json").json["changed"] is False


@pytest.mark.parametrize(
    "words",
    [
        ("notices", "pause", "mitake"),
        ("notices", "optout", "add", SHOP, "ann", "--channel", "sms"),
        ("settings", "apply", SHOP, "docs/examples/settings.yaml"),
    ],
)
def test_a_database_that_is_read_only_is_told_as_what_it_is(
    in_process: InProcessEngine, lane: Lane, words: tuple[str, ...]
) -> None:
    """As after a failover."""
    lane.shop(SHOP)
    name = in_process.database_url.rpartition("/")[2].partition("?")[0]
    with psycopg.connect(in_process.database_url, autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    ran = points(in_process.environment, *words)
    assert (ran.code, ran.out) == (7, "")
    assert "error: PostgreSQL writes nothing: cannot execute" in ran.err
    assert "the step that failed was undone" in ran.err


def test_only_a_provider_that_there_is_can_be_paused(
    in_process: InProcessEngine, lane: Lane
) -> None:
    """Whoever mistypes a name would think that it gets nothing any more."""
    ran = run(in_process, "pause", "twillio")
    assert (ran.code, "twilio" in ran.err) == (2, True)
    assert lane.value("SELECT count(*) FROM provider") == 0
    assert run(in_process, "resume", "twillio").code == 2


def unknown(lane: Lane, member: str, **more: object) -> uuid.UUID:
    return lane.notice(SHOP, member, "unknown", provider="twilio", parts=1, month=202611, **more)


def test_unknown_ones_are_settled_as_an_operator_found_out(
    in_process: InProcessEngine, lane: Lane
) -> None:
    first, second = unknown(lane, "ann"), unknown(lane, "bob")
    waits = lane.notice(SHOP, "cat")
    words = ("unknown", "resolve", str(first), str(waits), "--as", "sent", "--json")
    assert run(in_process, *words).json == {"notices": [str(first)], "unchanged": [str(waits)]}
    assert "is failed" in run(in_process, "unknown", "resolve", str(second), "--as", "failed").out
    states = "SELECT array_agg(state ORDER BY member_id) FROM notice"
    assert lane.value(states) == ["sent", "failed", "waiting"]
    assert lane.value("SELECT count(*) FROM outbox") > 0


@pytest.mark.parametrize("words", [["resend"], ["unknown", "resolve", "--as", "sent"]])
def test_with_one_that_is_not_known_nothing_is_done(
    in_process: InProcessEngine, lane: Lane, words: list[str]
) -> None:
    there, mistyped = unknown(lane, "ann"), uuid.uuid4()
    ran = run(in_process, *words, str(there), str(mistyped))
    assert (ran.code, ran.out) == (6, "")
    assert f"error: unknown_notice: notice {mistyped} is not known" in ran.err
    assert lane.value("SELECT state FROM notice") == "unknown"


def test_what_did_not_arrive_is_sent_again_unless_it_is_long_past(
    in_process: InProcessEngine, lane: Lane
) -> None:
    new, old = unknown(lane, "ann"), unknown(lane, "bob", hours_ago=24 * 8)
    again = run(in_process, "resend", str(new), str(old), "--json").json
    assert again == {"notices": [str(new)], "unchanged": [str(old)]}
    limit = lane.value("SELECT give_up_us FROM notice WHERE notice_id = %s", new)
    assert lane.now() + 23 * HOUR < limit <= lane.now() + 24 * HOUR


def test_senders_find_what_is_sent_again_after_days(
    in_process: InProcessEngine, lane: Lane
) -> None:
    resent = unknown(lane, "ann", hours_ago=24 * 6)
    run(in_process, "resend", str(resent))
    with as_lane(in_process.database_url) as connection:
        cursor = session.raw(connection)
        least = least_id(lane.now(), reach(DAY, DAY))
        assert [shop.merchant_no for shop in due_shops(cursor, Channel.sms, least)] == [1]


def test_a_members_wish_is_kept_listed_and_forgotten(
    in_process: InProcessEngine, lane: Lane
) -> None:
    lane.shop(SHOP)
    wish = (SHOP, "ann", "--channel", "sms")
    added = run(in_process, "optout", "add", *wish, "--json").json
    assert (added["kind"], added["opted_out"], added["changed"]) == ("*", True, True)
    assert run(in_process, "optout", "add", *wish, "--json").json["changed"] is False
    (listed,) = run(in_process, "optout", "list", SHOP, "ann", "--json").json
    assert (listed["channel"], listed["kind"], listed["source"]) == ("sms", "*", "staff")
    assert run(in_process, "optout", "list", SHOP, "ann").out.startswith("sms  anything  by staff")
    run(in_process, "optout", "add", SHOP, "ann", "--channel", "email", "--kind", "earned")
    lines = run(in_process, "optout", "list", SHOP, "ann").out.splitlines()
    assert {line.index("by staff") for line in lines} == {len("email  anything  ")}
    run(in_process, "optout", "remove", SHOP, "ann", "--channel", "email", "--kind", "earned")
    of_kind = run(in_process, "optout", "remove", *wish, "--kind", "earned", "--json").json
    assert of_kind["changed"] is False
    assert run(in_process, "optout", "remove", *wish, "--json").json["changed"] is True
    assert "none" in run(in_process, "optout", "list", SHOP, "ann").out


@pytest.mark.parametrize("member", ["", " ", "ann ", "ann\n", "a" * 101])
def test_no_wish_is_kept_of_an_id_that_nobody_has(
    in_process: InProcessEngine, lane: Lane, member: str
) -> None:
    """Whoever asked not to hear would be told to be heard, and would hear."""
    lane.shop(SHOP)
    ran = run(in_process, "optout", "add", SHOP, member, "--channel", "sms")
    assert (ran.code, lane.value("SELECT count(*) FROM optout")) == (2, 0)


def test_a_member_is_erased_and_the_wish_stays(in_process: InProcessEngine, lane: Lane) -> None:
    with_key(in_process, lane, "ann", "k1")
    run(in_process, "optout", "add", SHOP, "ann", "--channel", "email")
    erased = run(in_process, "erase", SHOP, "ann", "--json").json
    assert erased == {"merchant_id": SHOP, "member_id": "ann", "erased": True}
    assert lane.value("SELECT count(*) FROM notices_keys.member_key") == 0
    assert lane.value("SELECT count(*) FROM optout") == 1


def test_keys_are_wrapped_under_the_first_key_of_the_file(
    in_process: InProcessEngine, lane: Lane, tmp_path: Path
) -> None:
    with_key(in_process, lane, "ann", "k1")
    file = tmp_path / "keys"
    file.write_text(line("k2") + line("k1"))
    environment = {**in_process.environment, "POINTS_NOTICES__KEY_FILE": str(file)}
    rotated = points(environment, "notices", "keys", "rotate", "--json").json
    assert rotated == {"rewrapped": 1, "wrapped_under": {"k2": 1}}
    assert "0 keys" in points(environment, "notices", "keys", "rotate").out
    assert run(in_process, "keys", "rotate").code == 2


def test_what_the_broker_refused_of_the_lane_is_listed_and_put_back_or_given_up(
    in_process: InProcessEngine, lane: Lane
) -> None:
    with as_lane(in_process.database_url) as connection, session.transaction(connection) as cursor:
        for key in KEYS:
            outbox.add_packed(cursor, OutboxKind.NOTICE, [(key, b"{}")])
        rows = outbox.head(cursor, [SHARD_OF_KIND[OutboxKind.NOTICE]])
        refused.set_aside(
            cursor, [Refusal(row.shard, row.id, "notices", 8, "MSG_SIZE_TOO_LARGE") for row in rows]
        )
    listed = run(in_process, "outbox", "list", "--json").json
    first, second, third = [row["id"] for row in listed]
    assert {(row["topic"], row["reason"]) for row in listed} == {("notices", "MSG_SIZE_TOO_LARGE")}
    assert run(in_process, "outbox", "retry", str(first), "--json").json == {"retried": [first]}
    assert run(in_process, "outbox", "discard", str(second), "--json").json == {
        "discarded": [second]
    }
    assert run(in_process, "outbox", "retry", str(first)).code == 6
    assert run(in_process, "outbox", "retry", "--all", "--json").json == {"retried": [third]}
    left = "SELECT array_agg(value ORDER BY id) FROM outbox"
    assert [list(outbox.records_of(value)) for value in lane.value(left)] == [
        [(KEYS[0], b"{}")],
        [(KEYS[2], b"{}")],
    ]
