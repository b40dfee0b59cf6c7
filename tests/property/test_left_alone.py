"""Whatever a provider answers to shops: who works is never held back, and none waits for ever."""

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from processors.notices.providers.left_alone import DOUBT, OF_GATEWAYS, OF_SENDERS, LeftAlone
from processors.notices.providers.port import Answer, Outcome, Own
from processors.notices.sending.in_hand.hand import Hand
from rules.notices.breaker import LONGEST_OPEN
from schemas.ids import SECOND
from schemas.notices.words import Channel
from store.valkey.notices import Bucket, Granted
from tests.unit.processors.notices.test_hand import ready

SHOPS = ("a", "b", "c")
WORKS = "a"
OUTCOMES = tuple(Outcome)
SENDER = "SAME"
"""All name the same, so that only whose it is tells them apart."""


def everything(wanted: Mapping[Bucket, int]) -> Mapping[Bucket, Granted]:
    return {bucket: Granted(count, 0) for bucket, count in wanted.items()}


@given(
    told_by=st.sampled_from([OF_SENDERS, OF_GATEWAYS]),
    turns=st.lists(
        st.tuples(st.integers(0, 400), st.lists(st.sampled_from(OUTCOMES), min_size=8, max_size=8)),
        max_size=40,
    ),
)
def test_a_shop_that_works_always_goes_and_one_that_is_mended_goes_within_minutes(
    told_by: frozenset[Outcome], turns: list[tuple[int, list[Outcome]]]
) -> None:
    now = [1000.0]
    alone = LeftAlone("mitake", lambda: now[0], told_by=told_by)
    hand, handed = Hand("mitake", Channel.sms, 10.0, alone), set[object]()

    def turn(answers: list[Outcome]) -> list[str]:
        hand.add(ready("m", SENDER, merchant=shop) for shop in SHOPS for _ in range(2))
        probing = {shop for shop in SHOPS if alone.probes(Own(shop, SENDER))}
        chunk = hand.chunk(1000, everything)
        went = [each.shop.merchant_id for each in chunk]
        for number, each in enumerate(chunk):
            assert each.taken.notice_id not in handed, "it was handed over twice"
            handed.add(each.taken.notice_id)
            shop = each.shop.merchant_id
            said = Outcome.taken if shop == WORKS else answers[number % len(answers)]
            alone.learn(Own(shop, SENDER), Answer(said))
        assert all(went.count(shop) <= 1 for shop in probing)
        assert went.count(WORKS) == 2, "another one's answers held it back"
        assert alone.doubted_us() is None, "it takes what this one sends"
        return went

    for seconds, answers in turns:
        now[0] += seconds
        turn(answers)
    # Mended: the next message that may try it goes, and then all that waited.
    now[0] += LONGEST_OPEN.total_seconds()
    turn([Outcome.taken])
    turn([Outcome.taken])
    assert (hand.free(), alone.lately()) == (0, 0)


@given(
    turns=st.lists(
        st.tuples(st.integers(1, 400), st.lists(st.booleans(), min_size=3, max_size=3)),
        min_size=1,
        max_size=60,
    ),
    straggles=st.booleans(),
)
def test_a_provider_that_refuses_all_is_doubted_whatever_it_says_of_recipients(
    turns: list[tuple[int, list[bool]]], straggles: bool
) -> None:
    """And whatever it has taken last, after it refused the first."""
    now = [1000.0]
    alone = LeftAlone("smtp", lambda: now[0], told_by=OF_SENDERS)
    for shop in SHOPS:
        alone.learn(Own(shop, SENDER), Answer(Outcome.shop_refused))
    if straggles:
        now[0] += 1
        alone.learn(Own("other", SENDER), Answer(Outcome.taken))
    began = now[0]
    for seconds, wrong in turns:
        now[0] += seconds
        for shop, is_wrong in zip(SHOPS, wrong, strict=True):
            if is_wrong:
                alone.learn(Own(shop, SENDER), Answer(Outcome.wrong))
            alone.learn(Own(shop, SENDER), Answer(Outcome.shop_refused))
        took = now[0] - began
        doubted = took * SECOND if took >= DOUBT.total_seconds() else None
        assert alone.doubted_us() == doubted
    alone.learn(Own("other", SENDER), Answer(Outcome.taken))
    assert alone.doubted_us() is None
