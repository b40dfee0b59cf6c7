"""Very many SMS that wait for one instant, and a provider that takes few: who gets which turn.

Most are of one shop. What is measured is the provider's own record: when it got which message.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import pairwise
from typing import NamedTuple

from bench.contestant import Site
from bench.kafka import BenchError
from bench.measure import Progress, Stack, site_for
from bench.parts.account.running import Figures
from bench.parts.notices.lane import (
    CONSUMED,
    SETTINGS,
    SHOPS,
    Lane,
    change,
    connected,
    count,
    hear,
    running,
    tell,
    until,
)
from deploy.local.ladder import REDIS_URL
from deploy.local.sinks.process import SinksProcess
from deploy.local.stack import start_stack

WAITING = 100_000
RATE = 50
SENDERS = (1, 2)
WARM_UP_SECONDS = 5.0
"""From the first message on: by then each sender takes its turns."""
OF_ONE_SHOP = 81
"""Of a hundred members so many are the first shop's, and one is each other's."""


class Got(NamedTuple):
    """A message as the provider got it: when, and of which shop."""

    at: float
    shop: int


def notices_rate(waiting: int, seconds: int, stack: Stack, progress: Progress) -> Figures:
    """Lets one sender, and then two, send of so many SMS for some seconds, at a rate of RATE."""
    figures: dict[str, object] = {"SMS that wait": waiting, "rate, SMS/s": RATE}
    servers = stack.state / "notices-rate"
    with start_stack(servers, parts=("valkey",)) as valkey, SinksProcess() as sinks:
        lane = Lane("notices-rate", _environment(sinks, valkey.redis_url))
        with site_for(lane, stack) as site:
            progress("notices-rate: members and changes", 0)
            _decided(lane, site, waiting)
            for number, senders in enumerate(SENDERS, 1):
                progress(f"notices-rate: {senders} sending", number / (len(SENDERS) + 1))
                got = _sent(lane, site, sinks, senders, seconds)
                with connected(site) as database:
                    shares = database.execute(SHARES, [int(got[0].at * 1e6)]).fetchall()
                if len(shares) != senders:
                    raise BenchError(f"notices-rate: {len(shares)} of {senders} senders sent.")
                figures |= _shown(f"{senders} sending", got, seconds, [n for (n,) in shares])
        valkey.stop(wipe=True)
    return figures


THOSE_WAITING = "SELECT count(*) FROM notices.notice WHERE channel = 'sms' AND state = 'waiting'"
SHARES = """SELECT count(*) FROM notices.notice
            WHERE channel = 'sms' AND state = 'sent' AND changed_us >= %s GROUP BY sender"""


def _environment(sinks: SinksProcess, redis_url: str) -> Mapping[str, str]:
    found = {**sinks.environment(), REDIS_URL: redis_url}
    mitake = {name: value for name, value in found.items() if "SMTP" not in name}
    return {**mitake, "POINTS_MITAKE__RATE": str(RATE)}


def _decided(lane: Lane, site: Site, waiting: int) -> None:
    lane.prepare(site, {})
    tell(site, {name: value for name, value in SETTINGS.items() if name != "email"})
    hear(lane, site, waiting, shop_of)
    change(site, waiting, waiting, shop_of)
    with running(lane, site, "notices"), connected(site) as database:
        until("all changes", lambda: count(database, CONSUMED, site.topic_out) >= waiting)
        found = count(database, THOSE_WAITING)
    if found != waiting:
        raise BenchError(
            f"notices-rate: {found} SMS wait of {waiting} changes, and each makes one."
        )


def shop_of(member: int) -> int:
    """The shop of a member: most are the first's, and the others' are as many each."""
    place = member % 100
    return 0 if place < OF_ONE_SHOP else 1 + place - OF_ONE_SHOP


def _sent(lane: Lane, site: Site, sinks: SinksProcess, senders: int, seconds: int) -> Sequence[Got]:
    """What the provider got in so many seconds, once all senders are at work."""
    sinks.forget()
    with ExitStack() as stack:
        for number in range(senders):
            stack.enter_context(running(lane, site, "notices-send", sinks, number))
        until("a message", lambda: bool(sinks.counts()))
        begin = float(sinks.messages()[0]["at"]) + WARM_UP_SECONDS
        end = begin + seconds
        until("all seconds", lambda: float(sinks.messages(since=-1)[-1]["at"]) >= end)
        messages = sinks.messages()
    got = [Got(float(each["at"]), shop_of(int(each["to"].removeprefix("09")))) for each in messages]
    return [each for each in got if begin <= each.at < end]


def _shown(
    who: str, got: Sequence[Got], seconds: int, shares: Sequence[int]
) -> Iterator[tuple[str, object]]:
    fifths = Counter(int((each.at - got[0].at) // 5) for each in got)
    whole = [fifths[number] / 5 for number in range(seconds // 5)]
    waits = [_longest_wait(got, shop, seconds) for shop in range(SHOPS)]
    yield f"{who}: SMS/s", len(got) / seconds
    yield f"{who}: SMS/s of 5 s, least and most", f"{min(whole):.1f} {max(whole):.1f}"
    yield f"{who}: longest wait of a shop for its turn, s", max(waits)
    yield f"{who}: the first shop's share, %", 100 * sum(not e.shop for e in got) / len(got)
    yield f"{who}: of each sender, %", " ".join(f"{100 * n / sum(shares):.0f}" for n in shares)


def _longest_wait(got: Sequence[Got], shop: int, seconds: int) -> float:
    """The longest time without a message of a shop, of which some wait all the time."""
    begin = got[0].at
    at = [begin, *(each.at for each in got if each.shop == shop), begin + seconds]
    return max(later - earlier for earlier, later in pairwise(at))
