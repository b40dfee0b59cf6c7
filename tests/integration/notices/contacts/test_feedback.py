"""What is said back: receipts settle, bounces, complaints, STOP and links stop; nothing twice."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest

from processors import metrics
from processors.notices.deciding.contacts import ContactsBatches
from processors.notices.deciding.feedback import FeedbackBatches
from rules.notices import tokens
from rules.notices.tokens import VALID, Unsubscription
from rules.signed_tokens import keys_listed
from schemas.notices.words import Channel
from store.notices.members.erasing import erase
from store.notices.sending import settling
from store.notices.sending.settling import Receipt, Receipts
from store.postgres.session import Cursor, transaction
from tests.support.notices.lane import Lane

AT = "2026-11-20T04:00:00Z"


class Desk:
    """Takes receipts as settling does: what is settled once is not again."""

    def __init__(self) -> None:
        self.rows: list[Receipt] = []
        self._done: set[UUID] = set()

    def __call__(self, cursor: Cursor, rows: Sequence[Receipt], /) -> Receipts:
        del cursor
        self.rows += rows
        new = {row.notice_id for row in rows} - self._done
        self._done |= new
        return Receipts(frozenset(new), frozenset(row.notice_id for row in rows))


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def batches(lane: Lane, desk: Desk) -> FeedbackBatches:
    made = FeedbackBatches(lane.configuration(), desk)
    made.use(lane.connection)
    lane.shop("shop")
    return made


def said(kind: str, **fields: Any) -> dict[str, Any]:
    shown = {
        name: str(value) if isinstance(value, UUID) else value for name, value in fields.items()
    }
    return {"type": kind, "occurred_at": AT, **shown}


def wishes(lane: Lane) -> list[tuple[Any, ...]]:
    return lane.rows("SELECT member_id, channel, kind, source FROM notices.optout ORDER BY 1, 2, 3")


def token(lane: Lane, member: str = "ann", kind: str = "earned", ago: int = 0) -> str:
    of = Unsubscription("shop", member, "email", kind)
    return tokens.sign(keys_listed(lane.token_keys)[0], of, lane.now() - ago)


def test_a_receipt_settles_once(lane: Lane, batches: FeedbackBatches, desk: Desk) -> None:
    notice = lane.notice("shop", "ann", Channel.sms)
    record = said("receipt", notice_id=notice, status="delivered", parts=2, provider_id="x1")
    counts, _ = lane.consume(batches, record, record)
    assert (counts.applied, counts.duplicate) == (1, 1)
    counts, _ = lane.consume(batches, record)
    assert counts.duplicate == 1
    assert set(desk.rows) == {Receipt(notice, True, "x1", 2)}


def written(lane: Lane, state: str) -> UUID:
    """An SMS that was written to a provider, in a state."""
    notice = lane.notice("shop", "ann", Channel.sms)
    lane.admin.execute(
        """UPDATE notices.notice
           SET state = %s, attempt = 1, month = 202611, provider = 'mitake', parts = 1
           WHERE notice_id = %s""",
        [state, notice],
    )
    return notice


def test_what_a_receipt_settles_is_counted_once_and_a_repeat_or_a_price_is_not(lane: Lane) -> None:
    batches = FeedbackBatches(lane.configuration(), settling.receipt)
    batches.use(lane.connection)
    lane.shop("shop")
    unknown, sending, sent, priced = (
        written(lane, state) for state in ("unknown", "sending", "sent", "sent")
    )

    def counted() -> dict[str, float]:
        by = {each: metrics.NOTICES_RECEIPTS.labels("sms", each) for each in ("sent", "failed")}
        return {each: of._value.get() for each, of in by.items()}

    before = counted()
    records = [
        said("receipt", notice_id=unknown, status="delivered"),
        said("receipt", notice_id=sending, status="delivered"),
        said("receipt", notice_id=sent, status="failed"),
        said("receipt", notice_id=priced, status="delivered", parts=2),
    ]
    for _ in range(2):
        lane.consume(batches, *records)
        batches.committed()
    assert counted() == {"sent": before["sent"] + 2, "failed": before["failed"] + 1}


def test_an_unknown_id_is_passed_over(lane: Lane, batches: FeedbackBatches, desk: Desk) -> None:
    for kind in ("receipt", "bounce", "complaint", "stop"):
        counts, poison = lane.consume(
            batches, said(kind, notice_id=uuid4(), status="failed", hard=True)
        )
        assert (counts.reasons, poison) == ({"unknown_notice": 1}, [])
    counts, _ = lane.consume(batches, said("stop", merchant_id="nowhere", member_id="ann"))
    assert counts.reasons == {"unknown_shop": 1}
    assert desk.rows == wishes(lane) == []


def test_what_names_another_member_than_its_notice_is_passed_over(
    lane: Lane, batches: FeedbackBatches, desk: Desk
) -> None:
    notice = lane.notice("shop", "ann")
    counts, _ = lane.consume(
        batches,
        said("bounce", notice_id=notice, member_id="ben", hard=True),
        said("receipt", notice_id=notice, merchant_id="other", status="failed"),
    )
    assert counts.reasons == {"other_member": 2}
    assert desk.rows == wishes(lane) == []


def test_each_way_of_saying_no_is_a_wish(lane: Lane, batches: FeedbackBatches) -> None:
    sms, mail = lane.notice("shop", "eve", Channel.sms), lane.notice("shop", "fay")
    counts, _ = lane.consume(
        batches,
        said("bounce", merchant_id="shop", member_id="ann", hard=True),
        said("complaint", merchant_id="shop", member_id="ben"),
        said("stop", merchant_id="shop", member_id="cat"),
        said("unsubscribe", token=token(lane, "dan")),
        said("stop", notice_id=sms),
        said("complaint", notice_id=mail),
        said("bounce", merchant_id="shop", member_id="gus", hard=False),
    )
    assert (counts.applied, counts.reasons) == (6, {"soft_bounce": 1})
    assert wishes(lane) == [
        ("ann", "email", "*", "bounce"),
        ("ben", "email", "*", "complaint"),
        ("cat", "sms", "*", "stop"),
        ("dan", "email", "earned", "link"),
        ("eve", "sms", "*", "stop"),
        ("fay", "email", "*", "complaint"),
    ]


def test_twice_is_once(lane: Lane, batches: FeedbackBatches) -> None:
    stop = said("stop", merchant_id="shop", member_id="ann")
    link = said("unsubscribe", token=token(lane))
    counts, _ = lane.consume(batches, stop, link, stop, link)
    assert (counts.applied, counts.duplicate) == (2, 2)
    counts, _ = lane.consume(batches, link, stop)
    assert counts.duplicate == 2
    assert len(wishes(lane)) == 2


def test_a_members_own_wish_takes_the_place_of_a_bounce_and_not_the_reverse(
    lane: Lane, batches: FeedbackBatches
) -> None:
    bounce = said("bounce", merchant_id="shop", member_id="ann", hard=True)
    complaint = said("complaint", merchant_id="shop", member_id="ann")
    lane.consume(batches, bounce)
    counts, _ = lane.consume(batches, complaint, bounce)
    assert (counts.applied, counts.duplicate) == (1, 1)
    assert wishes(lane) == [("ann", "email", "*", "complaint")]


def test_a_link_that_is_not_ours_expired_or_anothers_stops_nothing(
    lane: Lane, batches: FeedbackBatches
) -> None:
    counts, poison = lane.consume(
        batches,
        said("unsubscribe", token="no token"),
        said("unsubscribe", token=token(lane, ago=VALID)),
        said("unsubscribe", token=token(lane), member_id="ben"),
        said("unsubscribe", token=token(lane), merchant_id="other"),
    )
    assert counts.reasons == {"token_invalid": 1, "token_expired": 1, "other_member": 2}
    assert poison == []
    assert wishes(lane) == []


def test_without_keys_no_link_is_ours(lane: Lane, desk: Desk) -> None:
    batches = FeedbackBatches(lane.configuration(token_keys=None), desk)
    counts, _ = lane.consume(batches, said("unsubscribe", token=token(lane)))
    assert counts.reasons == {"token_invalid": 1}


def test_a_bounce_for_good_settles_its_notice_too(
    lane: Lane, batches: FeedbackBatches, desk: Desk
) -> None:
    notice = lane.notice("shop", "ann")
    lane.consume(batches, said("bounce", notice_id=notice, hard=True))
    assert desk.rows == [Receipt(notice, False, None, None)]


def test_a_bounce_for_now_says_nothing_of_its_notice(
    lane: Lane, batches: FeedbackBatches, desk: Desk
) -> None:
    """Whoever took the mail tries again by itself."""
    notice = lane.notice("shop", "ann")
    counts, _ = lane.consume(batches, said("bounce", notice_id=notice, hard=False))
    assert counts.reasons == {"soft_bounce": 1}
    assert desk.rows == wishes(lane) == []


@pytest.mark.parametrize(
    ("channel", "field", "old", "new"),
    [
        (Channel.email, "email", "old@tea.example", "new@tea.example"),
        (Channel.sms, "mobile_phone", "0912345678", "0987654321"),
    ],
)
def test_a_bounce_of_an_address_that_is_gone_does_not_stop_the_new_one(
    lane: Lane, batches: FeedbackBatches, channel: Channel, field: str, old: str, new: str
) -> None:
    shop = lane.shop("shop")
    for member, address in (("ann", new), ("ben", old)):
        resource = {"id": member, field: address}
        record = {"topic": "user/update", "merchant_id": "shop", "resource": resource}
        lane.consume(ContactsBatches(lane.configuration()), record)
    with transaction(lane.connection) as cursor:
        sealer = lane.sealer().with_keys(cursor, [(shop, "ann"), (shop, "ben")], create=False)
    notices = [lane.notice("shop", m, channel, sealer.hmac(shop, m, old)) for m in ("ann", "ben")]
    counts, _ = lane.consume(
        batches, *(said("bounce", notice_id=notice, hard=True) for notice in notices)
    )
    assert counts.applied == 2
    assert wishes(lane) == [("ben", channel, "*", "bounce")]
    # Of a member who was erased nothing can be compared, and the wish stands.
    erased = lane.notice("shop", "ben", channel, b"x" * 32)
    with transaction(lane.connection) as cursor:
        erase(cursor, shop, "ben")
    counts, _ = lane.consume(batches, said("bounce", notice_id=erased, hard=True))
    assert wishes(lane) == [("ben", channel, "*", "bounce")]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"no json", "not_json"),
        (b"[]", "wrong_type"),
        (b"{}", "missing_field"),
        (said("receipt", notice_id=str(uuid4())), "wrong_type"),
        (said("stop"), "wrong_type"),
        (said("stop", merchant_id="shop"), "wrong_type"),
        (said("unsubscribe"), "wrong_type"),
        (said("stop", merchant_id="shop", member_id="a\0b"), "wrong_type"),
        (said("stop", merchant_id="shop", member_id="ann", email="ann@tea.example"), "wrong_type"),
        (said("stop", merchant_id="shop", member_id="ann") | {"ann@tea.example": 1}, "wrong_type"),
        (said("telepathy", merchant_id="ann@tea.example", member_id="ann"), "wrong_type"),
    ],
)
def test_what_cannot_be_read_is_poison_and_no_address_is_in_the_message(
    lane: Lane, batches: FeedbackBatches, value: Any, reason: str
) -> None:
    counts, poison = lane.consume(batches, None, value)
    assert counts.reasons == {"null_value": 1}
    assert [error.reason for _, error in poison] == [reason]
    assert "tea.example" not in str(poison[0][1])
    assert wishes(lane) == []


def test_poison_names_its_shop(lane: Lane, batches: FeedbackBatches) -> None:
    _, poison = lane.consume(batches, said("stop", merchant_id="shop", surprise=1))
    assert poison[0][1].merchant_id == "shop"
