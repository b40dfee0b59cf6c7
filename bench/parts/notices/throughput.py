"""Events decided a second, mails and SMS sent a second, each worker alone.

Everything is real but the providers: the topics, the database, Valkey, the workers as processes,
the text of each message. The sinks take each message on the same cores.
"""

import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.contestant import ROOT, Site
from bench.measure import Progress, Stack, site_for
from bench.parts.notices.deciding import Measured, decided
from bench.parts.notices.lane import Lane, change, hear, tell
from bench.parts.notices.sending import sent, unlimited
from deploy.local.ladder import REDIS_URL
from deploy.local.sinks.process import SinksProcess
from deploy.local.stack import start_stack

EVENTS_OF_MEMBERS = (1, 4)
"""How many events a member has: of the first it has no other notice, of the fourth six wait."""
CHUNKS = (8, 200)

Figures = Mapping[str, object]
Round = Iterable[tuple[str, Measured]]
"""What a round measured, each with its name."""


def notices(events: int, rounds: int, stack: Stack, progress: Progress) -> Figures:
    """Decides so many events, then sends a part by mail, and by SMS in small and large chunks.

    The first round is not counted: caches are cold.
    """
    return _in_rounds("notices", events, rounds, lambda: _round(events, stack), progress)


def notices_sending(
    events: int, rounds: int, stack: Stack, progress: Progress, before: Path | None
) -> Figures:
    """Sends SMS alone, and in turn with the sender of an earlier checkout, which has a `.venv`.

    All rounds send what was decided at once: one SMS an event.
    """
    checkouts = {"": ROOT} if before is None else {"before: ": before, "": ROOT}
    # A sender that is ended has sent some more by then.
    messages = events // ((rounds + 1) * len(CHUNKS) * len(checkouts)) * 7 // 10
    with _ready(events, 1, stack) as (lane, site, sinks):
        decided(lane, site, events)

        def all_of_it() -> Iterator[tuple[str, Measured]]:
            for chunk in CHUNKS:
                for whose, checkout in checkouts.items():
                    sender = Lane(lane.name, lane.more, checkout=checkout)
                    what = f"{whose}SMS of chunks of {chunk}"
                    yield what, sent(sender, site, sinks, "sms", chunk, messages)

        return _in_rounds("notices-sending", events, rounds, all_of_it, progress)


def _in_rounds(
    part: str, events: int, rounds: int, measured: Callable[[], Round], progress: Progress
) -> Figures:
    found: dict[str, list[Measured]] = {}
    for number in range(rounds + 1):
        progress(part, number / (rounds + 1))
        for what, of_round in measured():
            if number:
                found.setdefault(what, []).append(of_round)
    figures: dict[str, object] = {"events decided a round": events}
    for what, runs in found.items():
        figures |= _shown(what, runs)
    return figures


def _shown(what: str, runs: Sequence[Measured]) -> Figures:
    """The round in the middle, all rounds, and the CPU of each unit in each of them."""
    rates = [rate for rate, _ in runs]
    middle = statistics.median_low(rates)
    cpu = next(cpu for rate, cpu in runs if rate == middle)
    return {
        f"{what}/s": round(middle),
        f"{what}/s: rounds": " ".join(f"{rate:,.0f}" for rate in rates),
        f"{what}: CPU µs each": ", ".join(
            f"{part} {used:,.0f}" for part, used in sorted(cpu.items())
        ),
        f"{what}: CPU µs each of the sender or decider, rounds": " ".join(
            f"{cpu.get('notices-send', cpu.get('notices', 0.0)):,.0f}" for _, cpu in runs
        ),
    }


def _round(events: int, stack: Stack) -> Iterator[tuple[str, Measured]]:
    for each in EVENTS_OF_MEMBERS:
        with _ready(events, each, stack) as (lane, site, sinks):
            yield f"events decided, {each} of each member", decided(lane, site, events)
            if each == EVENTS_OF_MEMBERS[0]:
                yield from _all_sent(lane, site, sinks, events)


@contextmanager
def _ready(events: int, each: int, stack: Stack) -> Iterator[tuple[Lane, Site, SinksProcess]]:
    """A lane that has heard of everybody, and events to be decided, `each` of each member."""
    servers = stack.state / "notices"
    with start_stack(servers, parts=("valkey",)) as valkey, SinksProcess() as sinks:
        lane = Lane("notices", {**unlimited(sinks), REDIS_URL: valkey.redis_url})
        with site_for(lane, stack) as site:
            lane.prepare(site, {})
            tell(site)
            hear(lane, site, events // each)
            change(site, events, events // each)
            yield lane, site, sinks
        valkey.stop(wipe=True)


def _all_sent(
    lane: Lane, site: Site, sinks: SinksProcess, events: int
) -> Iterator[tuple[str, Measured]]:
    for chunk, senders in ((CHUNKS[0], 1), (CHUNKS[0], 2), (CHUNKS[1], 1)):
        what = f"SMS of chunks of {chunk}" + (f", {senders} senders" if senders > 1 else "")
        yield what, sent(lane, site, sinks, "sms", chunk, events // 4, senders)
    mails = sent(lane, site, sinks, "email", CHUNKS[0], events // 10)
    yield f"mails of chunks of {CHUNKS[0]}", mails
