"""Customers' records into the contact table, a batch in one transaction."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import psycopg
import pytest

from processors.notices.deciding.contacts import ContactsBatches
from processors.runtime.configuration import ConfigurationRefused
from rules.notices.values import Contact
from store.notices import shops
from store.notices.members import contacts, optouts
from store.notices.members.erasing import erase
from store.notices.members.optouts import OptOut
from store.postgres.session import transaction
from tests.support.notices.lane import Lane, a_key

T0 = datetime(2026, 11, 20, 4, tzinfo=UTC)


def customer(
    minute: float, member: str = "ann", topic: str = "user/update", **fields: Any
) -> dict[str, Any]:
    return {
        "event": "User",
        "topic": topic,
        "merchant_id": fields.pop("merchant", "shop"),
        "resource": {
            "id": member,
            "updated_at": (T0 + timedelta(minutes=minute)).isoformat(),
            **fields,
        },
    }


ANN = {"name": "Ann", "email": "ann@tea.example", "mobile_phone": "0912345678", "locale_code": "en"}


def contact(lane: Lane, member: str = "ann", merchant: str = "shop") -> Contact | None:
    with transaction(lane.connection) as cursor:
        number = shops.numbers(cursor, [merchant]).get(merchant, 0)
        return contacts.in_the_clear(cursor, lane.sealer(), [(number, member)]).get(
            (number, member)
        )


class Reachable(NamedTuple):
    """What is known of a contact without any key."""

    email: bool
    phone: bool
    email_verified: bool
    phone_verified: bool


UNREACHABLE = Reachable(email=False, phone=False, email_verified=False, phone_verified=False)


def reachable(lane: Lane) -> Reachable | None:
    query = """SELECT has_email, has_phone, email_verified, phone_verified FROM notices.contact
               WHERE merchant_no = %s AND member_id = 'ann'"""
    row = lane.admin.execute(query, [lane.shop("shop")]).fetchone()
    return Reachable(*row) if row is not None else None


@pytest.fixture
def batches(lane: Lane) -> ContactsBatches:
    made = ContactsBatches(lane.configuration())
    made.use(lane.connection)
    return made


def test_a_contact_is_kept_sealed_and_only_the_booleans_can_be_read(
    lane: Lane, batches: ContactsBatches
) -> None:
    told = ANN | {"name": "Ann Plantagenet"}
    counts, _ = lane.consume(
        batches, customer(0, **told, mobile_phone_verified=True, confirmed_at=None)
    )
    assert counts.applied == 1
    assert contact(lane) == Contact("Ann Plantagenet", "en", "ann@tea.example", "0912345678")
    assert reachable(lane) == Reachable(
        email=True, phone=True, email_verified=False, phone_verified=True
    )
    everything = str(lane.rows("SELECT t::text FROM notices.contact t"))
    # The language is too short to be looked for: its two bytes come by chance.
    for text in (told["name"], told["email"], told["mobile_phone"]):
        assert text.encode().hex() not in everything


def test_a_thin_record_changes_only_what_it_names(lane: Lane, batches: ContactsBatches) -> None:
    lane.consume(batches, customer(0, **ANN))
    lane.consume(batches, customer(1, email="new@tea.example"))
    assert contact(lane) == Contact("Ann", "en", "new@tea.example", "0912345678")
    lane.consume(batches, customer(2, mobile_phone=None))
    assert contact(lane) == Contact("Ann", "en", "new@tea.example", None)
    found = reachable(lane)
    assert found is not None
    assert (found.email, found.phone) == (True, False)


def test_the_newest_version_wins_field_by_field(lane: Lane, batches: ContactsBatches) -> None:
    lane.consume(batches, customer(5, email="new@tea.example"))
    counts, _ = lane.consume(batches, customer(0, **ANN), customer(0, email="old@tea.example"))
    assert (counts.applied, counts.reasons) == (1, {"stale": 1})
    assert contact(lane) == Contact("Ann", "en", "new@tea.example", "0912345678")


def test_a_repeat_changes_nothing(lane: Lane, batches: ContactsBatches) -> None:
    record = customer(0, **ANN)
    lane.consume(batches, record)
    before = lane.rows("SELECT * FROM notices.contact")
    counts, _ = lane.consume(batches, record, record)
    assert counts.duplicate == 2
    assert lane.rows("SELECT * FROM notices.contact") == before


def test_many_records_of_a_member_in_a_batch_are_folded_in_it(
    lane: Lane, batches: ContactsBatches
) -> None:
    counts, _ = lane.consume(
        batches,
        customer(3, email="third@tea.example"),
        customer(0, **ANN),
        customer(1, name="Anna"),
        customer(2, topic="user/remove"),
        customer(4, mobile_phone="0987654321"),
    )
    assert counts.applied == 5
    assert contact(lane) == Contact(None, None, "third@tea.example", "0987654321")


def test_a_removal_erases_and_older_records_do_not_bring_the_contact_back(
    lane: Lane, batches: ContactsBatches
) -> None:
    lane.consume(batches, customer(0, **ANN))
    lane.consume(batches, customer(5, topic="user/remove"))
    assert contact(lane) is None
    assert lane.rows("SELECT 1 FROM notices_keys.member_key") == []
    counts, _ = lane.consume(batches, customer(4, **ANN))
    assert counts.reasons == {"stale": 1}
    assert contact(lane) is None
    lane.consume(batches, customer(6, **ANN))
    assert contact(lane) == Contact("Ann", "en", "ann@tea.example", "0912345678")


def test_a_removal_of_nobody_known_leaves_no_key(lane: Lane, batches: ContactsBatches) -> None:
    counts, _ = lane.consume(batches, customer(5, topic="customer/remove"))
    assert counts.applied == 1
    assert lane.rows("SELECT 1 FROM notices_keys.member_key") == []
    assert reachable(lane) == UNREACHABLE


def test_a_member_without_any_address_keeps_the_key(lane: Lane, batches: ContactsBatches) -> None:
    """The reasons of staff are sealed under it."""
    lane.consume(batches, customer(0, name="Ann", email=None, mobile_phone=None))
    lane.consume(batches, customer(1, name=None))
    assert len(lane.rows("SELECT 1 FROM notices_keys.member_key")) == 1


def test_shops_are_apart(lane: Lane, batches: ContactsBatches) -> None:
    lane.consume(batches, customer(0, **ANN), customer(0, merchant="other", email="a@b.example"))
    assert contact(lane, merchant="other") == Contact(None, None, "a@b.example", None)
    assert contact(lane) == Contact("Ann", "en", "ann@tea.example", "0912345678")
    assert lane.rows("SELECT merchant_id FROM notices.shop ORDER BY 1") == [("other",), ("shop",)]


def test_another_address_is_not_verified_because_the_one_before_was(
    lane: Lane, batches: ContactsBatches
) -> None:
    lane.consume(batches, customer(0, **ANN, email_verified=True, mobile_phone_verified=True))
    lane.consume(batches, customer(1, email="ann@tea.example", mobile_phone="0987654321"))
    found = reachable(lane)
    assert found is not None
    assert (found.email_verified, found.phone_verified) == (True, False)


def test_a_bounce_ends_with_the_address_and_a_wish_does_not(
    lane: Lane, batches: ContactsBatches
) -> None:
    lane.consume(batches, customer(0, **ANN), customer(0, "ben", **ANN))
    shop = lane.shop("shop")
    with transaction(lane.connection) as cursor:
        optouts.add(cursor, [OptOut(shop, "ann", "email", "*", "bounce", 1)])
        optouts.add(cursor, [OptOut(shop, "ben", "email", "*", "complaint", 1)])
    both = {(shop, "ann"): {("email", "*")}, (shop, "ben"): {("email", "*")}}

    def opted_out() -> dict[tuple[int, str], set[tuple[str, str]]]:
        with transaction(lane.connection) as cursor:
            found = optouts.opted_out(cursor, [(shop, "ann"), (shop, "ben")])()
        return {member: set(wishes) for member, wishes in found.items()}

    lane.consume(batches, customer(1, name="Anna", email="ann@tea.example"))
    assert opted_out() == both
    lane.consume(
        batches, customer(2, email="new@tea.example"), customer(2, "ben", email="new@tea.example")
    )
    assert opted_out() == {(shop, "ben"): {("email", "*")}}


def test_a_bounce_of_a_number_ends_with_the_number(lane: Lane, batches: ContactsBatches) -> None:
    lane.consume(batches, customer(0, **ANN))
    shop = lane.shop("shop")
    with transaction(lane.connection) as cursor:
        optouts.add(cursor, [OptOut(shop, "ann", "sms", "*", "bounce", 1)])
        optouts.add(cursor, [OptOut(shop, "ann", "email", "*", "bounce", 1)])
    lane.consume(batches, customer(1, mobile_phone="0987654321"))
    with transaction(lane.connection) as cursor:
        left = optouts.opted_out(cursor, [(shop, "ann")])()
    assert left == {(shop, "ann"): {("email", "*")}}


def test_what_is_passed_over_and_what_is_poison(lane: Lane, batches: ContactsBatches) -> None:
    ahead = customer(0, **ANN)
    ahead["resource"]["updated_at"] = "2199-01-01T00:00:00Z"
    counts, poison = lane.consume(
        batches,
        None,
        b"no json",
        customer(0, topic="order/update"),
        customer(0, membership_tier={"level": 2}),
        customer(0, email=["ann@tea.example"]),
        ahead,
    )
    assert counts.reasons == {"null_value": 1, "unknown_topic": 1, "no_contact": 1}
    assert [error.reason for _, error in poison] == ["not_json", "wrong_type", "future_version"]
    assert "tea.example" not in str([str(error) for _, error in poison])
    assert lane.rows("SELECT 1 FROM notices.contact") == []


@pytest.mark.parametrize("directory", ["http", "none"])
def test_another_directory_keeps_no_contact_and_needs_no_key(lane: Lane, directory: str) -> None:
    batches = ContactsBatches(lane.configuration(directory=directory, key_file=None))
    counts, poison = lane.consume(batches, customer(0, **ANN), b"no json")
    assert (counts.reasons, poison) == ({"no_contact_table": 2}, [])
    assert lane.rows("SELECT 1 FROM notices.contact") == []


def test_a_table_without_a_key_is_refused_at_the_start(lane: Lane) -> None:
    for none in (None, ""):
        with pytest.raises(ConfigurationRefused, match="POINTS_NOTICES__KEY_FILE: is missing"):
            ContactsBatches(lane.configuration(key_file=none))
    with pytest.raises(ConfigurationRefused, match="cannot be read: No such file"):
        ContactsBatches(lane.configuration(key_file="/nowhere/at/all"))
    lane.key_file.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationRefused, match="is no text"):
        ContactsBatches(lane.configuration())
    lane.key_file.write_text(a_key("a") * 3000)
    with pytest.raises(ConfigurationRefused, match="is no list of keys"):
        ContactsBatches(lane.configuration())


def test_keys_that_are_lost_are_made_again_and_the_topic_fills_the_table(
    lane: Lane, batches: ContactsBatches
) -> None:
    """A dump has no keys: what it restores opens nothing, and is as if it had not been heard."""
    lane.consume(batches, customer(0, **ANN), customer(0, "ben", **ANN))
    lane.admin.execute("TRUNCATE notices_keys.member_key")
    assert contact(lane) is None
    counts, _ = lane.consume(batches, customer(0, **ANN))
    assert counts.applied == 1
    assert contact(lane) == Contact("Ann", "en", "ann@tea.example", "0912345678")
    lane.consume(batches, customer(1, "ben", email="ben@tea.example"))
    assert contact(lane, "ben") == Contact(None, None, "ben@tea.example", None)


def test_who_was_erased_comes_again_only_by_what_is_said_afterwards(
    lane: Lane, batches: ContactsBatches
) -> None:
    lane.consume(batches, customer(0, **ANN))
    shop = lane.shop("shop")
    with transaction(lane.connection) as cursor:
        optouts.add(cursor, [OptOut(shop, "ann", "sms", "*", "stop", 1)])
        assert erase(cursor, shop, "ann")
        assert not erase(cursor, shop, "ann")
        assert not erase(cursor, shop, "nobody")
    assert contact(lane) is None
    assert reachable(lane) == UNREACHABLE
    counts, _ = lane.consume(batches, customer(1, **ANN))
    assert counts.reasons == {"stale": 1}
    assert lane.rows("SELECT source FROM notices.optout") == [("stop",)]
    later = customer(0, **ANN)
    later["resource"]["updated_at"] = datetime.fromtimestamp(
        lane.now() / 1e6 + 1, tz=UTC
    ).isoformat()
    lane.consume(batches, later)
    assert contact(lane) == Contact("Ann", "en", "ann@tea.example", "0912345678")


def test_who_was_erased_does_not_come_again_by_what_a_clock_ahead_of_ours_had_said(
    lane: Lane, batches: ContactsBatches
) -> None:
    ahead = customer(0, **ANN)
    ahead["resource"]["updated_at"] = datetime.fromtimestamp(
        lane.now() / 1e6 + 3600, tz=UTC
    ).isoformat()
    lane.consume(batches, ahead)
    with transaction(lane.connection) as cursor:
        assert erase(cursor, lane.shop("shop"), "ann")
    counts, _ = lane.consume(batches, ahead)
    assert (counts.applied, counts.reasons) == (0, {"stale": 1})
    assert contact(lane) is None


def test_a_batch_that_is_rolled_back_leaves_nothing(lane: Lane, batches: ContactsBatches) -> None:
    class Refused(Exception):
        pass

    class Failing:
        def process(self, *arguments: Any) -> Any:
            batches.process(*arguments)
            raise Refused

    with pytest.raises(Refused):
        lane.consume(Failing(), customer(0, **ANN))
    for table in ("notices.contact", "notices.shop", "notices_keys.member_key"):
        assert lane.rows(f"SELECT 1 FROM {table}") == []


def test_real_payloads_of_the_platform(lane: Lane, batches: ContactsBatches) -> None:
    newer = {
        "event": "User",
        "merchant_id": "64c1f08be27d930011ab5e10",
        "resource": {
            "id": "64d20b7741f3a90019c0de42",
            "status": "active",
            "is_member": True,
            "locale_code": "zh-hant",
            "created_at": "2023-11-30T12:07:55.090+00:00",
            "updated_at": "2024-04-18T08:26:03.540+00:00",
            "owner_id": "64c1f08be27d930011ab5e10",
            "name": "REDACTED",
            "email": "redacted@example.com",
            "mobile_phone": "0900000000",
            "birthday": None,
        },
        "topic": "user/update",
        "trace_id": "e3d7a6c4-0b8f-4e25-a7d9-91c4f20b6e58",
        "ts": "1713428763702000000",
    }
    older = {
        "topic": "user/create",
        "event": "User",
        "merchant_id": "5fc5ea00c43d7f001003999d",
        "merchant_handle": "a-shop",
        "resource": {
            "_id": "5ffd2270958c6c001672f3f8",
            "created_at": "2021-01-12T04:18:54.177Z",
            "delivery_addresses": [],
            "name": "小明",
            "phones": [],
            "mobile_phone": "0933077777",
            "email": None,
        },
    }
    counts, poison = lane.consume(batches, json.dumps(newer).encode(), older)
    assert (counts.applied, poison) == (2, [])
    assert contact(lane, "64d20b7741f3a90019c0de42", "64c1f08be27d930011ab5e10") == Contact(
        "REDACTED", "zh-hant", "redacted@example.com", "0900000000"
    )
    assert contact(lane, "5ffd2270958c6c001672f3f8", "5fc5ea00c43d7f001003999d") == Contact(
        "小明", None, None, "0933077777"
    )


def test_two_workers_with_the_same_members_take_turns(lane: Lane) -> None:
    """Whoever comes second waits for the first one's keys, and folds over what it wrote."""
    other = lane.connect()
    other.execute("SET lock_timeout = '100ms'")
    with transaction(lane.connection) as first:
        lane.sealer().with_keys(first, [(lane.shop("shop"), "ann")], create=True)
        with pytest.raises(psycopg.errors.LockNotAvailable), transaction(other) as second:
            lane.sealer().with_keys(second, [(lane.shop("shop"), "ann")], create=True)
    other.close()
