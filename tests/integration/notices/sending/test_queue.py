"""Who is next, who has it, and what may be written."""

from collections.abc import Collection
from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest

from processors.notices.deciding.contacts import ContactsBatches
from schemas.ids import DAY, MINUTE, SECOND
from schemas.notices.words import Channel, State
from store.notices.members import erasing
from store.notices.members.members import Member
from store.notices.sending import queue
from store.notices.sending.queue import Mark, Taken, least_id
from store.postgres.session import Cursor, raw, transaction
from tests.support.database import plans
from tests.support.notices.lane import Lane
from tests.support.notices.rows import REACH, Rows

LEASE = 60 * SECOND


def least(rows: Rows) -> UUID:
    return least_id(rows.now(), REACH)


def claim(rows: Rows, *shares: tuple[int, int], sender: str = "a") -> list[Taken]:
    return queue.claim(raw(rows.connection), Channel.sms, shares, sender, LEASE, least(rows))


def mark(rows: Rows, taken: list[Taken], sender: str = "a", sequence: int = 7) -> set[UUID]:
    marks = [Mark(t.notice_id, sequence, "mitake", 1, 202611, b"hmac", t.changed_us) for t in taken]
    with transaction(rows.connection) as cursor:
        return set(queue.mark(cursor, marks, sender, LEASE, least(rows))())


def shape_of(rows: Rows, name: str, values: list[object]) -> str:
    """How a statement is carried out; what it does is taken back."""
    with transaction(rows.connection) as cursor:
        shape = plans.shape_of(cursor, queue._SQL[name], values)
        cursor.execute(b"ROLLBACK AND CHAIN")
    return shape


def test_each_notice_is_found_by_its_id_and_compared_with_no_other(rows: Rows) -> None:
    """However many wait or are in hand, also in a week of which PostgreSQL has no statistics."""
    rows.notices(300)
    shop, low = rows.shop("shop"), least(rows)
    taken = claim(rows, (shop, 100))
    keyed = [(b"mitake", 1, 202611, b"hmac", t.notice_id.bytes, 7, t.changed_us) for t in taken[:8]]
    attempts = [(t.notice_id.bytes, 1) for t in taken[:8]]
    statements: dict[str, list[object]] = {
        "claim": [Channel.sms.value, low, *queue._SHARE.arrays([(shop, 100)]), "b", LEASE],
        "mark": ["a", low, LEASE, *queue._KEYED.arrays(keyed)],
        "still_ours": [*queue._ATTEMPT.arrays(attempts)],
    }
    for name, values in statements.items():
        shape = shape_of(rows, name, values)
        assert "Removed by Join Filter" not in shape, (name, shape)
        assert "lease_us_idx" not in shape, (name, shape)
    assert len(mark(rows, taken[:8])) == 8


def test_a_message_that_is_written_again_counts_from_its_first_request(rows: Rows) -> None:
    """Its provider knows it for so many hours from then on, and not from each repetition."""
    first = rows.now() - 11 * 60 * MINUTE
    again, new = rows.notice(asked_us=first, attempt=1), rows.notice(member_id="bo")
    taken = claim(rows, (rows.shop("shop"), 2))
    assert mark(rows, taken) == {again, new}
    assert rows.of(again, "asked_us", "attempt") == (first, 2)
    assert rows.of(new, "asked_us") > first


@pytest.mark.parametrize(("wait", "too_old"), [(DAY, DAY), (14 * DAY, 30 * DAY)])
def test_whatever_may_wait_is_within_reach(wait: int, too_old: int) -> None:
    """Also where changes are told that were recorded weeks ago, as configured."""
    assert queue.reach(wait, too_old) >= max(too_old, queue.RESENT_WITHIN) + wait


def test_every_shop_with_something_due_is_found_once(rows: Rows) -> None:
    rows.notices(3, "b")
    rows.notices(2, "a", not_before_us=rows.now() - 9 * SECOND)
    rows.notice("later", not_before_us=rows.now() + MINUTE)
    rows.notice("mails", channel=Channel.email)
    rows.notice("done", state=State.sent)
    found = queue.due_shops(raw(rows.connection), Channel.sms, least(rows))
    assert [shop.merchant_no for shop in found] == sorted([rows.shop("a"), rows.shop("b")])
    assert all(shop.since <= rows.now() for shop in found)


def test_a_shops_oldest_are_taken_and_no_more_than_its_share(rows: Rows) -> None:
    now = rows.now()
    ids = [rows.notice("a", not_before_us=now - n * SECOND) for n in range(5)]
    rows.notice("a", not_before_us=now + MINUTE)
    rows.notices(4, "b")
    taken = claim(rows, (rows.shop("a"), 2), (rows.shop("b"), 3))
    assert {t.notice_id for t in taken if t.merchant_id == "a"} == {ids[4], ids[3]}
    assert len([t for t in taken if t.merchant_id == "b"]) == 3
    assert rows.of(ids[4], "state", "sender") == ("claimed", "a")


def test_two_senders_never_have_the_same_notice_in_hand(rows: Rows) -> None:
    rows.notices(10)
    shop = rows.shop("shop")
    with rows.connect() as other, transaction(rows.connection) as cursor:
        mine = queue.claim(cursor, Channel.sms, [(shop, 6)], "a", LEASE, least(rows))
        theirs = queue.claim(raw(other), Channel.sms, [(shop, 6)], "b", LEASE, least(rows))
    assert (len(mine), len(theirs)) == (6, 4)
    assert not {t.notice_id for t in mine} & {t.notice_id for t in theirs}


