"""Events decided and SMS sent a second with notices of many weeks kept, and with none."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Final

from bench.contestant import Site
from bench.measure import Progress, Stack, site_for
from bench.parts.notices.deciding import Measured, decided
from bench.parts.notices.known import keep_notices
from bench.parts.notices.lane import Lane, change, hear, tell
from bench.parts.notices.sending import sent, unlimited
from deploy.local.sinks.process import SinksProcess

Figures = Mapping[str, object]
CHUNK: Final = 8
SENT_OF: Final = 6
"""Of a round's SMS one in so many is sent."""
_WHAT: Final = ("events", "SMS")


def notices_kept(events: int, kept: int, rounds: int, stack: Stack, progress: Progress) -> Figures:
    """Decides grants on empty tables and on full ones in turn, each round of members of its own.

    All have notices among those that are kept. Some of each round's SMS are sent, in chunks of 8
    and without a Valkey. The first round is not counted: caches are cold.
    """
    members = events * (rounds + 1)
    runs: dict[str, dict[str, list[Measured]]] = {what: {"none": [], "kept": []} for what in _WHAT}
    with ExitStack() as started:
        sinks = started.enter_context(SinksProcess())
        lane = Lane("notices-kept", unlimited(sinks))
        sites = {
            whose: started.enter_context(_knowing(lane, stack, members))
            for whose in ("none", "kept")
        }
        progress("notices-kept: notices of earlier weeks", 0)
        keep_notices(sites["kept"], kept, members)
        for number in range(rounds + 1):
            progress("notices-kept", number / (rounds + 1))
            for whose, site in sites.items():
                change(site, events, events, first=number * events)
                runs["events"][whose].append(decided(lane, site, events))
            for whose, site in sites.items():
                few = sent(lane, site, sinks, "sms", CHUNK, events // SENT_OF)
                runs["SMS"][whose].append(few)
    figures: dict[str, object] = {"notices kept": kept, "events decided a round": events}
    for what in _WHAT:
        figures |= _figures(what, runs[what])
    return figures


@contextmanager
def _knowing(lane: Lane, stack: Stack, members: int) -> Iterator[Site]:
    """A lane that knows its shops and members."""
    with site_for(lane, stack) as site:
        lane.prepare(site, {})
        tell(site)
        hear(lane, site, members)
        yield site


def _figures(what: str, runs: Mapping[str, Sequence[Measured]]) -> Figures:
    counted = {whose: of_each[1:] for whose, of_each in runs.items()}
    shares = [
        100 * full / empty
        for (empty, _), (full, _) in zip(counted["none"], counted["kept"], strict=True)
    ]
    figures: dict[str, object] = {
        f"{what}: share of the empty figure, %": statistics.median_low(shares),
        f"{what}: share, rounds": " ".join(f"{share:.0f}" for share in shares),
    }
    for whose, of_each in counted.items():
        figures[f"{what}/s, {whose}: rounds"] = " ".join(f"{rate:,.0f}" for rate, _ in of_each)
        figures[f"{what}, {whose}: CPU µs each, by round"] = "; ".join(
            ", ".join(f"{part} {used:,.0f}" for part, used in sorted(cpu.items()))
            for _, cpu in of_each
        )
    return figures
