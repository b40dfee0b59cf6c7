"""Events decided a second with notices of many weeks kept, and with none."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from bench.contestant import Site
from bench.measure import Progress, Stack, site_for
from bench.parts.notices.deciding import Measured, decided
from bench.parts.notices.known import hear_of_shops, keep_notices, know_members
from bench.parts.notices.lane import Lane, change, tell

Figures = Mapping[str, object]


def notices_kept(events: int, kept: int, rounds: int, stack: Stack, progress: Progress) -> Figures:
    """Decides grants on empty tables and on full ones in turn, each round of members of its own.

    All have notices among those that are kept. The first round is not counted: caches are cold.
    """
    lane, members = Lane("notices-kept", {}), events * (rounds + 1)
    runs: dict[str, list[Measured]] = {"none": [], "kept": []}
    with _knowing(lane, stack, members) as empty, _knowing(lane, stack, members) as full:
        progress("notices-kept: notices of earlier weeks", 0)
        keep_notices(full, kept, members)
        for number in range(rounds + 1):
            progress("notices-kept", number / (rounds + 1))
            for what, site in (("none", empty), ("kept", full)):
                change(site, events, events, first=number * events)
                runs[what].append(decided(lane, site, events))
    return {"notices kept": kept, "events decided a round": events, **_figures(runs)}


@contextmanager
def _knowing(lane: Lane, stack: Stack, members: int) -> Iterator[Site]:
    """A lane that knows its shops and members."""
    with site_for(lane, stack) as site:
        lane.prepare(site, {})
        tell(site)
        hear_of_shops(site)
        know_members(site, members)
        yield site


def _figures(runs: Mapping[str, Sequence[Measured]]) -> Figures:
    counted = {what: of_each[1:] for what, of_each in runs.items()}
    shares = [
        100 * full / empty
        for (empty, _), (full, _) in zip(counted["none"], counted["kept"], strict=True)
    ]
    figures: dict[str, object] = {
        "share of the empty figure, %": statistics.median_low(shares),
        "share: rounds": " ".join(f"{share:.0f}" for share in shares),
    }
    for what, of_each in counted.items():
        figures[f"events/s, {what}: rounds"] = " ".join(f"{rate:,.0f}" for rate, _ in of_each)
        figures[f"{what}: CPU µs each, by round"] = "; ".join(
            ", ".join(f"{part} {used:,.0f}" for part, used in sorted(cpu.items()))
            for _, cpu in of_each
        )
    return figures
