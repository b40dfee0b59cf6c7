"""Addresses as members wrote them, on senders that run: who is told, and why others are not."""

from typing import Final

from schemas.notices.words import Channel
from tests.support.engine import wait_for
from tests.support.notices.senders import Senders

MAILS: Final = {
    "a@": None,
    "ann@tea.example, ben@tea.example": None,
    "a" * 300 + "@tea.example.example": None,
    "安@tea.example": None,
    "ann@茶.example": "ann@xn--cl1a.example",
}
NUMBERS: Final = {
    "0912": None,
    "02 2345 6789": None,
    "+852 9123 4567": None,
    "０９１２３４５６７８": "0912345678",
}
"""What is written to, by Mitake in its home form; None for nothing."""


def test_only_an_address_that_can_be_written_to_is(senders: Senders) -> None:
    assert max(map(len, MAILS)) == 320
    shop = senders.shop(members=())
    wanted, sent = {}, {}
    for channel, field, why, cases in (
        (Channel.email, "email", "unusable_address", MAILS),
        (Channel.sms, "mobile_phone", "unusable_number", NUMBERS),
    ):
        for n, (written, to) in enumerate(cases.items()):
            senders.contact(shop, f"{field}-{n}", {field: written})
            notice = senders.rows.notice(shop, f"{field}-{n}", channel)
            wanted[notice] = ("skipped", why) if to is None else ("sent", None)
            if to is not None:
                sent[str(notice)] = to
    wait_for(
        "all are told or not",
        lambda: {n: senders.rows.of(n, "state", "reason") for n in wanted} == wanted,
    )
    assert {each["notice_id"]: each["to"] for each in senders.got(list(wanted))} == sent


def test_the_newest_contact_of_the_moment_of_sending_counts(senders: Senders) -> None:
    shop = senders.shop(members=())
    late, moved = (senders.later(1, shop, member_id=name)[0] for name in ("late", "moved"))
    senders.contact(shop, "moved", {"mobile_phone": "0912000001"})
    senders.contact(shop, "late", {"mobile_phone": "0912000002"})  # after the event
    senders.contact(shop, "moved", {"mobile_phone": "0912000003"}, day=21)  # while it waits
    senders.due(late, moved)
    senders.become(late, "sent")
    senders.become(moved, "sent")
    found = {each["notice_id"]: each["to"] for each in senders.got([late, moved])}
    assert found == {str(late): "0912000002", str(moved): "0912000003"}


def test_a_contact_deleted_while_its_notice_is_sent_is_told_that_one_and_no_more(
    senders: Senders,
) -> None:
    shop = senders.shop(sms={"provider": "twilio"})
    senders.sinks.become("twilio", mood="slow", delay_ms=500)
    notice = senders.rows.notice(shop)
    wait_for("the request", lambda: senders.got([notice]))
    senders.contact(shop, "ann", {}, day=21, topic="user/remove")
    after = senders.rows.notice(shop)
    senders.become(notice, "sent")
    senders.become(after, "skipped", "no_address")
    assert len(senders.got([notice, after])) == 1