def test_what_is_marked_has_its_attempt_and_is_metered_under_its_month(rows: Rows) -> None:
    notice = rows.notice()
    taken = claim(rows, (rows.shop("shop"), 1))
    with transaction(rows.connection) as cursor:
        marks = [Mark(notice, 7, "mitake", 2, 202611, b"hmac", taken[0].changed_us)]
        (marked,) = queue.mark(cursor, marks, "a", LEASE, least(rows))().values()
    assert (marked.attempt, marked.asked_us) == (1, marked.at)
    shown = rows.of(notice, "state", "attempt", "provider", "parts", "month", "address_hmac")
    assert shown == ("sending", 1, "mitake", 2, 202611, b"hmac")
    assert taken[0].attempt == 0


def test_nothing_is_marked_that_is_another_senders_or_changed_or_beyond_its_lease(
    rows: Rows,
) -> None:
    rows.notices(3)
    taken = claim(rows, (rows.shop("shop"), 3))
    assert mark(rows, taken, sender="b") == set()
    assert mark(rows, taken, sequence=8) == set()
    rows.move_clock(61)
    assert mark(rows, taken) == set()
    rows.move_clock(0)
    assert mark(rows, taken) == {t.notice_id for t in taken}
    assert mark(rows, taken) == set()


def test_nothing_is_marked_of_a_member_who_was_erased_since_it_was_taken(rows: Rows) -> None:
    shop = rows.shop("shop")
    rows.notices(2)
    rows.notice(member_id="erased")
    taken = claim(rows, (shop, 3))
    with transaction(rows.connection) as cursor:
        erasing.erase(cursor, shop, "erased")
    assert mark(rows, taken) == {t.notice_id for t in taken if t.member_id != "erased"}
    assert [t.member_id for t in claim(rows, (shop, 3), sender="b")] == ["erased"]


def test_nothing_is_marked_of_a_member_who_was_taken_in_hand_while_being_erased(
    rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until the erasure is committed, a sender reads the contact."""
    shop, taken = rows.shop("shop"), list[Taken]()
    rows.notice(member_id="erased")
    out_of_hand = erasing.take_out_of_hand

    def then_somebody_takes_it(cursor: Cursor, members: Collection[Member]) -> None:
        out_of_hand(cursor, members)
        with rows.connect() as other, transaction(other) as theirs:
            taken.extend(queue.claim(theirs, Channel.sms, [(shop, 1)], "a", LEASE, least(rows)))

    monkeypatch.setattr(erasing, "take_out_of_hand", then_somebody_takes_it)
    erasing.erase_member(rows.connection, shop, "erased")
    assert [each.member_id for each in taken] == ["erased"]
    assert mark(rows, taken) == set()


def test_nothing_is_marked_of_a_customer_who_is_removed_at_that_moment(
    rows: Rows, tmp_path: Path
) -> None:
    removed = {"topic": "user/remove", "merchant_id": "shop", "resource": {"id": "ann"}}
    rows.notice()
    with closing(Lane(rows.url, tmp_path)) as lane:
        batches = ContactsBatches(lane.configuration())
        batches.use(lane.connection)
        lane.consume(batches, removed)
        taken = claim(rows, (rows.shop("shop"), 1))
        batches.committed()
        assert mark(rows, taken) == set()
        batches.committed()
    assert len(claim(rows, (rows.shop("shop"), 1), sender="b")) == 1


def test_what_is_left_behind_is_found_when_its_lease_has_ended(rows: Rows) -> None:
    rows.notices(2)
    taken = claim(rows, (rows.shop("shop"), 2))
    mark(rows, taken[:1])
    with transaction(rows.connection) as cursor:
        assert queue.stale(cursor, least(rows), 10) == []
    rows.move_clock(61)
    with transaction(rows.connection) as cursor:
        assert {t.state for t in queue.stale(cursor, least(rows), 10)} == {
            State.claimed,
            State.sending,
        }


def test_the_table_says_what_is_still_ones_own(rows: Rows) -> None:
    rows.notice()
    taken = claim(rows, (rows.shop("shop"), 1))
    with transaction(rows.connection) as cursor:
        marks = [Mark(taken[0].notice_id, 7, "mitake", 1, 202611, None, taken[0].changed_us)]
        marked = list(queue.mark(cursor, marks, "a", LEASE, least(rows))().values())
    cursor = raw(rows.connection)
    assert queue.still_ours(cursor, marked) == {taken[0].notice_id}
    rows.move_clock(61)
    assert queue.still_ours(cursor, marked) == set()
    rows.move_clock(0)
    assert queue.still_ours(cursor, [marked[0]._replace(attempt=2)]) == set()


def test_what_could_not_go_in_time_is_found(rows: Rows) -> None:
    now = rows.now()
    late = rows.notice(give_up_us=now - 1, recorded_us=now - 2 * DAY)
    rows.notice(give_up_us=now + MINUTE)
    youngest = least_id(now, DAY)
    with transaction(rows.connection) as cursor:
        found = queue.overdue(cursor, Channel.sms, least(rows), youngest, 10)
    assert [t.notice_id for t in found] == [late]
