"""What becomes of a message that was written, by the provider's answer."""

import random

from processors.notices.providers.port import Answer
from processors.notices.sending.in_hand.hand import Sent
from rules.notices.backoff import wait_before
from rules.notices.outcomes import Answered, Custom, after_answer
from schemas.ids import SECOND, Micros
from schemas.notices.words import State
from store.notices.sending.settling import Settled


def settled(sent: Sent, answer: Answer, custom: Custom, now: Micros) -> Settled:
    """As it is written down; what was not taken waits for a while, by chance longer or shorter."""
    marked, answered = sent.marked, Answered(answer.outcome.value)
    on_unknown = sent.ready.shop.on_unknown
    becomes = after_answer(answered, custom, marked.asked_us, marked.at, now, on_unknown)
    delay = 0
    if becomes.backs_off:
        luck = random.random()  # noqa: S311 - jitter, no secret
        wait = wait_before(marked.attempt, luck, answer.retry_after)
        delay = int(wait.total_seconds() * SECOND)
    return Settled(
        marked.notice_id,
        State.sending,
        marked.attempt,
        becomes.state,
        becomes.reason,
        delay,
        becomes.may_have_arrived,
        answer.provider_id,
        answer.parts,
    )
