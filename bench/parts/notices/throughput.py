"""Events decided a second, mails and SMS sent a second, each worker alone.

Everything is real but the providers: the topics, the database, the workers as processes, the text
of each message. The sinks take each message on the same cores.
"""

import statistics
import time
from collections.abc import Iterator, Mapping

from bench.contestant import Site
from bench.machine import Usage
from bench.measure import Progress, Stack, site_for
from bench.parts.notices.deciding import decided, figure
from bench.parts.notices.lane import (
    Lane,
    change,
    connected,
    count,
    hear,
    running,
    tell,
    until,
)
from deploy.local.sinks.process import SinksProcess

EVENTS_OF_MEMBERS = (1, 4)
"""How many events a member has: of the first it has no other notice, of the fourth six wait."""
CHUNKS = (8, 200)
NO_RATE = "1000000"
SENT = """SELECT coalesce(sum(messages - unknown), 0)::bigint FROM notices.meter
          WHERE channel = %s"""
"""What the meter says: to count the notices themselves would be a part of what is measured."""

Figures = Mapping[str, object]


def notices(events: int, rounds: int, stack: Stack, progress: Progress) -> Figures:
    """Decides so many events, then sends a part by mail, and by SMS in small and large chunks.

    The first round is not counted: caches are cold.
    """
    found: dict[str, list[tuple[float, Mapping[str, float]]]] = {}
    for number in range(rounds + 1):
        progress("notices", number / (rounds + 1))
        for what, measured in _round(events, stack):
            if number:
                found.setdefault(what, []).append(measured)
    figures: dict[str, object] = {"events decided a round": events}
    for what, runs in found.items():
        rates = [rate for rate, _ in runs]
        middle = statistics.median_low(rates)
        cpu = next(cpu for rate, cpu in runs if rate == middle)
        figures |= {
            f"{what}/s": round(middle),
            f"{what}/s: rounds": " ".join(f"{rate:,.0f}" for rate in rates),
            f"{what}: CPU µs each": ", ".join(
                f"{part} {used:,.0f}" for part, used in sorted(cpu.items())
            ),
        }
    return figures


def _round(events: int, stack: Stack) -> Iterator[tuple[str, tuple[float, Mapping[str, float]]]]:
    for each in EVENTS_OF_MEMBERS:
        with SinksProcess() as sinks:
            lane = Lane("notices", _unlimited(sinks))
            with site_for(lane, stack) as site:
                lane.prepare(site, {})
                tell(site)
                hear(lane, site, events // each)
                change(site, events, events // each)
                yield f"events decided, {each} of each member", decided(lane, site, events)
                if each == EVENTS_OF_MEMBERS[0]:
                    yield from _all_sent(lane, site, sinks, events)


def _all_sent(
    lane: Lane, site: Site, sinks: SinksProcess, events: int
) -> Iterator[tuple[str, tuple[float, Mapping[str, float]]]]:
    for chunk in CHUNKS:
        yield f"SMS of chunks of {chunk}", _sent(lane, site, sinks, "sms", chunk, events // 3)
    mails = _sent(lane, site, sinks, "email", CHUNKS[0], events // 10)
    yield f"mails of chunks of {CHUNKS[0]}", mails


def _unlimited(sinks: SinksProcess) -> Mapping[str, str]:
    rates = {f"POINTS_{name}__RATE": NO_RATE for name in ("SMTP", "MITAKE", "TWILIO")}
    return {**sinks.environment(), **rates, "POINTS_SMTP__TIMEOUT_SECONDS": "60"}


def _sent(
    lane: Lane, site: Site, sinks: SinksProcess, channel: str, chunk: int, messages: int
) -> tuple[float, Mapping[str, float]]:
    """So many messages, from the first that are sent on; then the sender is ended."""
    mine = Lane(lane.name, lane.more | {"POINTS_NOTICES__CHUNK": str(chunk)})
    others = ("POINTS_SMTP__HOST",) if channel == "sms" else ("POINTS_MITAKE__USERNAME",)
    for name in (*others, "POINTS_TWILIO__ACCOUNT_SID", "POINTS_TWILIO__AUTH_TOKEN"):
        mine.more.pop(name, None)
    with connected(site) as database:
        start = count(database, SENT, channel)
        with running(mine, site, "notices-send", sinks) as parts:
            until(
                "the first messages",
                lambda: count(database, SENT, channel) > start + messages // 10,
            )
            first = count(database, SENT, channel)
            began, before = time.monotonic(), Usage.of(parts)
            until("all messages", lambda: count(database, SENT, channel) >= start + messages)
            last = count(database, SENT, channel)
            took, after = time.monotonic() - began, Usage.of(parts)
    return figure(last - first, took, before, after)
