"""One `notices` worker that decides what is on the topic, from a tenth of it to the last."""

import time
from collections.abc import Mapping

from bench.contestant import Site
from bench.kafka import BenchError
from bench.machine import Usage
from bench.parts.notices.lane import CONSUMED, ROWS, Lane, connected, count, running, until

Measured = tuple[float, Mapping[str, float]]
"""Units a second, and the CPU µs of each by part."""


def decided(lane: Lane, site: Site, events: int) -> Measured:
    """From a tenth of these events, which are on the topic and make two notices each, to the last.

    So the worker is warm.
    """
    topic = site.topic_out
    with connected(site) as database:
        start, there = count(database, CONSUMED, topic), count(database, ROWS)
        begin, end = start + events // 10, start + events
        with running(lane, site, "notices") as parts:
            until("a tenth of the events", lambda: count(database, CONSUMED, topic) >= begin)
            first, began = count(database, CONSUMED, topic), time.monotonic()
            before = Usage.of(parts)
            until("all events", lambda: count(database, CONSUMED, topic) >= end)
            took, after = time.monotonic() - began, Usage.of(parts)
        rows = count(database, ROWS) - there
    if rows != 2 * events:
        raise BenchError(f"notices: {rows} notices of {events} events, and each makes two.")
    return figure(end - first, took, before, after)


def figure(units: int, seconds: float, before: Usage, after: Usage) -> Measured:
    """So many units in so many seconds."""
    return units / seconds, after.cpu_of_each(units, before)
