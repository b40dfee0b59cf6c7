"""`notices-send` workers that send what waits, without a rate, to sinks on the same cores."""

import time
from collections.abc import Mapping
from contextlib import ExitStack

from bench.contestant import Site
from bench.machine import Usage
from bench.parts.notices.deciding import Measured, figure
from bench.parts.notices.lane import Lane, connected, count, running, until
from deploy.local.sinks.process import SinksProcess

NO_RATE = "1000000"
SENT = """SELECT coalesce(sum(messages - unknown), 0)::bigint FROM notices.meter
          WHERE channel = %s"""
"""What the meter says: to count the notices themselves would be a part of what is measured."""


def unlimited(sinks: SinksProcess) -> Mapping[str, str]:
    """The sinks as providers, as fast as they go."""
    rates = {f"POINTS_{name}__RATE": NO_RATE for name in ("SMTP", "MITAKE", "TWILIO")}
    return {**sinks.environment(), **rates, "POINTS_SMTP__TIMEOUT_SECONDS": "60"}


def sent(
    lane: Lane,
    site: Site,
    sinks: SinksProcess,
    channel: str,
    chunk: int,
    messages: int,
    senders: int = 1,
) -> Measured:
    """So many messages, from the first that are sent on; then the senders are ended."""
    mine = Lane(
        lane.name, lane.more | {"POINTS_NOTICES__CHUNK": str(chunk)}, checkout=lane.checkout
    )
    others = ("POINTS_SMTP__HOST",) if channel == "sms" else ("POINTS_MITAKE__USERNAME",)
    for name in (*others, "POINTS_TWILIO__ACCOUNT_SID", "POINTS_TWILIO__AUTH_TOKEN"):
        mine.more.pop(name, None)
    with connected(site) as database, ExitStack() as started:
        start = count(database, SENT, channel)
        parts = list(started.enter_context(running(mine, site, "notices-send", sinks)))
        for number in range(1, senders):
            more = started.enter_context(running(mine, site, "notices-send", number=number))
            parts.append(more[0])
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
