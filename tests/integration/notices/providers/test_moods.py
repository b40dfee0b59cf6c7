"""Every mood of a provider, over real connections: what becomes of the message, and why."""

from datetime import timedelta
from uuid import uuid4

import pytest

from deploy.local.sinks.moods import TAKES, Mood, Provider
from deploy.local.sinks.sinks import Sinks
from processors.notices.providers.port import Answer, Outcome
from tests.support.notices.providers import (
    PATIENCE,
    SILENCE,
    mail,
    mitake,
    one,
    sent,
    sms,
    smtp,
    with_sinks,
)

TAKEN, LATER, WRONG, UNKNOWN, CREDENTIALS, SHOP_REFUSED = (
    Outcome.taken,
    Outcome.later,
    Outcome.wrong,
    Outcome.unknown,
    Outcome.credentials,
    Outcome.shop_refused,
)
PROVIDERS: tuple[Provider, ...] = ("smtp", "twilio", "mitake", "webhook")
OUTCOMES: dict[Mood, tuple[Outcome, Outcome, Outcome, Outcome]] = {
    Mood.normal: (TAKEN, TAKEN, TAKEN, TAKEN),
    Mood.slow: (TAKEN, TAKEN, TAKEN, TAKEN),
    Mood.held: (UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN),
    Mood.deaf: (UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN),
    Mood.drop: (UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN),
    Mood.half_line: (UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN),
    Mood.lost: (UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN),
    Mood.busy: (LATER, LATER, LATER, LATER),
    Mood.wrong: (WRONG, WRONG, WRONG, WRONG),
    # A gateway is its shop's own.
    Mood.credentials: (CREDENTIALS, CREDENTIALS, CREDENTIALS, SHOP_REFUSED),
    Mood.html: (UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN),
    Mood.error_inside: (UNKNOWN, WRONG, WRONG, WRONG),
    Mood.empty: (UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN),
    Mood.redirect: (UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN),
    Mood.garbled: (UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN),
    Mood.endless: (UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN),
    # A server for mail speaks first, so nothing was written to it.
    Mood.silent: (LATER, UNKNOWN, UNKNOWN, UNKNOWN),
}

NEVER_END = {Mood.held, Mood.deaf, Mood.half_line, Mood.silent}
"""Of an answer there is no end, and the connection stays."""


def answered(provider: Provider, seconds: float = PATIENCE, **manner: object) -> Answer:
    async def test(sinks: Sinks) -> Answer:
        sinks.become(provider, **manner)
        return await one(sinks, provider, seconds=seconds)

    return with_sinks(test)


@pytest.mark.parametrize("mood", Mood)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_each_mood_of_a_provider_decides_what_became_of_the_message(
    provider: Provider, mood: Mood
) -> None:
    seconds = SILENCE if mood in NEVER_END else PATIENCE

    async def test(sinks: Sinks) -> tuple[Answer, int]:
        sinks.become(provider, mood=mood, delay_ms=50)
        return await one(sinks, provider, seconds=seconds), len(sinks.taken(provider))

    answer, taken = with_sinks(test)
    assert answer.outcome is OUTCOMES[mood][PROVIDERS.index(provider)]
    assert taken == (mood in TAKES)
    # Whatever was taken may be repeated only by who says so: never `later`, never `wrong`.
    assert not taken or answer.outcome in {TAKEN, UNKNOWN}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_answer_after_the_time_for_it_is_none(provider: Provider) -> None:
    """An hour or a second late is the same: nobody listens any more."""
    answer = answered(provider, SILENCE, mood="slow", delay_ms=900)
    assert (answer.outcome, answer.code) == (UNKNOWN, "no-answer")


@pytest.mark.parametrize(("mood", "first"), [("deaf", UNKNOWN), ("silent", LATER)])
def test_a_mail_that_had_no_turn_within_half_a_lease_is_not_written(
    mood: str, first: Outcome
) -> None:
    """Another sender may have it by then, which would write it as well."""

    async def test(sinks: Sinks) -> tuple[list[Answer], int]:
        sinks.become("smtp", mood=mood)
        server = smtp(sinks.smtp_port, within=SILENCE, connections=1)
        try:
            return [*await server.send([mail(), mail(), mail()])], len(sinks.kept.requests)
        finally:
            await server.close()

    answers, asked = with_sinks(test)
    assert [answer.outcome for answer in answers] == [first, LATER, LATER]
    assert [answer.code for answer in answers[1:]] == ["no-time", "no-time"]
    assert asked == (mood == "deaf")


@pytest.mark.parametrize("provider", ["twilio", "mitake", "webhook"])
@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_provider_says_how_long_to_wait(provider: Provider, status: int) -> None:
    answer = answered(provider, mood="busy", status=status, retry_after=7)
    assert answer.outcome is LATER
    assert answer.retry_after == timedelta(seconds=7)


@pytest.mark.parametrize("provider", ["twilio", "mitake", "webhook"])
def test_an_instant_to_wait_for_is_read_by_the_clock_of_who_names_it(provider: Provider) -> None:
    answer = answered(provider, mood="busy", status=503, retry_after=7, retry_at=True)
    assert answer.retry_after == timedelta(seconds=7)


@pytest.mark.parametrize("hours", [11.99, 12.01])
def test_mitake_sends_a_message_of_a_known_id_once_for_as_long_as_we_count_on_it(
    hours: float,
) -> None:
    clock, notice = [1000.0], uuid4()

    async def test(sinks: Sinks) -> None:
        account = mitake(sinks.url)
        first = (await sent(account, sms(notice)))[0]
        clock[0] += hours * 3600
        again = (await sent(account, sms(notice)))[0]
        account.close()
        known = timedelta(hours=hours) < account.window
        assert (first.outcome, again.outcome) == (TAKEN, TAKEN)
        assert (first.provider_id == again.provider_id) is known
        assert len(sinks.taken("mitake")) == (1 if known else 2)

    with_sinks(test, clock=lambda: clock[0])


