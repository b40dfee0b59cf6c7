"""What is done by the clock with notices that dead senders left, or that could not go in time."""

from datetime import timedelta
from typing import Any

import pytest

from processors.notices.sending.ports import Outside, Shop
from processors.notices.sending.upkeep import Upkeep
from rules.notices.outcomes import OnUnknown
from schemas.ids import MINUTE, SECOND
from schemas.notices.words import Kind, State
from tests.support.notices.rows import REACH, Rows
from tests.support.notices.sender import MONTH

HOUR = 60 * MINUTE
WINDOWS = {"mitake": timedelta(hours=12), "twilio": timedelta()}
WRITTEN: dict[str, Any] = {"parts": 1, "month": MONTH, "attempt": 1}


def turn(
    rows: Rows, *, told: bool = True, on_unknown: OnUnknown = "hold", by: str = "twilio"
) -> None:
    """One turn of a sender's clockwork, for a shop that tells or does not, by a provider."""
    number, unused = rows.shop("shop"), None
    shop = Shop(
        number, "shop", "Asia/Taipei", ("en",), True, True, lambda *_: told, by, "LANTERN",
        None, "TW", None, None, on_unknown, {}, "Lantern Tea", None,
    )  # fmt: skip
    of_others: Any = unused
    outside = Outside(
        shops=lambda *_: {number: shop},
        seals=of_others,
        opted_out=of_others,
        lapsing=of_others,
        month_of=lambda *_: MONTH,
        not_before=of_others,
        wording=of_others,
    )
    Upkeep("a", REACH, outside, WINDOWS).turn(rows.connection, None)


@pytest.mark.parametrize(
    ("provider", "hours_ago", "on_unknown", "becomes"),
    [
        ("mitake", 1, "hold", ("waiting", "unanswered")),
        ("mitake", 13, "hold", ("unknown", None)),
        ("mitake", 13, "resend", ("waiting", "unanswered")),
        ("twilio", 1, "hold", ("unknown", None)),
        ("twilio", 1, "resend", ("waiting", "unanswered")),
    ],
)
def test_what_a_dead_sender_was_writing_goes_again_only_where_it_is_taken_once(
    rows: Rows,
    provider: str,
    hours_ago: int,
    on_unknown: OnUnknown,
    becomes: tuple[str, str | None],
) -> None:
    now = rows.now()
    left: dict[str, Any] = {
        "state": State.sending,
        "lease_us": now - SECOND,
        "asked_us": now - hours_ago * HOUR,
    }
    notice = rows.notice(provider=provider, **left, **WRITTEN)
    held = rows.notice(member_id="bo", state=State.claimed, lease_us=now - SECOND, sender="dead")
    alive = rows.notice(member_id="cy", state=State.claimed, lease_us=now + MINUTE, sender="b")
    turn(rows, on_unknown=on_unknown)
    assert rows.of(notice, "state", "reason") == becomes
    assert rows.of(held, "state", "sender") == ("waiting", None)
    assert rows.of(alive, "state") == "claimed"
    rows.check_meter()


@pytest.mark.parametrize(
    ("told", "by", "asked", "becomes"),
    [
        (True, "twilio", False, ("expired", None)),
        (True, "webhook", False, ("failed", "no_provider")),
        (False, "webhook", False, ("skipped", "off")),
        (True, "twilio", True, ("unknown", None)),
        (False, "twilio", True, ("unknown", None)),
    ],
)
def test_what_could_not_go_in_time_says_why(
    rows: Rows, *, told: bool, by: str, asked: bool, becomes: tuple[str, str | None]
) -> None:
    now = rows.now()
    written: dict[str, Any] = (
        {**WRITTEN, "provider": "twilio", "asked_us": now - HOUR} if asked else {}
    )
    late = rows.notice(recorded_us=now - 2 * HOUR, give_up_us=now - SECOND, **written)
    soon = rows.notice(kind=Kind.assigned, recorded_us=now - 2 * HOUR, give_up_us=now + MINUTE)
    turn(rows, told=told, by=by)
    assert rows.of(late, "state", "reason") == becomes
    assert rows.of(soon, "state") == "waiting"
    rows.check_meter()


@pytest.mark.parametrize("told", [True, False])
def test_what_its_shop_would_rather_tell_twice_may_have_arrived_once(
    rows: Rows, *, told: bool
) -> None:
    """It could not be written again in time, or its shop has switched it off by then."""
    now = rows.now()
    written: dict[str, Any] = {**WRITTEN, "provider": "twilio", "asked_us": now - HOUR}
    left = rows.notice(
        recorded_us=now - 2 * HOUR, state=State.sending, lease_us=now - SECOND, **written
    )
    turn(rows, on_unknown="resend")
    assert rows.of(left, "state", "reason", "asked_us") == ("waiting", "unanswered", now - HOUR)
    rows.admin.execute("UPDATE notices.notice SET give_up_us = %s", [now - SECOND])
    turn(rows, told=told, on_unknown="resend")
    assert rows.of(left, "state", "reason") == ("unknown", None)
    rows.check_meter()