@pytest.mark.parametrize("stage", ["greeting", "mail", "rcpt", "data", "end"])
@pytest.mark.parametrize("mood", ["busy", "wrong"])
def test_a_mail_that_is_refused_at_any_stage_was_not_taken(stage: str, mood: str) -> None:
    answer = answered("smtp", mood=mood, stage=stage)
    # A server that takes nothing from us says nothing about the mail, and one that refuses its
    # sender says it of that alone.
    wrong = {"greeting": LATER, "mail": SHOP_REFUSED}.get(stage, WRONG)
    assert answer.outcome is (wrong if mood == "wrong" else LATER)


@pytest.mark.parametrize("stage", ["mail", "rcpt", "data", "end"])
@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("5.1.7", SHOP_REFUSED),
        ("5.1.8", SHOP_REFUSED),
        ("5.7.23", SHOP_REFUSED),  # SPF
        ("5.7.27", SHOP_REFUSED),  # takes no mail itself
        ("5.1.2", WRONG),
        ("5.1.10", WRONG),
        ("5.7.1", WRONG),  # may be about either
    ],
)
def test_what_a_reply_has_against_the_sender_says_nothing_of_the_mail(
    stage: str, code: str, outcome: Outcome
) -> None:
    """Many servers say it only when they hear the recipient, or have the message."""
    answer = answered("smtp", mood="wrong", stage=stage, code=code)
    assert answer.outcome is (SHOP_REFUSED if stage == "mail" else outcome)
    assert answer.code == f"550-{code}"


@pytest.mark.parametrize(
    ("status", "code", "outcome"),
    [
        (552, "5.2.2", LATER),  # our own quota
        (550, "5.3.0", LATER),  # the server
        (521, "5.3.2", LATER),
        (550, "5.4.3", LATER),  # its directory or network
        (501, "5.5.4", LATER),  # how we say it
        (555, "5.5.4", LATER),
        (550, "5.6.7", LATER),
        (550, "5.7.5", LATER),  # ciphers
        (550, "5.7.8", CREDENTIALS),  # who we are
        (525, "5.7.13", CREDENTIALS),
        (550, "5.7.60", SHOP_REFUSED),  # a server's own, of whom it lets write by that sender
        (550, "5.0.0", SHOP_REFUSED),
        (553, "no", SHOP_REFUSED),  # and where there is no enhanced code
        *((status, "no", LATER) for status in (500, 502, 504, 521, 552, 555)),
    ],
)
def test_what_a_server_has_against_us_all_is_no_fault_of_the_sender_that_it_heard(
    status: int, code: str, outcome: Outcome
) -> None:
    """Else each shop would be left alone by itself, and nobody told that nothing goes."""
    answer = answered("smtp", mood="wrong", status=status, stage="mail", code=code)
    assert answer.outcome is outcome


@pytest.mark.parametrize("stage", ["mail", "rcpt", "data", "end"])
@pytest.mark.parametrize("code", ["5.7.25", "5.7.28"])
def test_what_is_about_our_own_address_is_no_fault_of_a_sender_or_a_mail(
    stage: str, code: str
) -> None:
    """Somebody mends how it is named, and all may go by then."""
    answer = answered("smtp", mood="wrong", stage=stage, code=code)
    assert (answer.outcome, answer.code) == (LATER, f"550-{code}")


def test_a_senders_domain_that_is_not_found_just_now_says_nothing_of_the_server() -> None:
    answer = answered("smtp", mood="wrong", status=450, stage="rcpt", code="4.1.8")
    assert (answer.outcome, answer.code) == (SHOP_REFUSED, "450-4.1.8")


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        *((code, SHOP_REFUSED) for code in (21212, 21408, 21603, 21606, 21611, 21659, 21660)),
        *((code, CREDENTIALS) for code in (10001, 21609, 30002)),
        *((code, WRONG) for code in (21211, 21610, 21614)),
    ],
)
def test_what_twilio_has_against_a_sender_or_an_account_says_nothing_of_the_number(
    code: int, outcome: Outcome
) -> None:
    answer = answered("twilio", mood="wrong", code=str(code))
    assert (answer.outcome, answer.code) == (outcome, str(code))


@pytest.mark.parametrize(
    ("status", "outcome"), [(451, LATER), (452, LATER), (421, LATER), (552, WRONG), (554, WRONG)]
)
def test_the_class_of_a_reply_decides_whether_a_mail_is_tried_again(
    status: int, outcome: Outcome
) -> None:
    answer = answered("smtp", mood="busy", status=status, stage="end")
    # 5xx with a 4.7.1 contradicts itself, and so says nothing.
    assert answer.outcome is (outcome if status < 500 else UNKNOWN)
    assert answered("smtp", mood="wrong", status=550, stage="end").code == "550-5.1.1"


def test_moods_by_weight_are_the_same_for_the_same_seed() -> None:
    async def test(sinks: Sinks) -> list[Mood]:
        sinks.become("mitake", weights={"normal": 5, "wrong": 3, "busy": 2}, seed=7)
        return [sinks.moods["mitake"].draw("") for _ in range(200)]

    first = with_sinks(test)
    assert first == with_sinks(test)
    assert set(first) == {Mood.normal, Mood.wrong, Mood.busy}
